//! What a resampling returns.

use hepml_core::{EventSet, FitReport, Weighted};

/// Resampled events and the report of the resampling.
///
/// The report holds, before and after: the number of events, the fraction with a negative weight, the effective sample size,
/// the sums of w and of w^2; and what the method adds.
#[derive(Debug, Clone)]
pub struct Resampled<E> {
    /// The events with their new weights.
    pub events: Weighted<E>,
    /// How it went.
    pub report: FitReport,
}

impl<E: EventSet> Resampled<E> {
    /// With the numbers that every method reports.
    pub(super) fn new(before: &Weighted<E>, after: Weighted<E>) -> Self {
        let mut report = FitReport::new();
        for (when, sample) in [("before", before), ("after", &after)] {
            report.measure(format!("events/{when}"), sample.len() as f64, None);
            report.measure(format!("negative fraction/{when}"), sample.negative_fraction(), None);
            report.measure(format!("effective sample size/{when}"), sample.effective_sample_size(), None);
            let squares = sample.sum_squared_weights();
            report.measure(format!("sum of weights/{when}"), sample.sum_weights(), Some(squares.sqrt()));
            report.measure(format!("sum of squared weights/{when}"), squares, None);
        }
        Self { events: after, report }
    }
}
