//! The area under the curve, with its error.

use hepml_stats::{Estimate, Roc};

use super::scored::Scored;
use crate::error::Result;

/// The AUC of r between two sides, A = P(r_num > r_den) + P(r_num = r_den)/2, with its error.
///
/// The error is that of DeLong, DeLong and Clarke-Pearson (Biometrics 44 (1988) 837) for weights w of either sign, which sum to 1 on each
/// side: the square root of sum_num w² (P(r_den < r) - A)² + sum_den w² (P(r_num > r) - A)², where ties count half. It is 0 where
/// the sides do not overlap, and where all r are the same.
///
/// # Errors
/// Those of [`Roc::new`]; sums of weights that cancel until no number is left.
pub fn auc(numerator: Scored<'_>, denominator: Scored<'_>) -> Result<Estimate> {
    let count = numerator.z.len();
    let scores = Scored::scores([numerator, denominator]).concat();
    let weights = [numerator.weights, denominator.weights].concat();
    let is_numerator: Vec<bool> = (0..scores.len()).map(|event| event < count).collect();
    let roc = Roc::new(&scores, &is_numerator, Some(&weights))?;
    let (auc, points) = (roc.auc(), roc.points().collect::<Vec<_>>());
    let sums = [numerator, denominator].map(|side| side.weights.iter().sum::<f64>());
    let mut variance = 0.0;
    for ((score, weight), is_numerator) in scores.iter().zip(&weights).zip(is_numerator) {
        // The first point at which the event passes, and the last one at which it does not.
        let passes = points.partition_point(|point| point.threshold > *score).clamp(1, points.len() - 1);
        let (before, at) = (points[passes - 1], points[passes]);
        let (right, sum) = if is_numerator {
            (1.0 - 0.5 * (before.background_efficiency + at.background_efficiency), sums[0])
        } else {
            (0.5 * (before.signal_efficiency + at.signal_efficiency), sums[1])
        };
        variance += (weight / sum * (right - auc)).powi(2);
    }
    Ok(Estimate::new(auc, variance.sqrt())?)
}

#[cfg(test)]
mod tests {
    use hepml_core::rand::{RngExt, SeedableRng};
    use hepml_core::rand_chacha::ChaCha8Rng;
    use hepml_stats::{RocMeasure, roc_bootstrap};

    use super::super::fixtures::gaussians;
    use super::*;

    /// Against a bootstrap of 400 replicas, which knows an error to 1/sqrt(2 * 400) = 3.5%.
    #[test]
    fn errors_of_an_auc_are_those_of_a_bootstrap() {
        let [above, below] = gaussians(0.4, 500, 23);
        let mut rng = ChaCha8Rng::seed_from_u64(24);
        // Rounded, so that there are ties; and a tenth of the weights is negative.
        let z = [&above, &below]
            .map(|side| side.events().mapv(|x| (4.0 * x).round()).into_raw_vec_and_offset().0);
        let mut weights = || -> Vec<f64> {
            (0..500).map(|i| if i % 10 == 0 { -0.5 } else { 0.5 + rng.random::<f64>() }).collect()
        };
        let (a, b) = (weights(), weights());
        let estimate = auc(Scored::new(&z[0], &a).unwrap(), Scored::new(&z[1], &b).unwrap()).unwrap();
        let is_numerator: Vec<bool> = (0..1000).map(|event| event < 500).collect();
        let roc = Roc::new(&z.concat(), &is_numerator, Some(&[a, b].concat())).unwrap();
        let expected = roc_bootstrap(&[&roc], RocMeasure::Auc, 400, &mut rng).unwrap().estimate(0).unwrap();
        assert_eq!(estimate.value, expected.value);
        assert!((estimate.error / expected.error - 1.0).abs() < 4.0 * 0.035, "{estimate} {expected}");
    }

    #[test]
    fn negative_ratios_come_below_positive_ones() {
        // r = 2, -1 against -3, 1/2: of the four pairs, three are in order.
        let weights = [1.0; 2];
        let above = [2.0_f64.ln(), 0.0];
        let below = [3.0_f64.ln(), 0.5_f64.ln()];
        let above = Scored::signed(&above, &[false, true], &weights).unwrap();
        let below = Scored::signed(&below, &[true, false], &weights).unwrap();
        assert_eq!(auc(above, below).unwrap().value, 0.75);
        // One side alone has negative ones.
        let positive = Scored::new(&[0.0, 0.1], &weights).unwrap();
        assert_eq!(auc(positive, below).unwrap().value, 1.0);
    }
}
