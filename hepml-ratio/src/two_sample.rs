//! The classifier two-sample test.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, EventSet, FitReport, Measure, Nested, Observer, RatioEstimator, Weighted,
};
use hepml_stats::{Roc, p_value, permutation_test};

use crate::calibration::HeldOut;
use crate::error::Result;
use crate::split::split_alike;

/// How the p-value is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum TwoSamplePValue {
    /// The normal approximation of the AUC under the null hypothesis, with the variance of its projection (Mann and Whitney's
    /// for equal weights).
    Analytic,
    /// Random exchanges of held-out events, with their z and weight, between the samples.
    Permutations(usize),
}

/// Tests whether two samples come from the same density: can a classifier tell them apart? (arXiv:1610.06545, with the AUC in
/// place of the accuracy.)
///
/// Each sample is split; an estimator is fitted on one part, and its z separates the rest with some AUC, 1/2 under the null
/// hypothesis. The p-value is one-sided: only an AUC above 1/2 speaks against it.
///
/// Densities are compared, not yields: each sample's weights are scaled to a mean of 1 and travel with their events. The
/// permutation p-value is exact where the scaled weights of both samples are distributed alike at each x; the analytic one
/// needs only many effective events, and is not affected by different weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields, default)]
pub struct ClassifierTest {
    held_out: f64,
    p_value: TwoSamplePValue,
}

impl Default for ClassifierTest {
    /// Half of each sample held out, 999 permutations.
    fn default() -> Self {
        Self { held_out: 0.5, p_value: TwoSamplePValue::Permutations(999) }
    }
}

/// What a classifier test found.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierTestResult {
    /// The AUC on the held-out events.
    pub auc: f64,
    /// The standard deviation of the AUC around 1/2 under the null hypothesis.
    pub null_error: f64,
    /// The p-value, with its error where it comes from permutations; 1 where all held-out z are equal.
    pub p_value: Measure,
    /// The part "fit", the effective sample sizes of the held-out events, warnings.
    pub report: FitReport,
}

impl ClassifierTest {
    /// Half of each sample held out, 999 permutations.
    pub fn new() -> Self {
        Self::default()
    }

    /// The fraction of each sample that is held out, between 0 and 1.
    #[must_use]
    pub const fn held_out(mut self, fraction: f64) -> Self {
        self.held_out = fraction;
        self
    }

    /// How the p-value is computed.
    #[must_use]
    pub const fn p_value(mut self, p_value: TwoSamplePValue) -> Self {
        self.p_value = p_value;
        self
    }

