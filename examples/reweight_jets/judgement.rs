//! What reweighted QCD jets are worth.

use std::error::Error;
use std::fmt;

use hepml::core::rand::Rng;
use hepml::core::{FitReport, Measure, Nested, Observer, RatioEstimator, Table, Weighted};
use hepml::ratio::report::{Scored, examine_scores};
use hepml::ratio::{CrossFitConfig, Degree, LinearConfig, Reweighting};
use hepml::stats::{Binning, Estimate, Histogram};

use crate::learner::Learned;
use crate::sample::{Observable, Sample};

/// The classifier of the closure is judged on jets it has not seen, too: in so many folds.
pub(crate) const FOLDS: usize = 5;
/// Of its coefficients; with some hundred effective jets, a quadratic form of seven observables has more than they determine.
const RIDGE: f64 = 1e-2;
/// Beyond this tail index neither a mean nor its error can be trusted at any sample size (arXiv:1507.02646).
const HOPELESS: f64 = 0.7;
/// From this tail index on the variance is infinite.
const INFINITE: f64 = 0.5;
/// Standard deviations from which on a closure has failed.
const SIGMAS: f64 = 3.0;

/// Shares of jets in bins of an observable.
pub(crate) struct Distribution {
    pub(crate) observable: Observable,
    pub(crate) binning: Binning,
    pub(crate) top: Vec<Estimate>,
    pub(crate) before: Vec<Estimate>,
    pub(crate) after: Vec<Estimate>,
}

impl Distribution {
    /// (share - share of top)/error of both, where there is one.
    pub(crate) fn pulls(&self, of: &[Estimate]) -> Vec<Option<f64>> {
        let pull = |(a, b): (&Estimate, &Estimate)| {
            let error = a.error.hypot(b.error);
            (error > 0.0).then(|| (a.value - b.value) / error)
        };
        of.iter().zip(&self.top).map(pull).collect()
    }

    /// The mean of the squared pulls.
    pub(crate) fn chi2_per_bin(&self, of: &[Estimate]) -> f64 {
        let pulls: Vec<f64> = self.pulls(of).into_iter().flatten().collect();
        pulls.iter().map(|pull| pull * pull).sum::<f64>() / pulls.len().max(1) as f64
    }
}

/// All that is said of a learner's reweighting.
pub(crate) struct Judgement {
    /// Of the fit, which does not speak of the jets that are judged.
    fit: FitReport,
    /// Of ln r on the jets that are judged.
    report: FitReport,
    /// Of the new weights.
    reweighting: FitReport,
    /// The AUCs of a classifier of another kind, before and after.
    closure: [Option<Measure>; 2],
    pub(crate) distributions: Vec<Distribution>,
}

