//! How a ratio of histograms is fitted.

use std::ops::ControlFlow;

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{FitReport, Fitted, Observer, Progress, RatioEstimator, Table, Weighted};

use super::bins::RatioBins;
use super::model::HistogramRatio;
use crate::error::Result;
use crate::standardisation::warn_of_constant_columns;
use crate::training_tables::TrainingTables;

/// The effective number of events below which the ratio of a bin is warned of: an error of 30 %.
const FEW_EVENTS: f64 = 10.0;

/// Learns a ratio of histograms.
///
/// The report has the measures `bins`, `empty bins/both`, `empty bins/denominator`, `empty bins/numerator`, `negative bins`
/// (of which a side has a negative net weight), `smallest effective size of a bin` ((sum w)²/sum w² of the events of a side in it),
/// `events outside of the edges` (where edges are given), and what [`examine_scores`](crate::report::examine_scores) says of
/// held-out events.
///
/// ```
/// use hepml_core::ndarray::array;
/// use hepml_core::rand::SeedableRng;
/// use hepml_core::rand_chacha::ChaCha8Rng;
/// use hepml_core::{LogRatio, RatioEstimator, Weighted};
/// use hepml_ratio::{HistogramConfig, RatioBins};
///
/// let numerator = Weighted::unit(array![[0.1], [0.7], [0.8], [0.9]]);
/// let denominator = Weighted::unit(array![[0.2], [0.6]]);
/// let config = HistogramConfig::new(RatioBins::Edges(vec![vec![0.0, 0.5, 1.0]])).examination(0.0);
/// let fitted = config.fit(&numerator, &denominator, &mut ChaCha8Rng::seed_from_u64(1), &mut ())?;
/// assert_eq!(fitted.model.ratio(&array![[0.3], [0.5]])?.to_vec(), [0.5, 1.5]); // (1/4)/(1/2), (3/4)/(1/2)
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields, default)]
pub struct HistogramConfig {
    bins: RatioBins,
    examination: f64,
}

impl Default for HistogramConfig {
    /// 20 quantile bins of each feature.
    fn default() -> Self {
        Self::new(RatioBins::Quantiles(20))
    }
}

impl HistogramConfig {
    /// A histogram of given bins.
    pub fn new(bins: RatioBins) -> Self {
        Self { bins, examination: 0.1 }
    }

    /// The fraction of the events that nothing of the fit sees and the report speaks of (0.1); 0 for no examination.
    #[must_use]
    pub fn examination(mut self, fraction: f64) -> Self {
        self.examination = fraction;
        self
    }

    fn fit_sides(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<HistogramRatio>> {
        let mut report = FitReport::new();
        let training = TrainingTables::new([numerator, denominator], self.examination, rng, &mut report)?;
        let sides = [&training.sides[0], &training.sides[1]];
        warn_of_constant_columns(&training.sides, &mut report);
        let edges = self.bins.inner_edges(sides, training.features())?;
        let mut model = HistogramRatio { edges, shares: [Vec::new(), Vec::new()] };
        let count = model.bins();
        let mut sizes = Vec::new();
        for (side, total) in sides.into_iter().zip(training.sums) {
            let (mut sums, mut squares) = (vec![0.0; count], vec![0.0; count]);
            for (event, &weight) in side.events().rows().into_iter().zip(side.weights()) {
                let bin = model.bin(&event);
                // Of the normalised weight, so that no square overflows.
                let share = weight / total;
                sums[bin] += share;
                squares[bin] += share * share;
            }
            sizes.push(
                sums.iter()
                    .zip(&squares)
                    .map(|(sum, square): (&f64, &f64)| if *square > 0.0 { sum * sum / square } else { 0.0 })
                    .collect::<Vec<f64>>(),
            );
            model.shares[usize::from(sizes.len() == 2)] = sums;
        }
        self.warn_of_bins(&model, [&sizes[0], &sizes[1]], sides, &mut report)?;
        if let Some(held_out) = &training.held_out {
            model.examine(held_out.sides.each_ref(), rng, &mut report)?;
        }
        let progress = Progress { stage: "histogram", step: 1, total: Some(1), measures: &[] };
        report.stopped = observer.step(&progress) == ControlFlow::Break(());
        Ok(Fitted { model, report })
    }

    fn warn_of_bins(
        &self,
        model: &HistogramRatio,
        sizes: [&[f64]; 2],
        sides: [&Weighted<Table>; 2],
        report: &mut FitReport,
    ) -> Result<()> {
        let [numerator, denominator] = &model.shares;
        let count = |is: &dyn Fn(f64, f64) -> bool| {
            numerator.iter().zip(denominator).filter(|(n, d)| is(**n, **d)).count()
        };
        let total = model.bins();
        report.measure("bins", total as f64, None);
        let kinds: [(&str, usize, &str); 4] = [
            (
                "empty bins/both",
                count(&|n, d| n == 0.0 && d == 0.0),
                "no weight of either side: no ratio there",
            ),
            (
                "empty bins/denominator",
                count(&|n, d| n != 0.0 && d == 0.0),
                "no weight of the denominator alone: no ratio there",
            ),
            (
                "empty bins/numerator",
                count(&|n, d| n == 0.0 && d != 0.0),
                "no weight of the numerator alone: the ratio there is 0, without a logarithm",
            ),
            ("negative bins", count(&|n, d| n < 0.0 || d < 0.0), "a negative net weight"),
        ];
        for (name, bins, meaning) in kinds {
            report.measure(name, bins as f64, None);
            if bins > 0 {
                report.warn(format!("{bins} of {total} bins have {meaning}"));
            }
        }
        if count(&|n, d| n != 0.0 && d != 0.0) == 0 {
            return Err(hepml_stats::Error::Undefined {
                what: "ratio of histograms".into(),
                reason: "no bin has weight of both sides".into(),
            }
            .into());
        }
        let smallest =
            sizes.into_iter().flatten().copied().filter(|&size| size > 0.0).fold(f64::INFINITY, f64::min);
        report.measure("smallest effective size of a bin", smallest, None);
        if smallest < FEW_EVENTS {
            report.warn(format!(
                "a bin has {smallest:.1} effective events of a side, fewer than {FEW_EVENTS}: its ratio is uncertain"
            ));
        }
        if let RatioBins::Edges(edges) = &self.bins {
            let outside: usize = sides
                .into_iter()
                .flat_map(|side| side.events().rows())
                .filter(|event| {
                    event.iter().zip(edges).any(|(x, edges)| *x < edges[0] || *x > edges[edges.len() - 1])
                })
                .count();
            report.measure("events outside of the edges", outside as f64, None);
            if outside > 0 {
                report.warn(format!("{outside} events outside of the edges are in the outermost bins"));
            }
        }
        Ok(())
    }
}

impl RatioEstimator<Table> for HistogramConfig {
    type Model = HistogramRatio;

    /// # Errors
    /// No bins, or more than 2^20 in all; edges that are too few, not finite or not ascending, or of another number of
    /// features; a side without events (or none left to learn from) or whose sum of weights is not positive; tables of
    /// different columns; a feature that is not finite, naming side, event and column; no bin with weight of both sides.
    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> hepml_core::Result<Fitted<HistogramRatio>> {
        Ok(self.fit_sides(numerator, denominator, rng, observer)?)
    }
}
