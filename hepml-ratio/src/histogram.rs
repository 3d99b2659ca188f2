//! Ratios of histograms: the oracle of everything that is built on top, exact where densities are constant within bins.
//!
//! # Conventions
//! Each feature is cut at the inner edges of its bins; an edge belongs to the bin above it, and the outermost bins reach to
//! infinity, so every finite event has a bin. The ratio of a bin is (N_b/N)/(D_b/D) with the sums of weights of the numerator
//! and of the denominator in the bin and in all. Weights may be negative, and so may the ratio be.
//!
//! | N_b | D_b | [`ratio`](HistogramRatio::ratio) | [`log_ratio`](LogRatio::log_ratio) |
//! |---|---|---|---|
//! | same sign as D_b | not 0 | positive | ln r |
//! | other sign | not 0 | negative | error |
//! | 0 | not 0 | 0 | error |
//! | any | 0 | error | error |
//!
//! The fit goes through in all cases where some bin has a ratio (an error would make the binning depend on the sample), and
//! warns of every kind of bin in which there is no logarithm; evaluating an event there is an error naming the event.

use std::io::{Read, Write};
use std::ops::ControlFlow;

use hepml_core::ndarray::{Array1, ArrayRef1, ArrayView1};
use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, FitReport, Fitted, Item, Load, LogRatio, ModelFile, Observer, Progress,
    RatioEstimator, Save, Table, Weighted, check_finite,
};
use hepml_stats::weighted_quantiles;

use crate::error::Result;
use crate::report::{Scored, examine_scores};
use crate::training_tables::TrainingTables;

const KIND: &str = "hepml-ratio/histogram";
const VERSION: u32 = 1;
/// The most bins there may be over all features: 16 MB of sums, and far more than a sample fills.
const MOST_BINS: usize = 1 << 20;
/// The effective number of events below which the ratio of a bin is warned of: an error of 30 %.
const FEW_EVENTS: f64 = 10.0;

/// The bins of a histogram ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub enum RatioBins {
    /// The edges of each feature, at least two, strictly ascending; the outermost bins reach to infinity.
    Edges(Vec<Vec<f64>>),
    /// About so many bins of each feature, with equal shares of the two samples' mean distribution (by |w|). Equal values
    /// share a bin, so there may be fewer.
    Quantiles(usize),
}

