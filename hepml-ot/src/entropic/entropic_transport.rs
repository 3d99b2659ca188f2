//! The solution of a transport problem with entropy.

use hepml_core::ndarray::Array2;

/// A plan that entropy has smoothed, its potentials, and how well they fit.
///
/// The plan is pi_ij = a_i b_j / M exp((f_i + g_j - c_ij)/eps) with the potentials f (`source_potentials`) and g
/// (`sink_potentials`) and the M of [`Sinkhorn`](crate::Sinkhorn). Balanced, f and g are defined up to a constant that f
/// gains and g loses, chosen so that both sides carry half of the value. A particle without energy has the potential that the
/// first bit of energy on it would have; nothing moves from or to a side without any energy, and the potentials of the other side
/// are then infinite if unbalanced.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EntropicTransport {
    /// OT_eps, entropies included, as the value of the dual problem: not above the minimum.
    pub value: f64,
    /// sum_ij pi_ij c_ij of the plan alone.
    pub transport_cost: f64,
    /// What is moved, `[first side, second side]`.
    pub plan: Array2<f64>,
    /// The potential f of each particle of the first side.
    pub source_potentials: Vec<f64>,
    /// The potential g of each particle of the second side.
    pub sink_potentials: Vec<f64>,
    /// The passes over the cost matrix.
    pub iterations: usize,
    /// The residual of [`Sinkhorn`](crate::Sinkhorn), measured on `plan`: the larger of that of rows and that of columns.
    pub residual: f64,
    /// Whether the iteration reached its tolerance.
    pub converged: bool,
}