impl Judgement {
    pub(crate) fn new(
        learned: &Learned,
        judges: &Sample,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Self, Box<dyn Error>> {
        let (top, qcd) = (&judges.top, &judges.qcd);
        let mut report = FitReport::new();
        examine_scores(
            Scored::new(&learned.top, top.weights())?,
            Scored::new(&learned.qcd, qcd.weights())?,
            rng,
            &mut report,
        )?;
        let reweighted = Reweighting::new()
            .total(top.sets.sum_weights())
            .apply_log_ratios(&learned.qcd, &qcd.substructure)?;
        let mut closure = |qcd: &Weighted<Table>| -> Result<Option<Measure>, Box<dyn Error>> {
            let classifier = LinearConfig::default().degree(Degree::Quadratic).ridge(RIDGE).examination(0.0);
            let observer = &mut Nested::new("closure", observer);
            let fitted = CrossFitConfig::new(classifier, FOLDS).fit(&top.substructure, qcd, rng, observer)?;
            Ok(fitted.report.get("auc"))
        };
        let closure = [closure(&qcd.substructure)?, closure(&reweighted.events)?];
        let distributions = Observable::ALL
            .iter()
            .enumerate()
            .map(|(column, &observable)| {
                let [low, high] = observable.range;
                let binning = Binning::uniform(observable.bins, low, high)?;
                let shares = |drawn: &Table, weights: &[f64]| -> Result<Vec<Estimate>, Box<dyn Error>> {
                    let mut histogram = Histogram::new(binning.clone());
                    // What is beyond the range is drawn in its last bin.
                    let inside = |x: &f64| x.clamp(low, high.next_down());
                    let values: Vec<f64> = drawn.column(column).iter().map(inside).collect();
                    histogram.fill_many(&values, Some(weights))?;
                    let total = histogram.total().value;
                    (0..observable.bins)
                        .map(|bin| {
                            let Estimate { value, error } = histogram.estimate(bin);
                            Ok(Estimate::new(value / total, error / total)?)
                        })
                        .collect()
                };
                let top = shares(&top.drawn, top.weights())?;
                let before = shares(&qcd.drawn, qcd.weights())?;
                let after = shares(&qcd.drawn, reweighted.events.weights())?;
                Ok(Distribution { observable, binning, top, before, after })
            })
            .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        Ok(Self {
            fit: learned.report.clone(),
            report,
            reweighting: reweighted.report,
            closure,
            distributions,
        })
    }

    /// The numbers by their names in JSON.
    pub(crate) fn numbers(&self) -> Vec<(&'static str, Option<Measure>)> {
        vec![
            ("auc", self.report.get("auc")),
            ("normalisation", self.report.get("normalisation")),
            ("normalisation_renormalised", self.report.get("normalisation/renormalised")),
            ("k_hat", self.reweighting.get("tail index")),
            ("effective_sample_size_before", self.reweighting.get("effective sample size/before")),
            ("effective_sample_size", self.reweighting.get("effective sample size/after")),
            ("largest_share", self.reweighting.get("largest share")),
            ("largest_log_ratio", self.reweighting.get("largest log ratio")),
            ("closure_auc_before", self.closure[0]),
            ("closure_auc", self.closure[1]),
            ("closure_auc_of_ln_r", self.report.get("closure auc")),
        ]
    }

    fn value(&self, key: &str) -> Option<Measure> {
        self.numbers().into_iter().find(|(name, _)| *name == key).and_then(|(_, measure)| measure)
    }

    /// A number with its error, as text.
    pub(crate) fn shown(&self, key: &str) -> String {
        let Some(Measure { value, error }) = self.value(key) else { return "none".to_owned() };
        match error {
            Some(error) => format!("{value:.3} +- {error:.3}"),
            None if key == "effective_sample_size" => format!("{value:.1}"),
            None if key.starts_with("norm") || key.starts_with("closure") => format!("{value:.3} (no error)"),
            None => format!("{value:.3}"),
        }
    }

    /// The warnings of the fit, of the examination and of the new weights, each once.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = Vec::new();
        for report in [&self.fit, &self.report, &self.reweighting] {
            for warning in &report.warnings {
                if !warnings.contains(warning) {
                    warnings.push(warning.clone());
                }
            }
        }
        warnings
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let value = |key| self.value(key).map_or(f64::NAN, |measure| measure.value);
        Verdict {
            k_hat: value("k_hat"),
            effective: [value("effective_sample_size_before"), value("effective_sample_size")],
            closure: self.closure[1],
        }
    }
}

/// What it comes to, in words.
pub(crate) struct Verdict {
    k_hat: f64,
    effective: [f64; 2],
    closure: Option<Measure>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = self.effective;
        write!(f, "{before:.0} QCD jets, reweighted, are worth {after:.1}. ")?;
        if self.k_hat > HOPELESS {
            write!(
                f,
                "The tail index {:.2} is above 0.7: no number from them, nor its error, can be trusted",
                self.k_hat
            )?;
        } else if self.k_hat > INFINITE {
            write!(
                f,
                "The tail index {:.2} is above 1/2: the variance of their weights is infinite, and errors are too small",
                self.k_hat
            )?;
        } else if self.k_hat.is_nan() {
            write!(f, "They have no tail index: how far to trust them is not known")?;
        } else {
            write!(f, "The tail index {:.2} allows for errors", self.k_hat)?;
        }
        if let Some(Measure { value, error: Some(error) }) = self.closure {
            let sigmas = (value - 0.5) / error;
            if sigmas > SIGMAS {
                write!(f, "; another classifier still tells them from top jets, by {sigmas:.1} sigma")?;
            } else {
                write!(f, "; another classifier does not tell them from top jets ({sigmas:.1} sigma)")?;
            }
        }
        f.write_str(".")
    }
}
