//! What learns p_top/p_QCD.

use clap::ValueEnum;
use hepml::core::rand::Rng;
use hepml::core::{EventSet, FitReport, LogRatio, Observer, RatioEstimator, Result, Weighted};
use hepml::nn::{PfnConfig, Schedule, TrainingConfig};
use hepml::ratio::{CrossFitConfig, NetworkConfig, TreesConfig};

use crate::sample::{Sample, Side};

/// Which learners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// A particle flow network on the constituents.
    Pfn,
    /// Boosted trees on mass, multiplicity, pt dispersion, width and N-subjettiness.
    Trees,
    /// One after the other.
    Both,
}

impl Choice {
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Pfn => &[Kind::Pfn],
            Self::Trees => &[Kind::Trees],
            Self::Both => &[Kind::Pfn, Kind::Trees],
        }
    }
}

/// A learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Pfn,
    Trees,
}

/// What can be asked of a learner.
pub(crate) struct Settings {
    pub(crate) epochs: usize,
    pub(crate) threads: Option<usize>,
}

/// ln r of top and of QCD jets that were not learned from, and what the fit says of itself.
pub(crate) struct Learned {
    pub(crate) top: Vec<f64>,
    pub(crate) qcd: Vec<f64>,
    pub(crate) report: FitReport,
}

/// Jets of a step of the training.
const BATCH: usize = 100;
/// The learning rate of Adam at first; it falls to 0 along half a cosine.
const RATE: f64 = 1e-3;
/// The share of the jets that decides which epoch of the network is the best.
const VALIDATION: f64 = 0.15;

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pfn => "PFN",
            Self::Trees => "trees",
        }
    }

    /// In JSON.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Pfn => "pfn",
            Self::Trees => "trees",
        }
    }

    /// Learns from some jets and scores others.
    pub(crate) fn hold_out(
        self,
        settings: &Settings,
        training: &Sample,
        judges: &Sample,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Learned> {
        match self {
            Self::Pfn => hold_out(&pfn(settings), sets, training, judges, rng, observer),
            Self::Trees => hold_out(&trees(), substructure, training, judges, rng, observer),
        }
    }

    /// Learns from all jets but those of a fold, which it scores; so for each fold.
    pub(crate) fn cross_fit(
        self,
        settings: &Settings,
        jets: &Sample,
        folds: usize,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Learned> {
        match self {
            Self::Pfn => cross_fit(pfn(settings), sets, jets, folds, rng, observer),
            Self::Trees => cross_fit(trees(), substructure, jets, folds, rng, observer),
        }
    }
}

fn sets(side: &Side) -> &Weighted<hepml::core::ParticleSets> {
    &side.sets
}

fn substructure(side: &Side) -> &Weighted<hepml::core::Table> {
    &side.substructure
}

fn pfn(settings: &Settings) -> NetworkConfig<PfnConfig> {
    let mut training = TrainingConfig::new()
        .epochs(settings.epochs)
        .batch_size(BATCH)
        .rate(RATE)
        .schedule(Schedule::Cosine { last: 0.0 });
    if let Some(threads) = settings.threads {
        training = training.threads(threads);
    }
    // All that is not learned from is examined by this program.
    NetworkConfig::new(PfnConfig::new(1)).training(training).validation(VALIDATION).examination(0.0)
}

/// Small trees and small steps: what a thousand jets allow.
fn trees() -> TreesConfig {
    TreesConfig::new().max_leaves(8).learning_rate(0.05).min_child_weight(5.0).examination(0.0)
}

fn hold_out<E: EventSet, R: RatioEstimator<E>>(
    learner: &R,
    of: fn(&Side) -> &Weighted<E>,
    training: &Sample,
    judges: &Sample,
    rng: &mut dyn Rng,
    observer: &mut dyn Observer,
) -> Result<Learned> {
    let fitted = learner.fit(of(&training.top), of(&training.qcd), rng, observer)?;
    let score = |side: &Side| fitted.model.log_ratio(of(side).events());
    let (top, qcd) = (score(&judges.top)?.to_vec(), score(&judges.qcd)?.to_vec());
    Ok(Learned { top, qcd, report: fitted.report })
}

fn cross_fit<E: EventSet, R: RatioEstimator<E, Model: Send>>(
    learner: R,
    of: fn(&Side) -> &Weighted<E>,
    jets: &Sample,
    folds: usize,
    rng: &mut dyn Rng,
    observer: &mut dyn Observer,
) -> Result<Learned> {
    let fitted = CrossFitConfig::new(learner, folds).fit(of(&jets.top), of(&jets.qcd), rng, observer)?;
    Ok(Learned {
        top: fitted.model.numerator().log_ratio.to_vec(),
        qcd: fitted.model.denominator().log_ratio.to_vec(),
        report: fitted.report,
    })
}