    /// Fits an estimator on a part of two samples and tests on the rest.
    ///
    /// # Errors
    /// No permutations; a fraction outside (0, 1), or one that leaves a part of a sample empty; a held-out sample whose weights do not sum to a
    /// positive number (also in a permutation, for signed weights); a log ratio that is not finite, naming sample and event;
    /// what the estimator returns.
    pub fn run<E, R>(
        &self,
        estimator: &R,
        first: &Weighted<E>,
        second: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<ClassifierTestResult>
    where
        E: EventSet,
        R: RatioEstimator<E> + ?Sized,
    {
        if !(self.held_out > 0.0 && self.held_out < 1.0) {
            let allowed = "above 0 and below 1";
            return Err(
                CoreError::out_of_range("fraction held out for a test", self.held_out, allowed).into()
            );
        }
        if self.p_value == TwoSamplePValue::Permutations(0) {
            return Err(CoreError::out_of_range("permutations of a test", 0.0, "at least 1").into());
        }
        for (what, sample) in [("numerator", first), ("denominator", second)] {
            if sample.is_empty() {
                return Err(CoreError::Empty { what: what.into() }.into());
            }
        }
        let [held_out, training] = split_alike([first, second], self.held_out, rng)?;
        let [first, second] = &training.sides;
        let [held_first, held_second] = &held_out.sides;
        for (what, sample) in [
            ("part of the numerator to fit", first),
            ("part of the denominator to fit", second),
            ("held-out numerator", held_first),
            ("held-out denominator", held_second),
        ] {
            if sample.is_empty() {
                return Err(CoreError::Empty { what: what.into() }.into());
            }
        }
        let fitted = estimator.fit(first, second, rng, &mut Nested::new("fit", observer));
        let fitted = fitted.map_err(|error| training.named(error))?;
        let scored = HeldOut::new(&fitted.model, held_first, held_second);
        let scored = scored.map_err(|error| held_out.named(error.into()))?;
        let mut report = FitReport::new();
        report.part("fit", fitted.report);
        scored.report(&mut report);
        let ranked = Ranked::new(&scored);
        let auc = ranked.roc_auc()?;
        let null_error = ranked.null_error();
        let p_value = if null_error == 0.0 {
            report.warn("all held-out log ratios are equal: the classifier sees no difference");
            Measure { value: 1.0, error: None }
        } else {
            match self.p_value {
                TwoSamplePValue::Analytic => {
                    Measure { value: p_value((auc - 0.5) / null_error)?, error: None }
                }
                TwoSamplePValue::Permutations(permutations) => {
                    let groups = ranked.groups;
                    let test = permutation_test(
                        &ranked.numerator,
                        &ranked.denominator,
                        permutations,
                        rng,
                        |num, den| auc_of(groups, num, den),
                    )?;
                    Measure { value: test.p_value.value, error: Some(test.p_value.error) }
                }
            }
        };
        Ok(ClassifierTestResult { auc, null_error, p_value, report })
    }
}

/// An event by the rank of its z (equal z share one) and its weight.
#[derive(Debug, Clone, Copy)]
struct Event {
    rank: usize,
    weight: f64,
}

/// Held-out events by rank, the weights of each sample with a mean of 1.
struct Ranked {
    groups: usize,
    numerator: Vec<Event>,
    denominator: Vec<Event>,
    scored: HeldOut,
}

impl Ranked {
    fn new(scored: &HeldOut) -> Self {
        let mut groups: Vec<f64> = scored.ascending().into_iter().map(|(z, _, _)| z).collect();
        groups.dedup();
        let rank = |z: f64| groups.partition_point(|&other| other < z);
        let events = |side: &crate::calibration::HeldOutSide| {
            let n = side.weights().len() as f64;
            side.iter().map(|(z, weight)| Event { rank: rank(z), weight: weight * n }).collect()
        };
        Self {
            groups: groups.len(),
            numerator: events(&scored.numerator),
            denominator: events(&scored.denominator),
            scored: scored.clone(),
        }
    }

    fn roc_auc(&self) -> Result<f64> {
        let (num, den) = (&self.scored.numerator, &self.scored.denominator);
        let scores = [num.log_ratios(), den.log_ratios()].concat();
        let is_signal: Vec<bool> = (0..scores.len()).map(|event| event < num.log_ratios().len()).collect();
        let weights = [num.weights(), den.weights()].concat();
        Ok(Roc::new(&scores, &is_signal, Some(&weights))?.auc())
    }

    /// The standard deviation of the AUC if both samples have one density: with H the mid-distribution function of both (each
    /// counting half), the AUC - 1/2 is sum_num a (H - 1/2) - sum_den a (H - 1/2) to leading order, a = w/sum w.
    fn null_error(&self) -> f64 {
        let mut density = vec![0.0; self.groups];
        let sides = [&self.numerator, &self.denominator];
        for side in sides {
            for event in side {
                density[event.rank] += 0.5 * event.weight / side.len() as f64;
            }
        }
        let mut below = 0.0;
        let centred: Vec<f64> = density
            .iter()
            .map(|&here| {
                let middle = below + 0.5 * here - 0.5;
                below += here;
                middle
            })
            .collect();
        let variance: f64 = sides
            .iter()
            .flat_map(|side| {
                side.iter().map(|event| (event.weight / side.len() as f64 * centred[event.rank]).powi(2))
            })
            .sum();
        if self.groups == 1 { 0.0 } else { variance.sqrt() }
    }
}

/// The AUC of events by rank; NaN where a side's weights do not sum to a positive number.
fn auc_of(groups: usize, numerator: &[Event], denominator: &[Event]) -> f64 {
    let sums = |side: &[Event]| {
        let mut sums = vec![0.0; groups];
        for event in side {
            sums[event.rank] += event.weight;
        }
        sums
    };
    let (num, den) = (sums(numerator), sums(denominator));
    let (total_num, total_den): (f64, f64) = (num.iter().sum(), den.iter().sum());
    if !(total_num > 0.0 && total_den > 0.0) {
        return f64::NAN;
    }
    let (mut below, mut area) = (0.0, 0.0);
    for (n, d) in num.iter().zip(&den) {
        area += n * (below + 0.5 * d);
        below += d;
    }
    area / (total_num * total_den)
}
