//! The bootstrap, of single samples or of blocks.

use hepml_core::ndarray::Array2;
use hepml_core::rand::{Rng, RngExt};

use crate::correlated::CorrelatedEstimates;
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::mean::root_of_squares;
use crate::quantile::weighted_quantile;
use crate::sample::{centre, check_fraction};

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootstrapConfig {
    /// The number of replicas; the relative error of an error is 1/√(2 · replicas).
    pub replicas: usize,
    /// The length of a block of consecutive samples: 1 for independent samples, much more than the autocorrelation time
    /// for a series.
    pub block: usize,
}

impl Default for BootstrapConfig {
    /// 1000 replicas of single samples.
    fn default() -> Self {
        Self { replicas: 1000, block: 1 }
    }
}

/// What the bootstrap says about a statistic.
#[derive(Debug, Clone, PartialEq)]
pub struct BootstrapEstimate {
    /// The statistic on the samples as they are.
    pub value: f64,
    /// The standard deviation of the replicas (n − 1 in the denominator).
    pub error: f64,
    /// The mean of the replicas minus the value.
    pub bias: f64,
    /// The statistic on each replica.
    pub replicas: Vec<f64>,
}

impl BootstrapEstimate {
    /// The value with its error.
    pub fn estimate(&self) -> Estimate {
        Estimate { value: self.value, error: self.error }
    }

    /// The central interval of the replicas that holds the fraction `level` of them (the percentile method).
    ///
    /// # Errors
    /// A level outside [0, 1].
    pub fn interval(&self, level: f64) -> Result<(f64, f64)> {
        check_fraction("level of an interval", level)?;
        let tail = 0.5 * (1.0 - level);
        Ok((
            weighted_quantile(&self.replicas, None, tail)?,
            weighted_quantile(&self.replicas, None, 1.0 - tail)?,
        ))
    }
}

/// The bootstrap error of a statistic.
///
/// A replica holds as many samples as there are, drawn with replacement in blocks of consecutive samples that wrap around
/// the end (the circular block bootstrap), so that every sample is equally likely. `samples` may hold anything, indices of
/// events for instance. The statistic is NaN where it is undefined.
///
/// ```
/// use hepml_stats::{bootstrap, BootstrapConfig, rand::SeedableRng};
/// use hepml_core::rand_chacha::ChaCha8Rng;
///
/// let samples: Vec<f64> = (0..100).map(f64::from).collect();
/// let median = |x: &[f64]| hepml_stats::weighted_quantile(x, None, 0.5).unwrap_or(f64::NAN);
/// let rng = &mut ChaCha8Rng::seed_from_u64(1);
/// let estimate = bootstrap(&samples, &BootstrapConfig::default(), rng, median)?;
/// assert_eq!(estimate.value, 49.0);
/// assert!((3.0..7.0).contains(&estimate.error)); // 1/(2 f √n) = 5 for a flat density f = 1/100
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// No samples; fewer than two replicas; a block of no samples or of more than there are; a statistic that is not finite on
/// the samples or on a replica.
pub fn bootstrap<T: Clone>(
    samples: &[T],
    config: &BootstrapConfig,
    rng: &mut dyn Rng,
    mut statistic: impl FnMut(&[T]) -> f64,
) -> Result<BootstrapEstimate> {
    let (values, replicas) = resample(samples, config, rng, |replica| vec![statistic(replica)])?;
    let (value, replicas) = (values[0], replicas.into_raw_vec_and_offset().0);
    let mean = centre(&replicas);
    let spread = root_of_squares(replicas.iter().map(|replica| replica - mean));
    let error = hepml_core::finite("error of the bootstrap", spread / (replicas.len() as f64 - 1.0).sqrt())?;
    Ok(BootstrapEstimate { value, error, bias: mean - value, replicas })
}

/// The bootstrap of several statistics of the same samples, with their covariance.
///
/// # Errors
/// As [`bootstrap`]; a statistic that returns another number of values on a replica than on the samples; a covariance that
/// overflows.
pub fn bootstrap_joint<T: Clone>(
    samples: &[T],
    config: &BootstrapConfig,
    rng: &mut dyn Rng,
    statistics: impl FnMut(&[T]) -> Vec<f64>,
) -> Result<CorrelatedEstimates> {
    let (values, replicas) = resample(samples, config, rng, statistics)?;
    CorrelatedEstimates::from_replicas(values, &replicas)
}

