//! Optimal transport with a cost matrix of one's own.

use hepml_core::ndarray::ArrayRef2;
use hepml_core::{Error as CoreError, Item, finite};

use crate::compensated;
use crate::error::{Error, Result};
use crate::exact::leftover::Leftover;
use crate::exact::transport::Transport;
use crate::exact::workspace::{Side, Workspace};

/// Masses on two sides and the cost of moving a unit from each of the one to each of the other.
///
/// For what [`Emd`](crate::Emd) does not know: another space, another ground cost (flavour, charge), samples with weights.
///
/// ```
/// use hepml_core::ndarray::array;
/// use hepml_ot::TransportProblem;
///
/// let cost = array![[1.0, 3.0], [2.0, 1.0]];
/// let solution = TransportProblem::new(&cost, &[0.5, 0.5], &[0.25, 0.75])?.balanced()?;
/// assert_eq!(solution.value, 0.25 * 1.0 + 0.25 * 3.0 + 0.5 * 1.0);
/// assert!(solution.gap.abs() < 1e-15);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TransportProblem<'a> {
    cost: &'a ArrayRef2<f64>,
    from: Side<'a>,
    to: Side<'a>,
    max_pivots: Option<usize>,
}

impl<'a> TransportProblem<'a> {
    /// The problem of moving `from[n]` to `to[m]` at `cost[n, m]` per unit.
    ///
    /// Masses are finite and not negative (those that are 0 are left out of the solution's plan); costs are finite and may
    /// be negative.
    ///
    /// # Errors
    /// Shapes that do not fit; a mass that is negative or not finite; a cost that is not finite; masses whose sum overflows.
    pub fn new(cost: &'a ArrayRef2<f64>, from: &'a [f64], to: &'a [f64]) -> Result<Self> {
        if cost.nrows() != from.len() {
            return Err(CoreError::shape("rows of the cost matrix", from.len(), cost.nrows()).into());
        }
        if cost.ncols() != to.len() {
            return Err(CoreError::shape("columns of the cost matrix", to.len(), cost.ncols()).into());
        }
        if let Some(((from, to), &value)) = cost.indexed_iter().find(|(_, cost)| !cost.is_finite()) {
            return Err(Error::CostNotFinite { from, to, value });
        }
        let (from, to) = (side("mass of the first side", from)?, side("mass of the second side", to)?);
        Ok(Self { cost, from, to, max_pivots: None })
    }

    /// The same problem, given up with [`Error::NotConverged`] after so many pivots; by default 10000 + 20 `n` `m`.
    #[must_use]
    pub fn max_pivots(mut self, pivots: usize) -> Self {
        self.max_pivots = Some(pivots);
        self
    }

    /// Everything is moved: min sum f_ij c_ij over plans with sum_j f_ij = from_i, sum_i f_ij = to_j.
    ///
    /// The totals must agree to 1e-9 of the larger. What they differ by is taken from each mass of the second side in
    /// proportion: the plan has the total of the first.
    ///
    /// # Errors
    /// [`Error::NotBalanced`] with both totals; [`Error::NotConverged`], [`Error::NotCertified`] if the solver fails;
    /// [`Error::ValueOverflows`].
    pub fn balanced(&self) -> Result<Transport> {
        self.solve(Leftover::None)
    }

    /// As much as possible is moved, and the surplus of the heavier side costs `penalty` per unit (which may be negative):
    /// min sum f_ij c_ij + penalty |sum from - sum to| with sum f = min(sum from, sum to), sum_j f_ij <= from_i,
    /// sum_i f_ij <= to_j.
    ///
    /// This is the form of the Energy Mover's Distance (arXiv:1902.02346).
    ///
    /// # Errors
    /// A penalty that is not finite; [`Error::NotConverged`], [`Error::NotCertified`] if the solver fails;
    /// [`Error::ValueOverflows`].
    pub fn unbalanced(&self, penalty: f64) -> Result<Transport> {
        self.solve(Leftover::OfHeavier(finite("penalty", penalty)?))
    }

    /// Only what is worth it is moved (partial transport); what stays, on either side, costs `penalty` per unit:
    /// min sum f_ij c_ij + penalty (sum from + sum to - 2 sum f) with sum_j f_ij <= from_i, sum_i f_ij <= to_j.
    ///
    /// Nothing moves at a cost above twice the penalty. If there is no such cost, this is [`unbalanced`](Self::unbalanced).
    ///
    /// # Errors
    /// As [`unbalanced`](Self::unbalanced).
    pub fn partial(&self, penalty: f64) -> Result<Transport> {
        self.solve(Leftover::OfBoth(finite("penalty", penalty)?))
    }

    fn solve(&self, leftover: Leftover) -> Result<Transport> {
        let mut workspace = Workspace::new();
        let sides = [self.from, self.to];
        let solved = workspace.solve(sides, leftover, self.max_pivots, |from, to, costs| {
            let row = self.cost.row(from);
            for (cost, &to) in costs.iter_mut().zip(to) {
                *cost = row[to];
            }
        })?;
        workspace.transport(solved, sides, leftover, |from, to| self.cost[(from, to)])
    }
}

fn side<'a>(what: &'static str, masses: &'a [f64]) -> Result<Side<'a>> {
    for (particle, &value) in masses.iter().enumerate() {
        finite(what, value).map_err(|error| error.at_particle(particle))?;
        if value < 0.0 {
            let allowed = "zero or positive";
            let item = Item { event: None, particle: Some(particle) };
            return Err(CoreError::OutOfRange { what: what.into(), item, value, allowed }.into());
        }
    }
    let total = compensated::sum(masses.iter().copied());
    if total.is_finite() {
        Ok(Side { masses, total })
    } else {
        Err(Error::TotalOverflows { particles: masses.len() })
    }
}
