//! What training returns.

use hepml_core::FitReport;

use super::trainer::End;
use super::{TrainingConfig, TrainingState};
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// A share of negative weights from which the statistical power that they cost should be looked at.
const MANY_NEGATIVE: f64 = 0.25;
/// A share of clipped steps from which the clipping rules the training.
const MANY_CLIPPED: f64 = 0.5;

/// Learned parameters, how they were learned, and the state from which to go on.
///
/// The report has the curves `loss/train` (the mean over the events of an epoch, as they were learned, noise included),
/// `penalty/train` (if the network has penalties), `loss/validation` and `rate`, one value an epoch, and the measures
/// `epochs`, `steps`, `events`, `effective sample size`, `negative weight fraction`, `clipped steps`, and with held-out
/// events `best epoch` and `best loss/validation`.
#[derive(Debug, Clone)]
pub struct Trained<T: Scalar> {
    /// The parameters of the best epoch; without held-out events the last ones (their average, if one was asked for).
    pub parameters: Parameters<T>,
    /// How it went.
    pub report: FitReport,
    /// From where to go on.
    pub state: TrainingState<T>,
}

impl<T: Scalar> Trained<T> {
    pub(super) fn new(
        config: &TrainingConfig,
        state: TrainingState<T>,
        end: End,
        weights: Option<&[f64]>,
    ) -> Self {
        let mut report = FitReport::new();
        report.stopped = end == End::Stopped;
        let journal = &state.journal;
        report.curve("loss/train", journal.losses.clone());
        if journal.penalties.iter().any(|penalty| *penalty != 0.0) {
            report.curve("penalty/train", journal.penalties.clone());
        }
        if !journal.validation.is_empty() {
            report.curve("loss/validation", journal.validation.clone());
        }
        report.curve("rate", journal.rates.clone());

        let (epochs, steps) = (journal.epoch, journal.step);
        report.measure("epochs", epochs as f64, None);
        report.measure("steps", steps as f64, None);
        report.measure("clipped steps", journal.clipped as f64, None);
        report_weights(&mut report, journal.events, weights);
        if config.clip_norm.is_some() && journal.clipped as f64 > MANY_CLIPPED * steps as f64 {
            let clipped = journal.clipped;
            report.warn(format!("the gradients of {clipped} of {steps} steps were clipped"));
        }
        if let Some((best, loss)) = journal.best {
            report.measure("best epoch", best as f64, None);
            report.measure("best loss/validation", loss, None);
            if end == End::OutOfPatience {
                report.warn(format!("stopped early after epoch {epochs}: none was better than epoch {best}"));
            }
            if best == 1 && epochs > 1 {
                report.warn("the held-out loss never became better than after the first epoch");
            } else if best == epochs && epochs > 1 && end == End::Done {
                report.warn("the last epoch was the best one: a longer training may be better");
            }
        } else if let [first, .., last] = journal.losses[..]
            && last >= first
        {
            report.warn("the training loss is not lower at the end than in the first epoch");
        }
        if epochs == 0 {
            report.warn("stopped in the first epoch: not all events have been seen");
        }

        let parameters = match (&state.best, &state.average) {
            (Some(best), _) => best.clone(),
            (None, Some(average)) => Parameters::clone(average),
            (None, None) => Parameters::clone(&state.parameters),
        };
        Self { parameters, report, state }
    }
}

/// What the weights of the training events mean for their number.
fn report_weights(report: &mut FitReport, events: usize, weights: Option<&[f64]>) {
    let count = events as f64;
    report.measure("events", count, None);
    // Scaled to a mean of |w| of 1: no square overflows.
    let (effective, negative) = weights.map_or((count, 0.0), |weights| {
        let (sum, squares) = weights.iter().fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
        let negative = weights.iter().filter(|w| **w < 0.0).count() as f64 / count;
        if sum <= 0.0 {
            report.warn("the weights of the training events do not sum to a positive number");
        }
        (sum * sum / squares, negative)
    });
    report.measure("effective sample size", effective, None);
    report.measure("negative weight fraction", negative, None);
    if negative > MANY_NEGATIVE {
        let percent = 100.0 * negative;
        report.warn(format!(
            "{percent:.0}% of the training events have negative weights: {count} events are worth {effective:.0}"
        ));
    }
}
