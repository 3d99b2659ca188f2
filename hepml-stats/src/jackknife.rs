//! The delete-a-block jackknife.

use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::mean::root_of_squares;

/// What the jackknife says about a statistic.
#[derive(Debug, Clone, PartialEq)]
pub struct JackknifeEstimate {
    /// The statistic on all samples.
    pub value: f64,
    /// Its standard deviation.
    pub error: f64,
    /// Its bias; `value − bias` is free of bias up to O(1/n²), and exactly so for quadratic functions of means.
    pub bias: f64,
    /// The statistic without each of the blocks.
    pub replicas: Vec<f64>,
}

impl JackknifeEstimate {
    /// The value as it is, with its error.
    pub fn estimate(&self) -> Estimate {
        Estimate { value: self.value, error: self.error }
    }

    /// The value with its bias subtracted.
    pub fn unbiased(&self) -> Estimate {
        Estimate { value: self.value - self.bias, error: self.error }
    }
}

/// The jackknife with `blocks` blocks of consecutive samples.
///
/// `blocks = samples.len()` deletes one sample at a time; for a correlated series choose fewer, each much longer than the
/// autocorrelation time. Sizes differ by at most one where the number of samples is no multiple of `blocks`; with
/// h_j = n/n_j and pseudo-values θ̃_j = h_j θ − (h_j − 1) θ_(j), the formulas for unequal blocks of Busing, Meijer and van
/// der Leeden, Statistics and Computing 9 (1999) 3, hold: θ_J = Σ_j θ̃_j / h_j, bias = θ − θ_J,
/// error² = (1/m) Σ_j (θ̃_j − θ_J)² / (h_j − 1). For the mean and blocks of one sample this is s/√n.
///
/// `samples` may hold anything, indices of events for instance. The statistic is NaN where it is undefined.
///
/// ```
/// use hepml_stats::jackknife;
///
/// let variance = |x: &[f64]| {
///     let mean = x.iter().sum::<f64>() / x.len() as f64;
///     x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64
/// };
/// let estimate = jackknife(&[1.0, 2.0, 4.0, 9.0], 4, variance)?;
/// // The bias of the plug-in variance is −s²/n, and the jackknife knows it exactly.
/// assert!((estimate.value - 9.5).abs() < 1e-12);
/// assert!((estimate.value - estimate.bias - 38.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// Fewer than two blocks; more blocks than samples; a statistic that is not finite on all samples, or without a block.
pub fn jackknife<T: Clone>(
    samples: &[T],
    blocks: usize,
    mut statistic: impl FnMut(&[T]) -> f64,
) -> Result<JackknifeEstimate> {
    if samples.is_empty() {
        return Err(hepml_core::Error::Empty { what: "samples".into() }.into());
    }
    if blocks < 2 {
        return Err(Error::TooFew { what: "blocks of the jackknife".into(), needed: 2, got: blocks });
    }
    if blocks > samples.len() {
        return Err(Error::TooFew {
            what: "samples in as many blocks".into(),
            needed: blocks,
            got: samples.len(),
        });
    }
    let value = hepml_core::finite("statistic", statistic(samples))?;
    let n = samples.len();
    // Exact integer bounds without overflow: i·n/blocks.
    let bound = |block: usize| block * (n / blocks) + block * (n % blocks) / blocks;
    let mut rest = Vec::with_capacity(n);
    let mut replicas = Vec::with_capacity(blocks);
    for block in 0..blocks {
        rest.clear();
        rest.extend_from_slice(&samples[..bound(block)]);
        rest.extend_from_slice(&samples[bound(block + 1)..]);
        let replica = hepml_core::finite("statistic", statistic(&rest))
            .map_err(|error| Error::from(error).in_replica(block))?;
        replicas.push(replica);
    }
    // Written in differences θ − θ_(j), which are small: pseudo-value − value = (h − 1)(θ − θ_(j)).
    let ratio = |block: usize| n as f64 / (bound(block + 1) - bound(block)) as f64;
    let shifts: Vec<f64> = replicas
        .iter()
        .enumerate()
        .map(|(block, replica)| (ratio(block) - 1.0) * (value - replica))
        .collect();
    let shift: f64 = shifts.iter().enumerate().map(|(block, shift)| shift / ratio(block)).sum();
    let terms = shifts.iter().enumerate().map(|(block, other)| (other - shift) / (ratio(block) - 1.0).sqrt());
    let error =
        hepml_core::finite("error of the jackknife", root_of_squares(terms) / (blocks as f64).sqrt())?;
    let bias = hepml_core::finite("bias of the jackknife", -shift)?;
    Ok(JackknifeEstimate { value, error, bias, replicas })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(x: &[f64]) -> f64 {
        x.iter().sum::<f64>() / x.len() as f64
    }

    #[test]
    fn the_mean_has_its_standard_error_and_no_bias() {
        let samples = [0.3, -1.2, 2.2, 0.9, 5.0, -0.1, 0.4];
        let estimate = jackknife(&samples, samples.len(), mean).unwrap();
        let exact = crate::mean(&samples).unwrap();
        assert!((estimate.error - exact.error).abs() < 1e-14);
        assert!(estimate.bias.abs() < 1e-14);
    }

    #[test]
    fn unequal_blocks_leave_the_mean_unbiased() {
        let samples: Vec<f64> = (0..23).map(|i| f64::from(i * i)).collect();
        let estimate = jackknife(&samples, 5, mean).unwrap();
        assert!(estimate.bias.abs() < 1e-11);
        assert_eq!(estimate.replicas.len(), 5);
        // For a mean the pseudo-value of a block is the mean of the block: blocks of 4, 5, 4, 5, 5 from 0, 4, 9, 13, 18.
        let variance: f64 = [0, 4, 9, 13, 18, 23]
            .windows(2)
            .map(|ends| {
                let h = 23.0 / (ends[1] - ends[0]) as f64;
                (mean(&samples[ends[0]..ends[1]]) - mean(&samples)).powi(2) / (h - 1.0) / 5.0
            })
            .sum();
        assert!((estimate.error / variance.sqrt() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn bad_input() {
        assert!(jackknife(&[], 2, mean).is_err());
        assert!(jackknife(&[1.0, 2.0], 1, mean).is_err());
        assert!(jackknife(&[1.0, 2.0], 3, mean).is_err());
        let error =
            jackknife(&[1.0, 2.0, 3.0], 3, |x| if x.len() == 3 || x[0] == 2.0 { 1.0 } else { f64::NAN });
        assert!(error.unwrap_err().to_string().starts_with("in resampling 1"));
        // Differences that overflow.
        assert!(jackknife(&[0; 4], 4, |x| if x.len() == 4 { 1e308 } else { -1e308 }).is_err());
    }
}
