//! Binned sums of weights against what they should be.

use std::error::Error;

use hepml::core::{Table, Weighted};
use hepml::stats::{Binning, Histogram};

use crate::spectrum::{Observable, Spectrum};

/// Bins of an observable with the exact expectation of each.
pub(crate) struct Expected {
    pub(crate) observable: Observable,
    pub(crate) binning: Binning,
    /// The expected sum of weights of each bin.
    pub(crate) exact: Vec<f64>,
}

impl Expected {
    /// Of pT and of the rapidity, for so many events.
    pub(crate) fn both(spectrum: &Spectrum, events: usize) -> Result<[Self; 2], Box<dyn Error>> {
        let expected = |observable, binning: Binning| {
            let edges = binning.edges().windows(2);
            let exact =
                edges.map(|edge| events as f64 * spectrum.integral(observable, edge[0], edge[1])).collect();
            Self { observable, binning, exact }
        };
        Ok([
            expected(Observable::Pt, Binning::uniform(24, 0.0, 120.0)?),
            expected(Observable::Rapidity, Binning::uniform(20, -3.0, 3.0)?),
        ])
    }

    /// The column of the observable.
    fn column(&self) -> usize {
        usize::from(self.observable == Observable::Rapidity)
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.observable {
            Observable::Pt => "pT",
            Observable::Rapidity => "y",
        }
    }

    pub(crate) fn fill(&self, events: &Weighted<Table>) -> Result<Histogram, Box<dyn Error>> {
        let mut histogram = Histogram::new(self.binning.clone());
        histogram.fill_many(&events.events().column(self.column()).to_vec(), Some(events.weights()))?;
        Ok(histogram)
    }

    /// How far off each bin is, in units of an error.
    pub(crate) fn pulls(&self, histogram: &Histogram, errors: &[f64]) -> Vec<f64> {
        let off = histogram.sum_weights().iter().zip(&self.exact).map(|(sum, exact)| sum - exact);
        off.zip(errors).map(|(off, error)| off / error).collect()
    }
}

/// What the bins of both observables say of a sample.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    /// The mean square of the pulls from the exact sums, in errors of the original sample.
    pub(crate) chi2: f64,
    /// The same in the errors that the sample's own weights suggest.
    pub(crate) chi2_own: f64,
    /// The largest pull, in errors of the original sample.
    pub(crate) largest: f64,
    /// The bin that has it.
    pub(crate) worst: String,
    /// The largest change from the original sample, in units of both samples' errors together.
    pub(crate) largest_change: f64,
}

impl Agreement {
    pub(crate) fn new(
        expected: &[Expected],
        original: &Weighted<Table>,
        sample: &Weighted<Table>,
    ) -> Result<Self, Box<dyn Error>> {
        let (mut squares, mut own, mut bins) = (0.0, 0.0, 0_usize);
        let (mut largest, mut largest_change, mut worst) = (0.0_f64, 0.0_f64, String::new());
        for expected in expected {
            let (before, after) = (expected.fill(original)?, expected.fill(sample)?);
            if before.errors().iter().chain(&after.errors()).any(|error| *error == 0.0) {
                return Err(format!("a bin of {} has no events: take more (-n)", expected.name()).into());
            }
            let pulls = expected.pulls(&after, &before.errors());
            squares += pulls.iter().map(|pull| pull * pull).sum::<f64>();
            own += expected.pulls(&after, &after.errors()).iter().map(|pull| pull * pull).sum::<f64>();
            bins += pulls.len();
            for (bin, pull) in pulls.iter().enumerate() {
                if pull.abs() > largest {
                    let edges = &expected.binning.edges()[bin..];
                    worst = format!("{} {:.1} to {:.1}", expected.name(), edges[0], edges[1]);
                    largest = pull.abs();
                }
                let error = before.errors()[bin].hypot(after.errors()[bin]);
                let change = (after.sum_weights()[bin] - before.sum_weights()[bin]).abs() / error;
                largest_change = largest_change.max(change);
            }
        }
        let bins = bins as f64;
        Ok(Self { chi2: squares / bins, chi2_own: own / bins, largest, worst, largest_change })
    }
}
