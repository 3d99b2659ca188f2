//! Means with their errors.

use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::sample::{centre, check_values, positive_weights};

/// The mean of independent values and its standard error s/√n, with s² = Σ(x − x̄)²/(n − 1).
///
/// ```
/// let mean = hepml_stats::mean(&[1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!(mean.to_string(), "2.50(65)");
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// Fewer than two values; a value that is not finite.
pub fn mean(values: &[f64]) -> Result<Estimate> {
    check_values("value", values, 2)?;
    let centre = centre(values);
    let n = values.len() as f64;
    Estimate::new(centre, root_of_squares(values.iter().map(|value| value - centre)) / (n * (n - 1.0)).sqrt())
}

/// The weighted mean x̄ = Σwx / Σw of independent weighted values, with the error √(Σ w²(x − x̄)²) / Σw.
///
/// The error is that of a ratio of sums (weights fluctuate with the events, as in Monte Carlo samples); for equal weights
/// it is √((n − 1)/n) times that of [`mean`]. It is *not* the combination of measurements with known errors.
///
/// # Errors
/// Fewer than two values; a value or weight that is not finite; a negative weight; a sum of weights that is not positive.
pub fn weighted_mean(values: &[f64], weights: &[f64]) -> Result<Estimate> {
    check_values("value", values, 2)?;
    let weights = positive_weights(Some(weights), values.len())?;
    let total: f64 = weights.iter().sum();
    let centre: f64 = values.iter().zip(&*weights).map(|(x, w)| x * (w / total)).sum();
    let error = root_of_squares(values.iter().zip(&*weights).map(|(x, w)| (x - centre) * (w / total)));
    if weights.iter().filter(|&&weight| weight > 0.0).count() < 2 {
        return Err(Error::undefined("error of the weighted mean", "only one weight is not zero"));
    }
    Estimate::new(centre, error)
}

/// √Σx², scaled so that squares neither overflow nor underflow.
pub(crate) fn root_of_squares(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        // A sum of zeros, or of what `max` does not see: NaN.
        return values.sum();
    }
    if !largest.is_finite() {
        return largest;
    }
    largest * values.map(|value| (value / largest).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_give_the_mean() {
        let values = [1.0, 4.0, 2.0, 8.0];
        let (plain, weighted) = (mean(&values).unwrap(), weighted_mean(&values, &[2.5; 4]).unwrap());
        assert_eq!(plain.value, weighted.value);
        assert!((weighted.error - plain.error * 0.75_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn scales_do_not_matter() {
        for scale in [1e-300, 1.0, 1e300] {
            let estimate = mean(&[scale, 3.0 * scale]).unwrap();
            assert!((estimate.value / scale - 2.0).abs() < 1e-15);
            assert!((estimate.error / scale - 1.0).abs() < 1e-15);
        }
        assert_eq!(mean(&[0.1; 1000]).unwrap(), Estimate { value: 0.1, error: 0.0 });
    }

    #[test]
    fn a_nan_is_not_a_zero() {
        assert!(root_of_squares([f64::NAN; 2].into_iter()).is_nan());
        assert!(root_of_squares([f64::NAN, 1.0].into_iter()).is_nan());
        assert_eq!(root_of_squares([0.0, -0.0].into_iter()), 0.0);
    }

    #[test]
    fn bad_input() {
        assert!(mean(&[]).is_err() && mean(&[1.0]).is_err());
        assert!(mean(&[1.0, f64::NAN]).unwrap_err().to_string().contains("event 1"));
        assert!(weighted_mean(&[1.0, 2.0], &[1.0]).is_err());
        assert!(weighted_mean(&[1.0, 2.0], &[1.0, -1.0]).unwrap_err().to_string().contains("event 1"));
        assert!(weighted_mean(&[1.0, 2.0], &[0.0, 0.0]).is_err());
        assert!(weighted_mean(&[1.0, 2.0], &[0.0, 1.0]).is_err());
    }
}
