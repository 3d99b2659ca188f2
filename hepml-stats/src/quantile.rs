//! Weighted quantiles.

use crate::error::Result;
use crate::sample::{ascending, check_fraction, check_values, positive_weights};

/// The quantile `q` of weighted values; see [`weighted_quantiles`].
///
/// ```
/// use hepml_stats::weighted_quantile;
///
/// assert_eq!(weighted_quantile(&[3.0, 1.0, 2.0], None, 0.5)?, 2.0);
/// assert_eq!(weighted_quantile(&[3.0, 1.0, 2.0], Some(&[4.0, 1.0, 1.0]), 0.5)?, 3.0);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// As [`weighted_quantiles`].
pub fn weighted_quantile(values: &[f64], weights: Option<&[f64]>, q: f64) -> Result<f64> {
    Ok(weighted_quantiles(values, weights, &[q])?[0])
}

/// The quantiles `q` of weighted values: the inverse of the weighted empirical distribution.
///
/// Q(q) = min { x_i with w_i > 0 : Σ_{x_j ≤ x_i} w_j / Σ w_j ≥ q }, always one of the values, never interpolated
/// (`method="inverted_cdf"` of numpy). Values of weight 0 do not count. Weights of 1 where none are given.
///
/// # Errors
/// No values; a value, weight or q that is not finite; a negative weight; a sum of weights that is not positive; q outside
/// [0, 1].
pub fn weighted_quantiles(values: &[f64], weights: Option<&[f64]>, q: &[f64]) -> Result<Vec<f64>> {
    check_values("value", values, 1)?;
    let weights = positive_weights(weights, values.len())?;
    for &q in q {
        check_fraction("quantile", q)?;
    }
    let order: Vec<usize> = ascending(values).into_iter().filter(|&i| weights[i] > 0.0).collect();
    let cumulative: Vec<f64> = order
        .iter()
        .scan(0.0, |sum, &i| {
            *sum += weights[i];
            Some(*sum)
        })
        .collect();
    let total = cumulative[cumulative.len() - 1];
    Ok(q.iter()
        .map(|&q| {
            // The last quotient is exactly 1, so that every q finds its value.
            let position = cumulative.partition_point(|sum| sum / total < q);
            values[order[position]]
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_zero_weights() {
        let values = [1.0, 2.0, 3.0];
        assert_eq!(weighted_quantiles(&values, Some(&[0.0, 1.0, 0.0]), &[0.0, 0.5, 1.0]).unwrap(), [2.0; 3]);
        assert_eq!(weighted_quantiles(&values, None, &[0.0, 1.0]).unwrap(), [1.0, 3.0]);
        assert_eq!(weighted_quantiles(&[7.0], None, &[0.3]).unwrap(), [7.0]);
        assert_eq!(weighted_quantiles(&values, None, &[]).unwrap(), Vec::<f64>::new());
    }

    #[test]
    fn bad_input() {
        assert!(weighted_quantile(&[], None, 0.5).is_err());
        assert!(weighted_quantile(&[f64::NAN], None, 0.5).is_err());
        assert!(weighted_quantile(&[1.0], None, f64::NAN).is_err());
        assert!(weighted_quantile(&[1.0], None, 1.1).is_err());
        assert!(weighted_quantile(&[1.0], Some(&[-1.0]), 0.5).is_err());
        assert!(weighted_quantile(&[1.0], Some(&[0.0]), 0.5).is_err());
        assert!(weighted_quantile(&[1.0], Some(&[1.0, 1.0]), 0.5).is_err());
        assert!(weighted_quantile(&[1.0, 2.0], Some(&[f64::MAX, f64::MAX]), 0.5).is_err());
    }
}
