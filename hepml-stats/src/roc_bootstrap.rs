//! Errors of what is read off a ROC curve, and of differences between classifiers.

use hepml_core::ndarray::Array2;
use hepml_core::rand::{Rng, RngExt};

use crate::correlated::CorrelatedEstimates;
use crate::error::{Error, Result};
use crate::roc::{Curve, Roc, rejection};

/// What to read off a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RocMeasure {
    /// The area under the curve.
    Auc,
    /// ε_B at a given ε_S.
    BackgroundEfficiency {
        /// ε_S.
        signal_efficiency: f64,
    },
    /// 1/ε_B at a given ε_S.
    BackgroundRejection {
        /// ε_S.
        signal_efficiency: f64,
    },
    /// ε_S at a given ε_B.
    SignalEfficiency {
        /// ε_B.
        background_efficiency: f64,
    },
    /// The largest ε_S/√ε_B; see [`Roc::max_sic`].
    MaxSic {
        /// The effective number of background events that must pass.
        min_background: f64,
    },
}

impl RocMeasure {
    /// The value on a curve. A rejection is bootstrapped as the efficiency, which is finite in every replica.
    fn read(self, curve: &Curve) -> Result<f64> {
        match self {
            Self::Auc => Ok(curve.auc()),
            Self::BackgroundEfficiency { signal_efficiency }
            | Self::BackgroundRejection { signal_efficiency } => {
                curve.background_efficiency(signal_efficiency)
            }
            Self::SignalEfficiency { background_efficiency } => {
                curve.signal_efficiency(background_efficiency)
            }
            Self::MaxSic { min_background } => Ok(curve.max_sic(min_background)?.0),
        }
    }
}