/// Learns a ratio of histograms.
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
#[serde(crate = "hepml_core::serde")]
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

    /// The inner edges of each feature.
    fn inner_edges(&self, sides: [&Weighted<Table>; 2], features: usize) -> Result<Vec<Vec<f64>>> {
        let edges: Vec<Vec<f64>> = match &self.bins {
            RatioBins::Edges(edges) => {
                if edges.len() != features {
                    return Err(CoreError::shape("features with edges", features, edges.len()).into());
                }
                edges.iter().map(|edges| checked_inner(edges)).collect::<Result<_>>()?
            }
            RatioBins::Quantiles(0) => {
                return Err(CoreError::out_of_range("number of bins", 0.0, "at least 1").into());
            }
            RatioBins::Quantiles(count) if *count > MOST_BINS => {
                return Err(too_many_bins(*count as f64).into());
            }
            RatioBins::Quantiles(count) => {
                // Both sides count the same, whatever their yields.
                let weights: Vec<f64> = sides
                    .into_iter()
                    .flat_map(|side| {
                        let largest = side.weights().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
                        let size: f64 = side.weights().iter().map(|w| w.abs() / largest).sum();
                        side.weights().iter().map(move |w| w.abs() / largest / size)
                    })
                    .collect();
                let levels: Vec<f64> = (1..*count).map(|i| i as f64 / *count as f64).collect();
                (0..features)
                    .map(|feature| {
                        let values: Vec<f64> = sides
                            .into_iter()
                            .flat_map(|side| side.events().column(feature).to_vec())
                            .collect();
                        let mut edges = weighted_quantiles(&values, Some(&weights), &levels)?;
                        edges.dedup();
                        // An edge at the least value would leave the bin below it empty.
                        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                        edges.retain(|&edge| edge > least);
                        Ok(edges)
                    })
                    .collect::<Result<_>>()?
            }
        };
        let bins = edges.iter().map(|edges| edges.len() as f64 + 1.0).product();
        if bins > MOST_BINS as f64 {
            return Err(too_many_bins(bins).into());
        }
        Ok(edges)
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
        let edges = self.inner_edges(sides, training.features())?;
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
        if let Some([numerator, denominator]) = &training.held_out {
            model.examine(numerator, denominator, rng, &mut report)?;
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
            ("bins of negative net weight", count(&|n, d| n < 0.0 || d < 0.0), "a negative net weight"),
        ];
        for (name, bins, meaning) in kinds {
            report.measure(name, bins as f64, None);
            if bins > 0 {
                report.warn(format!("{bins} of {total} bins have {meaning}"));
            }
        }
        if count(&|_, d| d != 0.0) == 0 || count(&|n, d| n != 0.0 && d != 0.0) == 0 {
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

/// A ratio of histograms.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramRatio {
    /// The inner edges of each feature.
    edges: Vec<Vec<f64>>,
    /// The share of its side's weight in each bin, of the numerator and of the denominator; the last feature runs fastest.
    shares: [Vec<f64>; 2],
}

impl HistogramRatio {
    /// The inner edges of each feature: one fewer than bins.
    pub fn inner_edges(&self) -> &[Vec<f64>] {
        &self.edges
    }

    /// The shares of the numerator's and of the denominator's weight in each bin; the last feature runs fastest.
    pub fn shares(&self) -> [&[f64]; 2] {
        [&self.shares[0], &self.shares[1]]
    }

    /// The number of bins.
    fn bins(&self) -> usize {
        self.edges.iter().map(|edges| edges.len() + 1).product()
    }

    /// The bin of an event.
    fn bin(&self, event: &ArrayRef1<f64>) -> usize {
        event
            .iter()
            .zip(&self.edges)
            .fold(0, |bin, (x, edges)| bin * (edges.len() + 1) + edges.partition_point(|edge| edge <= x))
    }

    fn check(&self, events: &Table) -> Result<()> {
        if events.ncols() != self.edges.len() {
            return Err(CoreError::shape("columns of the table", self.edges.len(), events.ncols()).into());
        }
        Ok(check_finite("events", events)?)
    }

    /// p_num/p_den, one an event; negative where exactly one of the net weights is.
    ///
    /// # Errors
    /// Another number of columns; an entry that is not finite; an event in a bin without weight of the denominator, named.
    pub fn ratio(&self, events: &Table) -> Result<Array1<f64>> {
        self.check(events)?;
        events
            .rows()
            .into_iter()
            .enumerate()
            .map(|(event, row)| {
                let bin = self.bin(&row);
                let ratio = self.shares[0][bin] / self.shares[1][bin];
                if ratio.is_finite() {
                    Ok(ratio)
                } else {
                    Err(CoreError::NotFinite {
                        what: "ratio (its bin has no weight of the denominator)".into(),
                        item: Item::event(event),
                        value: ratio,
                    }
                    .into())
                }
            })
            .collect()
    }

    /// Adds the diagnostics of held-out events: ratios of 0 and infinity are allowed, others without a logarithm are not.
    fn examine(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        report: &mut FitReport,
    ) -> Result<()> {
        let log_ratios = |side: &Weighted<Table>| -> Vec<f64> {
            let of = |row: ArrayView1<'_, f64>| {
                let bin = self.bin(&row);
                let ratio = self.shares[0][bin] / self.shares[1][bin];
                // ln 0 is -inf; x/0 is infinite with the sign of x, which is not that of the ratio.
                if self.shares[1][bin] == 0.0 && self.shares[0][bin] > 0.0 {
                    f64::INFINITY
                } else {
                    ratio.ln()
                }
            };
            side.events().rows().into_iter().map(of).collect()
        };
        let (num, den) = (log_ratios(numerator), log_ratios(denominator));
        let without = num.iter().chain(&den).filter(|z| z.is_nan()).count();
        if without > 0 {
            report.warn(format!("{without} held-out events have no ln r: the ratio is not examined"));
            return Ok(());
        }
        for side in [numerator, denominator] {
            let sum = side.sum_weights();
            if sum.is_nan() || sum <= 0.0 {
                report.warn("a held-out side has no positive sum of weights: the ratio is not examined");
                return Ok(());
            }
        }
        let num = Scored::new(&num, numerator.weights())?;
        let den = Scored::new(&den, denominator.weights())?;
        examine_scores(num, den, rng, report)
    }
}

