//! What searches for barycentres have in common.

use hepml_core::{Error as CoreError, Item};

use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};

/// A mean of events in the sense of optimal transport, and how good it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Barycentre {
    /// The barycentre; its energies add up to 1.
    pub event: EnergyFlow,
    /// sum_s lambda_s EMD(barycentre, event s), with exact EMDs.
    pub value: f64,
    /// How much `value` may exceed the least possible on the support: a proof, by the dual problem.
    pub gap: f64,
    /// The exact EMD of the barycentre to each event.
    pub distances: Vec<f64>,
    /// The iterations made.
    pub iterations: usize,
    /// Whether the gap is as small as was asked for.
    pub converged: bool,
}

/// The weights divided by their sum.
pub(crate) fn checked_weights(events: &[EnergyFlow], weights: &[f64]) -> Result<Vec<f64>> {
    if events.is_empty() {
        return Err(CoreError::Empty { what: "list of events".into() }.into());
    }
    if weights.len() != events.len() {
        return Err(CoreError::shape("weights of events", events.len(), weights.len()).into());
    }
    let mut largest = 0.0_f64;
    for (event, &value) in weights.iter().enumerate() {
        let (what, item) = ("weight".into(), Item::event(event));
        if !value.is_finite() {
            return Err(CoreError::NotFinite { what, item, value }.into());
        }
        if value < 0.0 {
            return Err(CoreError::OutOfRange { what, item, value, allowed: "zero or positive" }.into());
        }
        largest = largest.max(value);
    }
    if largest == 0.0 {
        return Err(CoreError::out_of_range("largest weight", 0.0, "positive").into());
    }
    for (event, flow) in events.iter().enumerate() {
        let (value, item) = (flow.total_energy(), Item::event(event));
        if value == 0.0 {
            let what = "total energy".into();
            return Err(Error::Core(CoreError::OutOfRange { what, item, value, allowed: "positive" }));
        }
    }
    // In two steps, as the sum can overflow.
    let total: f64 = weights.iter().map(|weight| weight / largest).sum();
    Ok(weights.iter().map(|weight| weight / largest / total).collect())
}
