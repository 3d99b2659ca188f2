//! An event with what the EMD computes of it alone.

use crate::energy_flow::EnergyFlow;

/// An event with what [`Emd`](crate::Emd) computes of it alone.
#[derive(Debug, Clone)]
pub struct PreparedFlow<'a> {
    pub(crate) flow: &'a EnergyFlow,
}