impl LogRatio<Table> for HistogramRatio {
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        let mut ratios = self.ratio(events)?;
        for (event, ratio) in ratios.iter_mut().enumerate() {
            if *ratio <= 0.0 {
                return Err(CoreError::OutOfRange {
                    what: "ratio".into(),
                    item: Item::event(event),
                    value: *ratio,
                    allowed: "positive to have a logarithm",
                });
            }
            *ratio = ratio.ln();
        }
        Ok(ratios)
    }
}

impl Save for HistogramRatio {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, VERSION, &self.edges.len())?;
        for (feature, edges) in self.edges.iter().enumerate() {
            file.insert_f64(format!("edges/{feature}"), &Array1::from_vec(edges.clone()))?;
        }
        for (name, shares) in ["numerator", "denominator"].into_iter().zip(&self.shares) {
            file.insert_f64(name, &Array1::from_vec(shares.clone()))?;
        }
        file.save(writer)
    }
}

impl Load for HistogramRatio {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, VERSION)?;
        let features: usize = file.header()?;
        let edges = (0..features)
            .map(|feature| Ok(file.f64::<hepml_core::ndarray::Ix1>(&format!("edges/{feature}"))?.to_vec()))
            .collect::<hepml_core::Result<Vec<Vec<f64>>>>()?;
        if edges.iter().any(|edges| edges.windows(2).any(|pair| pair[0] >= pair[1])) {
            return Err(CoreError::Model("the edges of a histogram do not ascend".to_owned()));
        }
        let shares =
            [file.f64("numerator")?, file.f64("denominator")?].map(|shares: Array1<f64>| shares.to_vec());
        // In floating point: a broken file cannot make the product overflow.
        let bins: f64 = edges.iter().map(|edges| edges.len() as f64 + 1.0).product();
        if features == 0 || shares.iter().any(|shares| shares.len() as f64 != bins) {
            return Err(CoreError::Model(format!("a histogram of {bins} bins has other numbers of shares")));
        }
        Ok(Self { edges, shares })
    }
}

/// The inner ones of given edges.
fn checked_inner(edges: &[f64]) -> Result<Vec<f64>> {
    if edges.len() < 2 {
        return Err(hepml_stats::Error::TooFew { what: "edges".into(), needed: 2, got: edges.len() }.into());
    }
    for (i, &edge) in edges.iter().enumerate() {
        hepml_core::finite("edge of a bin", edge)?;
        if i > 0 && edge <= edges[i - 1] {
            return Err(CoreError::out_of_range("edge of a bin", edge, "above the edge before it").into());
        }
    }
    Ok(edges[1..edges.len() - 1].to_vec())
}

