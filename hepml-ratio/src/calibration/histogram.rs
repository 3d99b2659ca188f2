//! Histogram calibration.

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, FitReport};
use hepml_stats::weighted_quantiles;

use crate::calibration::{Calibration, CalibrationMap, HeldOut};
use crate::error::{Error, Result};
use crate::histogram::MOST_BINS;

/// ln num/den in quantile bins of z.
///
/// The bins hold equal shares of |w| of both sides together, each side normalised to 1; the outermost reach to infinity.
/// Signed weights are allowed. A bin in which either side's sum of weights is not positive has no logarithm: it is joined
/// with the lighter of its neighbours (in |w|), and the report counts the bins that are left. The map need not be monotone;
/// the report says so where it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields, default)]
pub struct HistogramCalibration {
    bins: usize,
}

impl Default for HistogramCalibration {
    /// 20 bins.
    fn default() -> Self {
        Self { bins: 20 }
    }
}

impl HistogramCalibration {
    /// 20 bins.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of bins, at least 2 and at most 2^20.
    #[must_use]
    pub const fn bins(mut self, bins: usize) -> Self {
        self.bins = bins;
        self
    }
}

/// The sums of a bin.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    numerator: f64,
    denominator: f64,
    size: f64,
}

impl Bin {
    fn add(&mut self, other: Self) {
        self.numerator += other.numerator;
        self.denominator += other.denominator;
        self.size += other.size;
    }
}

impl Calibration for HistogramCalibration {
    fn fit_map(&self, held_out: &HeldOut, report: &mut FitReport) -> Result<CalibrationMap> {
        if self.bins < 2 || self.bins > MOST_BINS {
            let allowed = "at least 2 and at most 1048576";
            return Err(CoreError::out_of_range(
                "bins of a histogram calibration",
                self.bins as f64,
                allowed,
            )
            .into());
        }
        let mut edges = quantile_edges(held_out, self.bins)?;
        let mut bins = vec![Bin::default(); edges.len() + 1];
        for (z, is_numerator, weight) in held_out.ascending() {
            let (numerator, denominator) = if is_numerator { (weight, 0.0) } else { (0.0, weight) };
            let bin = edges.partition_point(|&edge| edge <= z);
            bins[bin].add(Bin { numerator, denominator, size: weight.abs() });
        }
        while let Some(bad) = bins.iter().position(|bin| !(bin.numerator > 0.0 && bin.denominator > 0.0)) {
            if bins.len() == 1 {
                return Err(Error::calibration("no bin of z has a positive sum of weights on both sides"));
            }
            let left = bad.checked_sub(1).map(|left| bins[left].size);
            let right = bins.get(bad + 1).map(|bin| bin.size);
            let with_left = match (left, right) {
                (Some(left), Some(right)) => left <= right,
                (left, _) => left.is_some(),
            };
            let edge = if with_left { bad - 1 } else { bad };
            edges.remove(edge);
            let removed = bins.remove(edge + 1);
            bins[edge].add(removed);
        }
        let values: Vec<f64> = bins.iter().map(|bin| bin.numerator.ln() - bin.denominator.ln()).collect();
        report.measure("bins", bins.len() as f64, None);
        if bins.len() == 1 {
            report.warn("histogram calibration leaves one bin: z does not order the two samples");
        }
        if !values.is_sorted() {
            report.warn("the calibrated log ratio does not rise from each bin to the next");
        }
        CalibrationMap::steps(edges, values)
    }
}

/// The inner edges of bins with equal shares of |w| of both sides together; equal ones are one, so there may be fewer.
pub(super) fn quantile_edges(held_out: &HeldOut, bins: usize) -> Result<Vec<f64>> {
    let (mut z, mut weights) = (Vec::new(), Vec::new());
    for side in [&held_out.numerator, &held_out.denominator] {
        let size: f64 = side.weights().iter().map(|weight| weight.abs()).sum();
        z.extend_from_slice(side.log_ratios());
        weights.extend(side.weights().iter().map(|weight| weight.abs() / size));
    }
    let levels: Vec<f64> = (1..bins).map(|bin| bin as f64 / bins as f64).collect();
    let mut edges = weighted_quantiles(&z, Some(&weights), &levels)?;
    edges.dedup();
    // An edge at the smallest z would leave an empty bin below it.
    let smallest = z.iter().copied().fold(f64::INFINITY, f64::min);
    edges.retain(|&edge| edge > smallest);
    Ok(edges)
}