fn resample<T: Clone>(
    samples: &[T],
    config: &BootstrapConfig,
    rng: &mut dyn Rng,
    mut statistics: impl FnMut(&[T]) -> Vec<f64>,
) -> Result<(Vec<f64>, Array2<f64>)> {
    let n = samples.len();
    if n == 0 {
        return Err(hepml_core::Error::Empty { what: "samples".into() }.into());
    }
    if config.replicas < 2 {
        return Err(Error::TooFew {
            what: "replicas of the bootstrap".into(),
            needed: 2,
            got: config.replicas,
        });
    }
    if config.block == 0 || config.block > n {
        let allowed = "at least 1 and at most the number of samples";
        return Err(
            hepml_core::Error::out_of_range("block of the bootstrap", config.block as f64, allowed).into()
        );
    }
    let values = statistics(samples);
    for &value in &values {
        hepml_core::finite("statistic", value)?;
    }
    let mut all = Vec::with_capacity(config.replicas * values.len());
    let mut replica: Vec<T> = Vec::with_capacity(n);
    for number in 0..config.replicas {
        replica.clear();
        while replica.len() < n {
            let start = rng.random_range(0..n);
            let length = config.block.min(n - replica.len());
            replica.extend((start..start + length).map(|index| samples[index % n].clone()));
        }
        let drawn = statistics(&replica);
        if drawn.len() != values.len() {
            let error = hepml_core::Error::shape("statistics", values.len(), drawn.len());
            return Err(Error::from(error).in_replica(number));
        }
        for value in drawn {
            let value = hepml_core::finite("statistic", value)
                .map_err(|error| Error::from(error).in_replica(number))?;
            all.push(value);
        }
    }
    let replicas = Array2::from_shape_vec((config.replicas, values.len()), all).expect("a row a replica");
    Ok((values, replicas))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    fn mean(x: &[f64]) -> f64 {
        x.iter().sum::<f64>() / x.len() as f64
    }

    #[test]
    fn same_seed_same_replicas() {
        let samples = [1.0, 2.0, 5.0, 9.0];
        let config = BootstrapConfig { replicas: 20, block: 2 };
        let run = |seed| bootstrap(&samples, &config, &mut ChaCha8Rng::seed_from_u64(seed), mean).unwrap();
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    #[test]
    fn bad_input() {
        let rng = &mut ChaCha8Rng::seed_from_u64(0);
        let config = BootstrapConfig::default();
        assert!(bootstrap(&[], &config, rng, mean).is_err());
        assert!(bootstrap(&[1.0], &BootstrapConfig { replicas: 1, ..config }, rng, mean).is_err());
        assert!(bootstrap(&[1.0], &BootstrapConfig { block: 0, ..config }, rng, mean).is_err());
        assert!(bootstrap(&[1.0], &BootstrapConfig { block: 2, ..config }, rng, mean).is_err());
        assert!(bootstrap(&[1.0], &config, rng, |_| f64::NAN).is_err());
        let mut calls = 0;
        let error = bootstrap_joint(&[1.0], &config, rng, |_| {
            calls += 1;
            vec![0.0; calls]
        });
        assert!(error.unwrap_err().to_string().starts_with("in resampling 0"));
    }

    #[test]
    fn the_bias_is_that_of_the_replicas() {
        // The square of the mean is biased upwards by the variance of the mean, 0.25/4 here.
        let samples = [0.0, 1.0, 0.0, 1.0];
        let config = BootstrapConfig { replicas: 4000, block: 1 };
        let square = |x: &[f64]| mean(x).powi(2);
        let got = bootstrap(&samples, &config, &mut ChaCha8Rng::seed_from_u64(2), square).unwrap();
        let four_sigmas = 4.0 * got.error / 4000.0_f64.sqrt();
        assert!((got.bias - 0.0625).abs() < four_sigmas && four_sigmas < 0.03, "{}", got.bias);
    }

    #[test]
    fn intervals_hold_their_level() {
        let replicas: Vec<f64> = (0..101).map(f64::from).collect();
        let estimate = BootstrapEstimate { value: 50.0, error: 1.0, bias: 0.0, replicas };
        assert_eq!(estimate.interval(0.5).unwrap(), (25.0, 75.0));
        assert!(estimate.interval(1.5).is_err());
    }
}
