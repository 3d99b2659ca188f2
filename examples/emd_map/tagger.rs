//! How well a score tells top from QCD jets.

use std::error::Error;

use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::rand_chacha::rand_core::SeedableRng;
use hepml::stats::{Estimate, Roc, RocMeasure, roc_bootstrap};

/// The replicas of the bootstrap that gives a curve its errors.
const REPLICAS: usize = 500;

/// A score and what it does.
pub(crate) struct Tagger {
    pub(crate) name: &'static str,
    pub(crate) roc: Roc,
    pub(crate) auc: Estimate,
    /// The fraction of QCD jets that pass where half of the top jets do.
    pub(crate) eps_qcd: Estimate,
}

impl Tagger {
    pub(crate) fn new(name: &'static str, scores: &[f64], is_top: &[bool]) -> Result<Self, Box<dyn Error>> {
        let roc = Roc::new(scores, is_top, None)?;
        let measure = |measure| -> Result<Estimate, Box<dyn Error>> {
            let rng = &mut ChaCha8Rng::seed_from_u64(1);
            Ok(roc_bootstrap(&[&roc], measure, REPLICAS, rng)?.estimate(0)?)
        };
        let auc = measure(RocMeasure::Auc)?;
        let eps_qcd = measure(RocMeasure::BackgroundEfficiency { signal_efficiency: 0.5 })?;
        Ok(Self { name, roc, auc, eps_qcd })
    }
}
