//! How much weighted events are worth: effective sample size and tail index.

use hepml_core::{Error as CoreError, Item};

use crate::error::{Error, Result};
use crate::sample::{check_values, positive_weights, signed_weights};

/// Weights in the tail below which no distribution is fitted.
const SMALLEST_TAIL: usize = 5;

/// Kish's effective sample size (Σw)²/Σw² of weights, which may be negative.
///
/// ```
/// assert_eq!(hepml_stats::effective_sample_size(&[2.0, 2.0, 2.0])?, 3.0);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// No weights; a weight that is not finite; weights that are all zero.
pub fn effective_sample_size(weights: &[f64]) -> Result<f64> {
    check_values("weight", weights, 1)?;
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(Error::NonPositiveSum { what: "squared weights", sum: 0.0 });
    }
    Ok(kish(&signed_weights(Some(weights), weights.len())?))
}

/// The effective sample size of weights given by their logarithms, which may be −∞ (a weight of 0).
///
/// # Errors
/// No weights; a logarithm that is NaN or +∞; weights that are all zero.
pub fn effective_sample_size_log(log_weights: &[f64]) -> Result<f64> {
    Ok(kish(&relative_weights(log_weights)?))
}

/// (Σw)²/Σw², scaled by the largest weight so that squares neither overflow nor underflow; one weight is not zero.
pub(crate) fn kish(weights: &[f64]) -> f64 {
    let largest = weights.iter().fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
    let (sum, squares) =
        weights.iter().map(|weight| weight / largest).fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
    sum * sum / squares
}

/// Weights divided by the largest, from their logarithms.
fn relative_weights(log_weights: &[f64]) -> Result<Vec<f64>> {
    if log_weights.is_empty() {
        return Err(CoreError::Empty { what: "log weights".into() }.into());
    }
    for (event, &value) in log_weights.iter().enumerate() {
        if value.is_nan() || value == f64::INFINITY {
            return Err(
                CoreError::NotFinite { what: "log weight".into(), item: Item::event(event), value }.into()
            );
        }
    }
    let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return Err(Error::NonPositiveSum { what: "weights", sum: 0.0 });
    }
    Ok(log_weights.iter().map(|log_weight| (log_weight - largest).exp()).collect())
}

/// The generalised Pareto distribution of the largest weights.
///
/// The tail P(w > u + y) ∝ (1 + k y/σ)^(−1/k) has moments up to order 1/k: for k < 1/2 the variance of a weighted mean is
/// finite; for k > 0.7 neither the mean nor its quoted error can be trusted at any practical sample size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TailIndex {
    /// The shape k̂, after the weakly informative prior.
    pub k: f64,
    /// The scale σ̂, in units of the weights (of the largest weight for [`tail_index_log`]).
    pub scale: f64,
    /// The threshold u above which weights belong to the tail, in the same units.
    pub threshold: f64,
    /// The number of weights above the threshold.
    pub tail: usize,
    /// The number of weights.
    pub count: usize,
}

impl TailIndex {
    /// Whether importance-weighted averages can be trusted at this sample size: k̂ < min(1 − 1/log₁₀ n, 0.7)
    /// (Vehtari et al., arXiv:1507.02646).
    pub fn is_reliable(&self) -> bool {
        self.k < 0.7_f64.min(1.0 - 1.0 / (self.count as f64).log10())
    }
}

/// The Pareto tail index k̂ of non-negative weights (Vehtari, Simpson, Gelman, Yao and Gabry, arXiv:1507.02646).
///
/// The tail is what exceeds the (M + 1)-th largest weight, M = ⌈min(n/5, 3√n)⌉; weights equal to the threshold are not part
/// of it. The excesses are fitted with the estimator of Zhang and Stephens, Technometrics 51 (2009) 316, and
/// k̂ = (M k + 10 · 1/2)/(M + 10) carries the prior of the paper.
///
/// # Errors
/// A weight that is negative or not finite; fewer than 25 weights; fewer than five weights above the threshold (equal
/// weights have no tail); weights in the tail that cannot be told from the threshold.
pub fn tail_index(weights: &[f64]) -> Result<TailIndex> {
    check_values("weight", weights, 1)?;
    let checked = positive_weights(Some(weights), weights.len())?;
    let largest = checked.iter().copied().fold(0.0, f64::max);
    let relative: Vec<f64> = checked.iter().map(|weight| weight / largest).collect();
    let fit = fit_tail(relative)?;
    Ok(TailIndex { scale: fit.scale * largest, threshold: fit.threshold * largest, ..fit })
}

/// As [`tail_index`], from the logarithms of the weights; −∞ is a weight of 0.
///
/// # Errors
/// A logarithm that is NaN or +∞; otherwise as [`tail_index`].
pub fn tail_index_log(log_weights: &[f64]) -> Result<TailIndex> {
    fit_tail(relative_weights(log_weights)?)
}

fn fit_tail(mut weights: Vec<f64>) -> Result<TailIndex> {
    let count = weights.len();
    let n = count as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and n/5 + 1")]
    let wanted = (n / 5.0).min(3.0 * n.sqrt()).ceil() as usize;
    if wanted < SMALLEST_TAIL {
        return Err(Error::TooFew {
            what: "weights for a tail index".into(),
            needed: 5 * SMALLEST_TAIL - 4,
            got: count,
        });
    }
    weights.sort_by(f64::total_cmp);
    let threshold = weights[count - wanted - 1];
    let excesses: Vec<f64> = weights[count - wanted..]
        .iter()
        .map(|weight| weight - threshold)
        .filter(|&excess| excess > 0.0)
        .collect();
    if excesses.len() < SMALLEST_TAIL {
        return Err(Error::TooFew {
            what: "weights above the threshold of the tail".into(),
            needed: SMALLEST_TAIL,
            got: excesses.len(),
        });
    }
    let (k, scale) = zhang_stephens(&excesses)?;
    let m = excesses.len() as f64;
    Ok(TailIndex { k: (m * k + 5.0) / (m + 10.0), scale, threshold, tail: excesses.len(), count })
}