fn too_many_bins(bins: f64) -> CoreError {
    CoreError::out_of_range("number of bins over all features", bins, "at most 1048576")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::ndarray::array;
    use hepml_core::rand::{RngExt, SeedableRng};
    use hepml_core::rand_chacha::ChaCha8Rng;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(5)
    }

    fn uniform_table(events: usize, features: usize, rng: &mut ChaCha8Rng) -> Table {
        Table::from_shape_fn((events, features), |_| rng.random())
    }

    fn fit(config: &HistogramConfig, num: &Weighted<Table>, den: &Weighted<Table>) -> Fitted<HistogramRatio> {
        config.fit(num, den, &mut rng(), &mut ()).unwrap()
    }

    /// Rounding of sums of a few thousand weights.
    const ROUNDING: f64 = 1e-12;

    #[test]
    fn averages_to_one_and_reweights_the_bins_exactly() {
        let mut rng = rng();
        let num = Weighted::new(uniform_table(3000, 2, &mut rng), (0..3000).map(|_| rng.random()).collect());
        let num = num.unwrap();
        let den = Weighted::new(uniform_table(2000, 2, &mut rng), (0..2000).map(|_| rng.random()).collect());
        let den = den.unwrap();
        for bins in
            [RatioBins::Quantiles(7), RatioBins::Edges(vec![vec![0.0, 0.4, 1.0], vec![0.0, 0.1, 0.3, 1.0]])]
        {
            let model = fit(&HistogramConfig::new(bins).examination(0.0), &num, &den).model;
            let ratio = model.ratio(den.events()).unwrap();
            let sum: f64 = ratio.iter().zip(den.weights()).map(|(r, w)| r * w).sum();
            assert!((sum / den.sum_weights() - 1.0).abs() < ROUNDING);
            // In each bin the reweighted denominator is the numerator.
            let mut sums = vec![[0.0; 2]; model.bins()];
            for (row, w) in num.events().rows().into_iter().zip(num.weights()) {
                sums[model.bin(&row)][0] += w / num.sum_weights();
            }
            for ((row, w), r) in den.events().rows().into_iter().zip(den.weights()).zip(&ratio) {
                sums[model.bin(&row)][1] += w * r / den.sum_weights();
            }
            assert!(sums.iter().all(|[n, d]| (n - d).abs() < ROUNDING && *n > 0.0));
        }
    }

    #[test]
    fn quantile_bins_share_the_events_equally() {
        let mut rng = rng();
        let (num, den) = (uniform_table(1000, 1, &mut rng), uniform_table(1000, 1, &mut rng));
        let (num, den) = (Weighted::unit(num), Weighted::unit(den));
        let model = fit(&HistogramConfig::new(RatioBins::Quantiles(10)).examination(0.0), &num, &den).model;
        let [n, d] = model.shares();
        assert_eq!(n.len(), 10);
        for (n, d) in n.iter().zip(d) {
            // The edge event itself belongs to the bin above.
            assert!((n + d - 0.2).abs() <= 0.001 + ROUNDING, "{n} {d}");
        }
    }

    #[test]
    fn equal_values_share_a_bin_and_a_constant_feature_has_one() {
        let num = Weighted::unit(array![[0.0, 3.0], [0.0, 3.0], [1.0, 3.0]]);
        let den = Weighted::unit(array![[0.0, 3.0], [1.0, 3.0], [1.0, 3.0]]);
        let model = fit(&HistogramConfig::default().examination(0.0), &num, &den).model;
        assert_eq!(model.inner_edges(), [vec![1.0], vec![]]);
        let ratio = model.ratio(&array![[0.0, 3.0], [1.0, 7.0]]).unwrap();
        assert!((ratio[0] - 2.0).abs() < ROUNDING && (ratio[1] - 0.5).abs() < ROUNDING);
    }

    #[test]
    fn signed_weights_give_negative_ratios_without_a_logarithm() {
        let edges = RatioBins::Edges(vec![vec![0.0, 1.0, 2.0]]);
        let num = Weighted::new(array![[0.5], [1.5]], vec![-1.0, 3.0]).unwrap();
        let den = Weighted::unit(array![[0.5], [1.5]]);
        let fitted = fit(&HistogramConfig::new(edges).examination(0.0), &num, &den);
        let events = array![[1.2], [0.2]];
        assert_eq!(fitted.model.ratio(&events).unwrap().to_vec(), [3.0, -1.0]);
        let error = fitted.model.log_ratio(&events).unwrap_err().to_string();
        assert!(error.contains("event 1") && error.contains("-1"), "{error}");
        assert_eq!(fitted.report.get("bins of negative net weight").unwrap().value, 1.0);
        assert!(fitted.report.warnings.iter().any(|warning| warning.contains("negative net weight")));
    }

    #[test]
    fn empty_bins_are_warned_of_and_name_the_event() {
        let edges = RatioBins::Edges(vec![vec![0.0, 1.0, 2.0, 3.0, 4.0]]);
        let num = Weighted::unit(array![[0.5], [1.5], [9.0]]);
        let den = Weighted::unit(array![[0.5], [2.5]]);
        let fitted = fit(&HistogramConfig::new(edges).examination(0.0), &num, &den);
        let model = &fitted.model;
        for (name, bins) in
            [("empty bins/both", 0.0), ("empty bins/denominator", 2.0), ("empty bins/numerator", 1.0)]
        {
            assert_eq!(fitted.report.get(name).unwrap().value, bins, "{name}");
        }
        assert_eq!(fitted.report.get("events outside of the edges").unwrap().value, 1.0);
        assert_eq!(model.ratio(&array![[2.5]]).unwrap()[0], 0.0);
        assert!(model.log_ratio(&array![[0.5], [2.5]]).unwrap_err().to_string().contains("event 1"));
        assert!(model.ratio(&array![[0.5], [0.5], [1.5]]).unwrap_err().to_string().contains("event 2"));
    }

    #[test]
    fn disjoint_samples_have_no_ratio() {
        let (num, den) = (Weighted::unit(array![[0.5]]), Weighted::unit(array![[1.5]]));
        let config = HistogramConfig::new(RatioBins::Edges(vec![vec![0.0, 1.0, 2.0]])).examination(0.0);
        assert!(config.fit(&num, &den, &mut rng(), &mut ()).is_err());
    }

    #[test]
    fn held_out_events_are_examined() {
        let mut rng = rng();
        let (num, den) = (uniform_table(2000, 1, &mut rng), uniform_table(2000, 1, &mut rng));
        let fitted = fit(&HistogramConfig::default(), &Weighted::unit(num), &Weighted::unit(den));
        let normalisation = fitted.report.get("normalisation").unwrap();
        assert!((normalisation.value - 1.0).abs() < 5.0 * normalisation.error.unwrap());
        let sum: f64 = fitted.model.shares()[0].iter().sum();
        assert!((sum - 1.0).abs() < ROUNDING);
    }

    #[test]
    fn the_observer_may_stop_and_the_model_is_there() {
        let side = Weighted::unit(array![[0.0], [1.0]]);
        let config = HistogramConfig::default().examination(0.0);
        let mut stop = |_: &Progress<'_>| ControlFlow::Break(());
        assert!(config.fit(&side, &side, &mut rng(), &mut stop).unwrap().report.stopped);
    }

    #[test]
    fn saved_and_loaded() {
        let mut rng = rng();
        let (num, den) = (uniform_table(300, 2, &mut rng), uniform_table(300, 2, &mut rng));
        let config = HistogramConfig::new(RatioBins::Quantiles(3)).examination(0.0);
        let model = fit(&config, &Weighted::unit(num), &Weighted::unit(den)).model;
        let bytes = model.to_bytes().unwrap();
        assert_eq!(HistogramRatio::from_bytes(&bytes).unwrap(), model);
        assert!(HistogramRatio::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        let other = HistogramRatio { edges: vec![vec![0.5]], shares: [vec![0.5; 3], vec![0.5; 2]] };
        assert!(HistogramRatio::from_bytes(&other.to_bytes().unwrap()).is_err());
        let mut other = ModelFile::new("hepml-ratio/other", 1, &()).unwrap();
        other.insert_f64("numerator", &array![1.0]).unwrap();
        assert!(HistogramRatio::from_bytes(&other.to_bytes().unwrap()).is_err());
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<HistogramConfig>(&json).unwrap(), config);
    }

    #[test]
    fn bad_input() {
        let good = Weighted::unit(array![[0.5], [0.6]]);
        let config = HistogramConfig::default().examination(0.0);
        let fails = |config: &HistogramConfig, num: &Weighted<Table>, den: &Weighted<Table>| {
            config.fit(num, den, &mut rng(), &mut ()).unwrap_err().to_string()
        };
        assert!(fails(&config, &Weighted::unit(array![[0.5], [f64::NAN]]), &good).contains("event 1"));
        assert!(fails(&config, &good, &Weighted::unit(Table::zeros((0, 1)))).contains("denominator"));
        assert!(fails(&config, &good, &Weighted::unit(Table::zeros((2, 2)))).contains("columns"));
        let zero = good.reweighted(vec![0.0, 0.0]).unwrap();
        assert!(fails(&config, &zero, &good).contains("sum"));
        assert!(fails(&config, &good, &zero).contains("sum"));
        for edges in [vec![], vec![vec![0.0]], vec![vec![1.0, 0.0]], vec![vec![0.0, f64::NAN]]] {
            fails(&HistogramConfig::new(RatioBins::Edges(edges)), &good, &good);
        }
        fails(&HistogramConfig::new(RatioBins::Quantiles(0)), &good, &good);
        fails(&HistogramConfig::new(RatioBins::Quantiles(usize::MAX)), &good, &good);
        for fraction in [-0.1, 1.0, f64::NAN] {
            fails(&HistogramConfig::default().examination(fraction), &good, &good);
        }
        let model = fit(&config, &good, &good).model;
        assert!(model.ratio(&array![[0.5, 0.5]]).is_err());
        assert!(
            model.log_ratio(&array![[0.5], [f64::INFINITY]]).unwrap_err().to_string().contains("event 1")
        );
    }
}
