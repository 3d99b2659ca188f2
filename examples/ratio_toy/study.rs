//! A fit and how far it is from the truth.

use std::error::Error;
use std::time::Instant;

use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::{EventSet, FitReport, LogRatio, Measure, Observer, RatioEstimator, Streams, Weighted};
use hepml::ratio::divergences;
use hepml::ratio::report::examine;
use hepml::ratio::toys::Toy;
use hepml::stats::{BootstrapConfig, Roc, weighted_quantiles};
use serde_json::{Value, json};

/// What can go wrong, on any thread.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The most events of each side: what fits into memory.
const MOST_EVENTS: usize = 10_000_000;
/// The events of the test sample of each side.
const TEST_EVENTS: usize = 50_000;
/// The exact ln r between these quantiles are central.
const CENTRAL: [f64; 2] = [0.025, 0.975];
/// The replicas that give the estimated KL its error, known to 7 % then.
const REPLICAS: usize = 100;

// The streams of a seed: samples do not depend on what learns from them.
const SAMPLES: u64 = 0;
const FIT: u64 = 1;
const TEST: u64 = 2;

/// What is known of a learned ratio.
pub(crate) struct Study {
    pub(crate) kl_exact: f64,
    /// 1 + E_num[z] - E_den[e^z] on the test sample: at most the exact KL but for statistics.
    pub(crate) kl_estimate: Measure,
    /// The mean of |z - ln r| over the central test events.
    pub(crate) error: f64,
    /// The same of the right family of densities, fitted to the same events by maximum likelihood.
    pub(crate) parametric_error: f64,
    /// E_den[r] on the test sample, before renormalisation; without an error where its variance is infinite (k-hat).
    pub(crate) normalisation: Measure,
    /// Of the estimated z of test events.
    pub(crate) auc: f64,
    /// Of the fit.
    pub(crate) seconds: f64,
    /// What the fit says of itself.
    pub(crate) report: FitReport,
    /// (exact, estimated) of the test events of the numerator and of the denominator.
    pub(crate) pairs: [Vec<(f64, f64)>; 2],
    /// The exact ln r of the first and the last central event.
    pub(crate) central: [f64; 2],
}

impl Study {
    /// Fits a learner to `n` events of each side of a toy, and the toy's family by maximum likelihood.
    pub(crate) fn new<E: EventSet, T: Toy<E>, R: RatioEstimator<E>>(
        toy: &T,
        family: impl Fn(&Weighted<E>, &Weighted<E>) -> hepml::ratio::Result<T>,
        learner: &R,
        n: usize,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<Self, Failure> {
        if n == 0 {
            return Err("--n 0: there is nothing to learn from".into());
        }
        if n > MOST_EVENTS {
            return Err(format!("--n {n}: at most {MOST_EVENTS} events of each side").into());
        }
        let streams = Streams::new(seed);
        let draw = |events, rng: &mut ChaCha8Rng| [true, false].map(|side| toy.sample(side, events, rng));
        let [numerator, denominator] = draw(n, &mut streams.stream(SAMPLES));
        let start = Instant::now();
        let fitted = learner.fit(&numerator, &denominator, &mut streams.stream(FIT), observer)?;
        let seconds = start.elapsed().as_secs_f64();
        let parametric = family(&numerator, &denominator);
        let parametric = parametric.map_err(|error| format!("the fit by maximum likelihood: {error}"))?;

        let mut rng = streams.stream(TEST);
        let test = draw(TEST_EVENTS, &mut rng);
        let scores = |model: &dyn LogRatio<E>| -> Result<Vec<f64>, Failure> {
            let mut scores = Vec::with_capacity(2 * TEST_EVENTS);
            for (name, side) in ["numerator", "denominator"].into_iter().zip(&test) {
                let z = model.log_ratio(side.events());
                scores.extend(z.map_err(|error| {
                    format!("test events of the {name}: {error}; more events (--n) help")
                })?);
            }
            Ok(scores)
        };
        let (exact, z) = (scores(toy)?, scores(&fitted.model)?);
        let edges = weighted_quantiles(&exact, None, &CENTRAL)?;
        let central = [edges[0], edges[1]];
        let error = |z: &[f64]| {
            let errors = exact.iter().zip(z).filter(|(exact, _)| (central[0]..=central[1]).contains(exact));
            let (sum, count) = errors.fold((0.0, 0), |(sum, n), (exact, z)| (sum + (z - exact).abs(), n + 1));
            sum / f64::from(count)
        };
        let is_numerator: Vec<bool> = (0..2 * TEST_EVENTS).map(|event| event < TEST_EVENTS).collect();
        let bootstrap = BootstrapConfig { replicas: REPLICAS, block: 1 };
        let kl = divergences(&fitted.model, &test[0], &test[1], &bootstrap, &mut rng);
        let kl =
            kl.map_err(|error| format!("the divergences on test events: {error}; more events (--n) help"))?;
        let mut test_report = FitReport::new();
        examine(&fitted.model, &test[0], &test[1], &mut rng, &mut test_report)?;
        let normalisation =
            test_report.get("normalisation").ok_or("E_den[r] of the test events overflows")?;
        let mut pairs = exact.iter().copied().zip(z.iter().copied());
        Ok(Self {
            kl_exact: toy.kl(),
            kl_estimate: kl.kl_forward,
            normalisation,
            error: error(&z),
            parametric_error: error(&scores(&parametric)?),
            auc: Roc::new(&z, &is_numerator, None)?.auc(),
            seconds,
            report: fitted.report,
            pairs: [pairs.by_ref().take(TEST_EVENTS).collect(), pairs.collect()],
            central,
        })
    }

    /// The numbers, by their names for machines; null where there is none, as the error of a mean whose variance is infinite.
    pub(crate) fn json(&self) -> Value {
        let value = |name: &str| self.report.get(name).map(|measure| measure.value);
        let error = |name: &str| self.report.get(name).and_then(|measure| measure.error);
        json!({
            "kl_exact": self.kl_exact,
            "kl_estimate": self.kl_estimate.value,
            "kl_estimate_error": self.kl_estimate.error,
            "mean_abs_error_log_ratio": self.error,
            "mean_abs_error_parametric": self.parametric_error,
            "normalisation": value("normalisation"),
            "normalisation_error": error("normalisation"),
            "normalisation_on_test_events": self.normalisation.value,
            "normalisation_on_test_events_error": self.normalisation.error,
            "normalisation_renormalised": value("normalisation/renormalised"),
            "normalisation_renormalised_error": error("normalisation/renormalised"),
            "inverse_normalisation": value("inverse normalisation"),
            "inverse_normalisation_error": error("inverse normalisation"),
            "auc": self.auc,
            "closure_auc": value("closure auc"),
            "closure_auc_error": error("closure auc"),
            "tail_index": value("tail index/denominator"),
            "effective_sample_size": value("effective sample size/reweighted denominator"),
            "clipped_events": value("clipped events"),
            "warnings": self.report.warnings,
            "seconds": self.seconds,
        })
    }
}

/// A number and its error, to the digits that these deserve.
pub(crate) fn with_error(measure: Measure) -> String {
    match measure.error {
        Some(error) if error > 0.0 => hepml::stats::Estimate { value: measure.value, error }.to_string(),
        _ if measure.value.fract() == 0.0 || measure.value.abs() >= 100.0 => format!("{:.0}", measure.value),
        _ => format!("{:.3}", measure.value),
    }
}
