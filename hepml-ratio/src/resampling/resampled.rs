//! What a resampling returns.

use hepml_core::{EventSet, FitReport, Weighted};

/// Resampled events and the report of the resampling.
///
/// The report holds, before and after: the number of events, the fraction with a negative weight, the sum of the negative
/// weights, the effective sample size, also per event, the sums of w and of w^2 (left out, with a warning, where it
/// overflows); and what the method adds.
///
/// # What is gained
/// With W = E\[w|x\], V = E\[w^2|x\] and K = V/W^2, n events near x have the sum n W with the variance n V.
///
/// | | original | neural | cells |
/// |---|---|---|---|
/// | events near x | n | n/K | n |
/// | sum of w^2 | n V | n V | falls towards n W^2 |
/// | effective sample size (sum w)^2/(sum w^2) | n/K | n/K | rises towards n |
/// | the same per event | 1/K | 1 | rises towards 1 |
/// | variance of the sum | n V | n V | n V |
/// | sqrt(sum w^2) as an error | right | right | too small |
///
/// Neural resampling cannot raise the effective sample size, for it keeps both sums. What it saves is events: 1/K of them have
/// the same statistical power, and only they need a detector simulation and a place on disk. (The moments are learned; where
/// they are learned from the events that are resampled, what the learner picks up of their fluctuations is added to the
/// variance, which then lies between n V and n (2 V - W^2).)
///
/// Cell resampling keeps all events and the sum of each cell, and so the fluctuation of every region wider than a cell: it is
/// that of the original sample. The effective sample size rises as a measure of how even the weights are, not of what is
/// known: **errors of binned sums are to be taken from the original weights**, or from resampling replicas of the sample.
/// What is gained are events of even weights, none of them negative.
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
            let negative = sample.weights().iter().filter(|weight| **weight < 0.0).sum();
            report.measure(format!("sum of negative weights/{when}"), negative, None);
            let effective = sample.effective_sample_size();
            report.measure(format!("effective sample size/{when}"), effective, None);
            let per_event = effective / sample.len() as f64;
            report.measure(format!("effective sample size per event/{when}"), per_event, None);
            let squares = sample.sum_squared_weights();
            let error = Some(squares.sqrt()).filter(|error| error.is_finite());
            report.measure(format!("sum of weights/{when}"), sample.sum_weights(), error);
            if squares.is_finite() {
                report.measure(format!("sum of squared weights/{when}"), squares, None);
            } else {
                report.warn(format!("the sum of squared weights {when} is beyond the range of numbers"));
            }
        }
        Self { events: after, report }
    }
}