/// Shape and scale of a generalised Pareto distribution for ascending positive excesses: the posterior mean of θ = −k/σ
/// over a grid of quantiles of its prior, with the profile likelihood as weight.
fn zhang_stephens(excesses: &[f64]) -> Result<(f64, f64)> {
    /// θ of the prior scales with 1/(3 · first quartile).
    const PRIOR: f64 = 3.0;
    let n = excesses.len() as f64;
    let quartile = excesses[(excesses.len() + 2) / 4 - 1];
    let largest = excesses[excesses.len() - 1];
    let points = 30 + excesses.len().isqrt();
    let shape = |theta: f64| excesses.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n;
    let grid: Vec<(f64, f64)> = (1..=points)
        .map(|j| {
            let spread = 1.0 - (points as f64 / (j as f64 - 0.5)).sqrt();
            let theta = 1.0 / largest + spread / (PRIOR * quartile);
            let k = shape(theta);
            (theta, n * ((-theta / k).ln() - k - 1.0))
        })
        .collect();
    let best = grid.iter().map(|(_, log_likelihood)| *log_likelihood).fold(f64::NEG_INFINITY, f64::max);
    let (sum, weight) = grid.iter().fold((0.0, 0.0), |(sum, weight), (theta, log_likelihood)| {
        let likelihood = (log_likelihood - best).exp();
        (sum + likelihood * theta, weight + likelihood)
    });
    let theta = sum / weight;
    let k = shape(theta);
    let scale = -k / theta;
    if k.is_finite() && scale.is_finite() && scale > 0.0 {
        Ok((k, scale))
    } else {
        Err(Error::undefined("tail index", "the excesses over the threshold cannot be told from zero"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of a Pareto distribution with index k.
    fn pareto(n: u32, k: f64) -> Vec<f64> {
        (0..n).map(|i| ((f64::from(i) + 0.5) / f64::from(n)).powf(-k)).collect()
    }

    #[test]
    fn logarithms_and_scales_do_not_matter() {
        let weights = pareto(2000, 0.6);
        let plain = tail_index(&weights).unwrap();
        let log = tail_index_log(&weights.iter().map(|w| w.ln() + 900.0).collect::<Vec<_>>()).unwrap();
        let huge = tail_index(&weights.iter().map(|w| w * 1e290).collect::<Vec<_>>()).unwrap();
        assert!((plain.k - log.k).abs() < 1e-10);
        assert!((plain.k - huge.k).abs() < 1e-12);
        assert!((huge.scale / plain.scale / 1e290 - 1.0).abs() < 1e-12);
        assert_eq!(plain.tail, 135); // ⌈3 √2000⌉
        // The 136th largest weight; relative to the largest from logarithms.
        assert!((plain.threshold / weights[135] - 1.0).abs() < 1e-14);
        assert!((log.threshold * weights[0] / weights[135] - 1.0).abs() < 1e-10);
        assert!(
            (effective_sample_size(&weights).unwrap()
                / effective_sample_size_log(&weights.iter().map(|w| w.ln()).collect::<Vec<_>>()).unwrap()
                - 1.0)
                .abs()
                < 1e-12
        );
    }

    #[test]
    fn reliability_depends_on_the_sample_size() {
        let fit = |k, count| TailIndex { k, scale: 1.0, threshold: 1.0, tail: 10, count };
        assert!(fit(0.69, 100_000).is_reliable());
        assert!(!fit(0.71, 100_000).is_reliable());
        assert!(!fit(0.55, 100).is_reliable());
        assert!(fit(0.45, 100).is_reliable());
    }

    #[test]
    fn bad_input() {
        assert!(tail_index(&[]).is_err());
        assert!(tail_index(&pareto(20, 0.5)).is_err());
        assert!(tail_index(&pareto(21, 0.5)).is_ok());
        assert!(matches!(tail_index(&[1.0; 1000]), Err(Error::TooFew { got: 0, .. })));
        assert!(tail_index(&[0.0; 1000]).is_err());
        let mut weights = pareto(100, 0.5);
        weights[7] = -1.0;
        assert!(tail_index(&weights).unwrap_err().to_string().contains("event 7"));
        weights[7] = f64::NAN;
        assert!(tail_index(&weights).unwrap_err().to_string().contains("event 7"));
        assert!(tail_index_log(&weights).unwrap_err().to_string().contains("event 7"));
        assert!(tail_index_log(&[f64::NEG_INFINITY; 100]).is_err());
        assert!(tail_index_log(&[]).is_err());
        assert!(effective_sample_size(&[]).is_err());
        assert!(effective_sample_size(&[0.0]).is_err());
        assert!(effective_sample_size(&[f64::INFINITY]).is_err());
        assert!(effective_sample_size_log(&[f64::INFINITY]).is_err());
    }

    #[test]
    fn one_huge_weight_is_not_a_nan() {
        // All but one excess vanish beside the largest.
        let mut weights: Vec<f64> = (0..100).map(|i| 1.0 + f64::from(i) * 1e-3).collect();
        weights[0] = 1e300;
        match tail_index(&weights) {
            Ok(fit) => assert!(fit.k.is_finite() && fit.k > 0.7),
            Err(error) => assert!(matches!(error, Error::TooFew { .. } | Error::Undefined { .. })),
        }
    }
}
