//! How well a tagger does.

use std::error::Error;

use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::rand_chacha::rand_core::SeedableRng;
use hepml::stats::{Estimate, Roc, RocMeasure, roc_bootstrap};
use hepml_examples::Jets;

/// The replicas of the bootstrap that gives numbers and curves their errors.
const REPLICAS: usize = 200;

/// What is read off a tagger's scores.
pub(crate) struct Performance {
    pub(crate) auc: Estimate,
    /// 1/eps_B at the efficiencies of [`Self::AT`]; none where no QCD jet passes.
    pub(crate) rejections: [Option<Estimate>; 2],
    /// The weighted share of jets on the right side of 0.
    pub(crate) accuracy: f64,
    /// eps_S and 1/eps_B with its error, along the curve.
    pub(crate) curve: Vec<(f64, Estimate)>,
}

impl Performance {
    /// The efficiencies for top jets at which QCD jets are counted.
    pub(crate) const AT: [f64; 2] = [0.5, 0.3];

    pub(crate) fn new(scores: &[f64], jets: &Jets) -> Result<Self, Box<dyn Error>> {
        let weights = jets.sets.weights();
        let roc = Roc::new(scores, &jets.is_top, Some(weights))?;
        let measure = |measure| -> Result<Estimate, Box<dyn Error>> {
            let rng = &mut ChaCha8Rng::seed_from_u64(1);
            Ok(roc_bootstrap(&[&roc], measure, REPLICAS, rng)?.estimate(0)?)
        };
        let rejection = |signal_efficiency: f64| -> Result<Option<Estimate>, Box<dyn Error>> {
            // Not one QCD jet passes: nothing can be said.
            if roc.background_efficiency(signal_efficiency)? <= 0.0 {
                return Ok(None);
            }
            measure(RocMeasure::BackgroundRejection { signal_efficiency }).map(Some)
        };
        let mut curve = Vec::new();
        for step in 1..=STEPS {
            let efficiency = f64::from(step) / f64::from(STEPS);
            if let Some(rejection) = rejection(efficiency)? {
                curve.push((efficiency, rejection));
            }
        }
        let right = |(score, is_top): (&f64, &bool)| (*score > 0.0) == *is_top;
        let correct: f64 =
            scores.iter().zip(&jets.is_top).zip(weights).filter(|(jet, _)| right(*jet)).map(|(_, w)| w).sum();
        Ok(Self {
            auc: measure(RocMeasure::Auc)?,
            rejections: [rejection(Self::AT[0])?, rejection(Self::AT[1])?],
            accuracy: correct / weights.iter().sum::<f64>(),
            curve,
        })
    }
}

/// The points of the curve.
const STEPS: u32 = 50;
