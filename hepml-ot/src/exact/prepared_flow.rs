//! An event with what the EMD computes of it alone.

use crate::energy_flow::EnergyFlow;
use crate::exact::bounds::Bounds;

/// An event with what [`Emd`](crate::Emd) computes of it alone.
#[derive(Debug, Clone)]
pub struct PreparedFlow<'a> {
    pub(crate) flow: &'a EnergyFlow,
    /// What bounds its values from below, if the cost is known well enough for that.
    pub(crate) bounds: Option<Bounds>,
}
