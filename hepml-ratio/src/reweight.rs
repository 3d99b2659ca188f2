//! Reweighting the denominator to the numerator.

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, EventSet, FitReport, Item, LogRatio, Weighted};
use hepml_stats::tail_index_log;

use crate::error::{Error, Result};

/// From this tail index on the variance of a mean is infinite (arXiv:1507.02646).
pub(crate) const INFINITE_VARIANCE: f64 = 0.5;

/// How to turn a log ratio into weights.
///
/// The weight of an event becomes w e^z, which keeps the sum of weights in expectation where z is the ratio of densities;
/// [`total`](Self::total) then scales all weights to a given sum (the numerator's, for yields).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields, default)]
pub struct Reweighting {
    #[serde(skip_serializing_if = "Option::is_none")]
    clip: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<f64>,
}

/// Reweighted events and what happened to them.
#[derive(Debug, Clone)]
pub struct Reweighted<E> {
    /// The same events with new weights.
    pub events: Weighted<E>,
    /// "effective sample size/before" and "/after"; "normalisation", E_den\[r\] before any scaling, 1 for an exact ratio, with
    /// its error unless the tail index says that the variance is infinite; "clipped" events; "largest ratio"; "tail index" of
    /// abs(w) r; warnings.
    pub report: FitReport,
}

impl Reweighting {
    /// Neither clipped nor scaled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Clips z to \[-clip, clip\]; the events are counted.
    #[must_use]
    pub const fn clip(mut self, clip: f64) -> Self {
        self.clip = Some(clip);
        self
    }

    /// Scales the new weights to this sum.
    #[must_use]
    pub const fn total(mut self, total: f64) -> Self {
        self.total = Some(total);
        self
    }

    /// Reweights denominator events, of any kind, by a model of p_num/p_den.
    ///
    /// ```
    /// use hepml_core::{LogRatio, Result, Table, Weighted, ndarray::{Array1, array}};
    /// use hepml_ratio::Reweighting;
    ///
    /// struct Slope;
    /// impl LogRatio<Table> for Slope {
    ///     fn log_ratio(&self, events: &Table) -> Result<Array1<f64>> {
    ///         Ok(events.column(0).to_owned())
    ///     }
    /// }
    ///
    /// let table: Table = array![[0.0], [2.0_f64.ln()]];
    /// let reweighted = Reweighting::new().apply(&Slope, &Weighted::new(table, vec![3.0, -1.0])?)?;
    /// assert_eq!(reweighted.events.weights(), [3.0, -2.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No events; a clip or total that is not positive; a log ratio that is not finite, or a weight that overflows, naming
    /// the event; for a total, new weights whose sum is not positive; what the model returns.
    pub fn apply<E, M>(&self, model: &M, denominator: &Weighted<E>) -> Result<Reweighted<E>>
    where
        E: EventSet,
        M: LogRatio<E> + ?Sized,
    {
        for (what, value) in [("clip of a log ratio", self.clip), ("total of the weights", self.total)] {
            if let Some(value) = value.filter(|&value| !(value > 0.0 && value.is_finite())) {
                return Err(CoreError::out_of_range(what, value, "positive and finite").into());
            }
        }
        if denominator.is_empty() {
            return Err(CoreError::Empty { what: "denominator".into() }.into());
        }
        let mut z = model.log_ratio(denominator.events())?;
        if z.len() != denominator.len() {
            return Err(CoreError::shape("log ratios", denominator.len(), z.len()).into());
        }
        let mut clipped = 0_usize;
        let mut weights = Vec::with_capacity(z.len());
        for (event, (z, &weight)) in z.iter_mut().zip(denominator.weights()).enumerate() {
            let item = Item::event(event);
            if !z.is_finite() {
                return Err(CoreError::NotFinite { what: "log ratio".into(), item, value: *z }.into());
            }
            if let Some(clip) = self.clip.filter(|&clip| z.abs() > clip) {
                *z = z.clamp(-clip, clip);
                clipped += 1;
            }
            let value = weight * z.exp();
            if !value.is_finite() {
                return Err(CoreError::NotFinite { what: "new weight".into(), item, value }.into());
            }
            weights.push(value);
        }
        let mut report = FitReport::new();
        let (before, after) = (denominator.sum_weights(), weights.iter().sum::<f64>());
        if let Some(total) = self.total {
            if !(after > 0.0 && after.is_finite()) {
                let what = "reweighted events";
                return Err(Error::from(hepml_stats::Error::NonPositiveSum { what, sum: after }));
            }
            for weight in &mut weights {
                *weight *= total / after;
            }
        }
        let events = denominator.reweighted(weights)?;
        report.measure("effective sample size/before", denominator.effective_sample_size(), None);
        report.measure("effective sample size/after", events.effective_sample_size(), None);
        report.measure("clipped", clipped as f64, None);
        report.measure("largest ratio", z.iter().copied().fold(f64::NEG_INFINITY, f64::max).exp(), None);
        if clipped > 0 {
            report.warn(format!("{clipped} of {} log ratios were clipped", denominator.len()));
        }
        let log_weights: Vec<f64> = z
            .iter()
            .zip(denominator.weights())
            .filter(|(_, weight)| **weight != 0.0)
            .map(|(z, weight)| z + weight.abs().ln())
            .collect();
        // Too few events have no tail to fit; then there is none to warn of.
        let tail = tail_index_log(&log_weights).ok();
        if let Some(tail) = tail {
            report.measure("tail index", tail.k, None);
            if !tail.is_reliable() {
                report.warn(format!(
                    "the tail index of the new weights is {:.2}: sums and effective sample size cannot be trusted",
                    tail.k
                ));
            }
        }
        if before > 0.0 {
            let mean = after / before;
            let residuals =
                z.iter().zip(denominator.weights()).map(|(z, w)| (w / before * (z.exp() - mean)).powi(2));
            let error = residuals.sum::<f64>().sqrt();
            let finite = tail.is_none_or(|tail| tail.k < INFINITE_VARIANCE);
            report.measure("normalisation", mean, finite.then_some(error));
        } else {
            report.warn(format!("the sum of the denominator's weights is {before}: E_den[r] is not defined"));
        }
        Ok(Reweighted { events, report })
    }
}
