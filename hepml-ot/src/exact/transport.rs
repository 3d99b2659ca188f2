//! The solution of a transport problem.

use hepml_core::ndarray::Array2;

/// An optimal plan, its cost, and the proof that it is optimal.
///
/// The proof is linear-programming duality. For the potentials u (`source_potentials`) and v (`sink_potentials`) and the
/// cost matrix c holds u_i + v_j <= c_ij (up to one rounding), so sum_i a_i u_i + sum_j b_j v_j is a lower bound of the cost
/// of every plan, and [`gap`](Self::gap) is how much `value` exceeds it. Where energy may be left over at a penalty, also
/// u_i <= penalty (if first-side energy may stay) and v_j <= penalty (if second-side energy may).
///
/// The potentials are the derivatives of the value by the energies, wherever it has them: `value` changes by u_i per
/// unit of energy added to particle i of the first side. At a kink (ties; totals that are exactly equal while the surplus
/// costs a penalty) they are one of the subgradients. If everything has to be moved, they are defined up to a constant that
/// u gains and v loses; it is chosen so that both sides carry half of the value, and only derivatives along changes that
/// keep the totals equal have a meaning.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Transport {
    /// The cost of the plan, that of what is left over included.
    pub value: f64,
    /// How much `value` exceeds the lower bound that the potentials prove: its error is at most this (up to rounding).
    pub gap: f64,
    /// The pivots of the simplex.
    pub pivots: usize,
    /// What is moved, by `from`, then `to`; at most one entry fewer than there are particles on both sides.
    pub flows: Vec<Flow>,
    /// For each particle of the first side, the energy that is not moved.
    pub removed: Vec<f64>,
    /// For each particle of the second side, the energy that comes from no particle of the first.
    pub created: Vec<f64>,
    /// The dual potential of each particle of the first side.
    pub source_potentials: Vec<f64>,
    /// The dual potential of each particle of the second side.
    pub sink_potentials: Vec<f64>,
}

/// An amount of energy that a plan moves from a particle of the first side to one of the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// The particle of the first side.
    pub from: usize,
    /// The particle of the second side.
    pub to: usize,
    /// The energy, positive.
    pub amount: f64,
}

impl Transport {
    /// The plan as a matrix `[first side, second side]`, without what is left over.
    pub fn plan(&self) -> Array2<f64> {
        let mut plan = Array2::zeros((self.removed.len(), self.created.len()));
        for flow in &self.flows {
            plan[(flow.from, flow.to)] += flow.amount;
        }
        plan
    }

    /// The energy that is moved.
    pub fn moved(&self) -> f64 {
        self.flows.iter().map(|flow| flow.amount).sum()
    }
}
