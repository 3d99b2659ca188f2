//! The log ratios of a held-out sample with its weights.

use hepml_core::{Error as CoreError, EventSet, FitReport, Item, LogRatio, Weighted};

use crate::error::Result;
use crate::split::of_side;

/// Fewer effective events than this on a side leave its means uncertain by a third or more.
const FEW_EVENTS: f64 = 10.0;

/// One side: z of each event, and its weight over the sum of the side's weights.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOutSide {
    z: Vec<f64>,
    weights: Vec<f64>,
    effective: f64,
}

impl HeldOutSide {
    /// Evaluates a model on a sample; `side` is its name in errors ("numerator").
    pub(crate) fn new<E, M>(side: &'static str, model: &M, sample: &Weighted<E>) -> Result<Self>
    where
        E: EventSet,
        M: LogRatio<E> + ?Sized,
    {
        if sample.is_empty() {
            return Err(CoreError::Empty { what: side.into() }.into());
        }
        let z = model.log_ratio(sample.events()).map_err(|error| of_side(side, error))?.to_vec();
        Self::from_log_ratios(side, z, sample.weights())
    }

    /// From log ratios that are already there.
    pub(crate) fn from_log_ratios(side: &'static str, z: Vec<f64>, weights: &[f64]) -> Result<Self> {
        if z.is_empty() {
            return Err(CoreError::Empty { what: side.into() }.into());
        }
        if z.len() != weights.len() {
            return Err(CoreError::shape(format!("log ratios of the {side}"), weights.len(), z.len()).into());
        }
        if let Some((event, &value)) = z.iter().enumerate().find(|(_, z)| !z.is_finite()) {
            let what = format!("log ratio in the {side}").into();
            return Err(CoreError::NotFinite { what, item: Item::event(event), value }.into());
        }
        if let Some((event, &value)) = weights.iter().enumerate().find(|(_, w)| !w.is_finite()) {
            let what = format!("weight in the {side}").into();
            return Err(CoreError::NotFinite { what, item: Item::event(event), value }.into());
        }
        // Scaled by the largest weight, so that sums neither overflow nor underflow.
        let largest = weights.iter().fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
        let scale = if largest > 0.0 { largest } else { 1.0 };
        let sum: f64 = weights.iter().map(|weight| weight / scale).sum();
        if sum <= 0.0 {
            let what = if side == "numerator" { "numerator weights" } else { "denominator weights" };
            return Err(hepml_stats::Error::NonPositiveSum { what, sum: sum * scale }.into());
        }
        let weights: Vec<f64> = weights.iter().map(|weight| weight / scale / sum).collect();
        let effective = hepml_stats::effective_sample_size(&weights)?;
        Ok(Self { z, weights, effective })
    }

    /// The log ratio of each event.
    pub fn log_ratios(&self) -> &[f64] {
        &self.z
    }

    /// The weight of each event; they sum to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The effective sample size (sum w)^2/(sum w^2).
    pub fn effective_sample_size(&self) -> f64 {
        self.effective
    }

    /// z and weight of each event.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.z.iter().copied().zip(self.weights.iter().copied())
    }

    /// The weighted mean of a function of z.
    pub(crate) fn mean(&self, f: impl Fn(f64) -> f64) -> f64 {
        // Without a weight an event adds nothing, even where f overflows.
        self.iter().filter(|(_, w)| *w != 0.0).map(|(z, w)| w * f(z)).sum()
    }

    /// The smallest and the largest z of events that have a weight.
    pub(super) fn range(&self) -> (f64, f64) {
        self.iter()
            .filter(|(_, w)| *w != 0.0)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (z, _)| (low.min(z), high.max(z)))
    }
}

/// Both sides of a held-out sample as a calibration sees them: z and weights.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut {
    /// The numerator, label 1.
    pub numerator: HeldOutSide,
    /// The denominator, label 0.
    pub denominator: HeldOutSide,
}

impl HeldOut {
    /// Evaluates a model on both samples.
    ///
    /// # Errors
    /// An empty side; a side whose weights do not sum to a positive number; a log ratio that is not finite, naming side and
    /// event; what the model returns.
    pub fn new<E, M>(model: &M, numerator: &Weighted<E>, denominator: &Weighted<E>) -> Result<Self>
    where
        E: EventSet,
        M: LogRatio<E> + ?Sized,
    {
        Ok(Self {
            numerator: HeldOutSide::new("numerator", model, numerator)?,
            denominator: HeldOutSide::new("denominator", model, denominator)?,
        })
    }

    /// The same events with another z.
    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        let side =
            |side: &HeldOutSide| HeldOutSide { z: side.z.iter().map(|&z| f(z)).collect(), ..side.clone() };
        Self { numerator: side(&self.numerator), denominator: side(&self.denominator) }
    }

    /// z, whether it is of the numerator, and weight of each event, in ascending z.
    pub(crate) fn ascending(&self) -> Vec<(f64, bool, f64)> {
        let numerator = self.numerator.iter().map(|(z, w)| (z, true, w));
        let denominator = self.denominator.iter().map(|(z, w)| (z, false, w));
        let mut events: Vec<_> = numerator.chain(denominator).collect();
        events.sort_by(|a, b| a.0.total_cmp(&b.0));
        events
    }

    /// Whether no z of one side lies within the range of the other's.
    pub(crate) fn is_separated(&self) -> bool {
        let (num_low, num_high) = self.numerator.range();
        let (den_low, den_high) = self.denominator.range();
        den_high < num_low || num_high < den_low
    }

    /// Effective sample sizes, with a warning where one event or a few carry a side.
    pub(crate) fn report(&self, report: &mut FitReport) {
        for (name, side) in [("numerator", &self.numerator), ("denominator", &self.denominator)] {
            report.measure(format!("effective sample size/{name}"), side.effective, None);
            if side.effective < FEW_EVENTS {
                report.warn(format!(
                    "the {name} has {} events but an effective sample size of {:.3}: a few weights carry it",
                    side.z.len(),
                    side.effective
                ));
            }
        }
    }
}