/// One measure of several classifiers on the *same* events, with the covariance from a paired bootstrap.
///
/// Each replica draws as many signal events from the signal and as many background events from the background as there
/// are, with replacement, and every classifier is measured on the same draw: the difference of two has an error that knows
/// their correlation. The error of a rejection 1/ε_B is that of ε_B, propagated linearly, since ε_B may vanish in a
/// replica.
///
/// ```
/// use hepml_stats::{roc_bootstrap, Roc, RocMeasure, rand::SeedableRng};
/// use hepml_core::rand_chacha::ChaCha8Rng;
///
/// let is_signal: Vec<bool> = (0..200).map(|i| i % 2 == 0).collect();
/// let good: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101) + 40.0 * f64::from(1 - i % 2)).collect();
/// let poor: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101) + 20.0 * f64::from(1 - i % 2)).collect();
/// let curves = [Roc::new(&good, &is_signal, None)?, Roc::new(&poor, &is_signal, None)?];
/// let rng = &mut ChaCha8Rng::seed_from_u64(1);
/// let auc = roc_bootstrap(&[&curves[0], &curves[1]], RocMeasure::Auc, 200, rng)?;
/// // The two agree on which events are hard, so that the difference is known better than either.
/// assert!(auc.difference(0, 1)?.error < auc.estimate(1)?.error);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// No curves; curves of different events (labels or weights); fewer than two replicas; a measure that is undefined on the
/// events or on a replica.
pub fn roc_bootstrap(
    curves: &[&Roc],
    measure: RocMeasure,
    replicas: usize,
    rng: &mut dyn Rng,
) -> Result<CorrelatedEstimates> {
    let Some(first) = curves.first() else {
        return Err(hepml_core::Error::Empty { what: "list of ROC curves".into() }.into());
    };
    for curve in curves {
        if curve.is_signal().len() != first.is_signal().len() {
            let (expected, got) = (first.is_signal().len(), curve.is_signal().len());
            return Err(hepml_core::Error::shape("events of a ROC curve", expected, got).into());
        }
        if curve.is_signal() != first.is_signal() || curve.weights() != first.weights() {
            return Err(Error::undefined(
                "paired bootstrap",
                "the labels or weights of the ROC curves differ",
            ));
        }
    }
    if replicas < 2 {
        return Err(Error::TooFew { what: "replicas of the bootstrap".into(), needed: 2, got: replicas });
    }
    let mut values = Vec::with_capacity(curves.len());
    // The derivative by which replicas are scaled: −1/ε_B² for a rejection.
    let mut slopes = Vec::with_capacity(curves.len());
    for curve in curves {
        let value = measure.read(curve.curve())?;
        if let RocMeasure::BackgroundRejection { .. } = measure {
            let rejection = rejection(value)?;
            values.push(rejection);
            slopes.push(-rejection * rejection);
        } else {
            values.push(value);
            slopes.push(1.0);
        }
    }
    let (signal, background): (Vec<usize>, Vec<usize>) =
        (0..first.is_signal().len()).partition(|&event| first.is_signal()[event]);
    let mut counts = vec![0_u32; first.is_signal().len()];
    let mut drawn = Array2::zeros((replicas, curves.len()));
    for replica in 0..replicas {
        counts.fill(0);
        for class in [&signal, &background] {
            for _ in 0..class.len() {
                counts[class[rng.random_range(0..class.len())]] += 1;
            }
        }
        for (index, curve) in curves.iter().enumerate() {
            let value = curve
                .resampled(Some(&counts))
                .and_then(|curve| measure.read(&curve))
                .map_err(|error| error.in_replica(replica))?;
            drawn[[replica, index]] = slopes[index] * value;
        }
    }
    CorrelatedEstimates::from_replicas(values, &drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    const LABELS: [bool; 8] = [true, false, true, false, true, false, true, false];

    fn roc(offset: f64) -> Roc {
        let scores: Vec<f64> = LABELS
            .iter()
            .enumerate()
            .map(|(i, &s)| (i * 5 % 8) as f64 + if s { offset } else { 0.0 })
            .collect();
        Roc::new(&scores, &LABELS, None).unwrap()
    }

    #[test]
    fn a_classifier_does_not_differ_from_itself() {
        let roc = roc(1.5);
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        for measure in [
            RocMeasure::Auc,
            RocMeasure::BackgroundEfficiency { signal_efficiency: 0.8 },
            RocMeasure::BackgroundRejection { signal_efficiency: 0.8 },
            RocMeasure::SignalEfficiency { background_efficiency: 0.3 },
            RocMeasure::MaxSic { min_background: 1.0 },
        ] {
            let pair = roc_bootstrap(&[&roc, &roc], measure, 50, rng).unwrap();
            let difference = pair.difference(0, 1).unwrap();
            assert_eq!((difference.value, difference.error), (0.0, 0.0));
            assert!(pair.estimate(0).unwrap().error > 0.0);
        }
    }

    #[test]
    fn bad_input() {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let good = roc(1.0);
        assert!(roc_bootstrap(&[], RocMeasure::Auc, 10, rng).is_err());
        assert!(roc_bootstrap(&[&good], RocMeasure::Auc, 1, rng).is_err());
        let flipped: Vec<bool> = LABELS.iter().map(|label| !label).collect();
        let other = Roc::new(&[0.0; 8], &flipped, None).unwrap();
        assert!(matches!(
            roc_bootstrap(&[&good, &other], RocMeasure::Auc, 10, rng),
            Err(Error::Undefined { .. })
        ));
        let other = Roc::new(&[0.0; 8], &LABELS, Some(&[2.0; 8])).unwrap();
        assert!(roc_bootstrap(&[&good, &other], RocMeasure::Auc, 10, rng).is_err());
        let other = Roc::new(&[0.0; 2], &LABELS[..2], None).unwrap();
        assert!(roc_bootstrap(&[&good, &other], RocMeasure::Auc, 10, rng).is_err());
        let perfect = roc(20.0);
        let rejection = RocMeasure::BackgroundRejection { signal_efficiency: 0.5 };
        assert!(matches!(roc_bootstrap(&[&perfect], rejection, 10, rng), Err(Error::Undefined { .. })));
        let sic = RocMeasure::MaxSic { min_background: 9.0 };
        assert!(matches!(roc_bootstrap(&[&good], sic, 10, rng), Err(Error::Undefined { .. })));
    }
}
