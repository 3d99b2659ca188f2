//! The self-consistent window of Madras and Sokal.

use crate::autocovariance::Autocovariance;
use crate::error::{Error, Result};
use crate::estimate::Estimate;

/// How the window is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MadrasSokalConfig {
    /// c: the window is the smallest M ≥ c τ_int(M); 4 to 10 is usual.
    pub c: f64,
}

impl Default for MadrasSokalConfig {
    /// c = 6.
    fn default() -> Self {
        Self { c: 6.0 }
    }
}

/// The mean of a series with its error and autocorrelation time.
#[derive(Debug, Clone, PartialEq)]
pub struct MadrasSokalEstimate {
    /// The mean.
    pub value: f64,
    /// Its standard deviation √(2 τ_int Γ(0)/N).
    pub error: f64,
    /// The integrated autocorrelation time τ_int(M) = 1/2 + Σ_{t=1}^{M} ρ(t), in samples.
    pub tau_int: f64,
    /// Its standard deviation τ_int √(2 (2M + 1)/N).
    pub tau_int_error: f64,
    /// The window M.
    pub window: usize,
}

impl MadrasSokalEstimate {
    /// The mean with its error.
    pub fn estimate(&self) -> Estimate {
        Estimate { value: self.value, error: self.error }
    }

    /// The integrated autocorrelation time with its error.
    pub fn autocorrelation_time(&self) -> Estimate {
        Estimate { value: self.tau_int, error: self.tau_int_error }
    }
}

/// The integrated autocorrelation time with the window of N. Madras and A. D. Sokal, J. Stat. Phys. 50 (1988) 109: the
/// smallest M ≥ c τ_int(M).
///
/// For independent samples τ_int = 1/2. [`gamma_method`](crate::gamma_method) balances truncation against noise and is
/// the better default; this one is what many codes report. Cost: O(N M).
///
/// # Errors
/// Fewer than four samples; a sample that is not finite; a constant series; c that is not positive; no window up to half
/// of the series ([`Error::NoWindow`]); τ_int that is not positive ([`Error::NegativeVariance`]).
pub fn madras_sokal(series: &[f64], config: &MadrasSokalConfig) -> Result<MadrasSokalEstimate> {
    if !(config.c.is_finite() && config.c > 0.0) {
        return Err(
            hepml_core::Error::out_of_range("c of the window", config.c, "positive and finite").into()
        );
    }
    let (value, mut gamma) = Autocovariance::of_series(series, 4)?;
    let n = gamma.count as f64;
    let variance = gamma.at(0);
    let mut tau_int = 0.5;
    for window in 1..=gamma.longest() {
        tau_int += gamma.at(window) / variance;
        let m = window as f64;
        if m >= config.c * tau_int {
            if tau_int <= 0.0 {
                let value = 2.0 * tau_int * variance * gamma.scale * gamma.scale;
                return Err(Error::NegativeVariance { window, value });
            }
            return Ok(MadrasSokalEstimate {
                value,
                error: gamma.scale * (2.0 * tau_int * variance / n).sqrt(),
                tau_int,
                tau_int_error: tau_int * (2.0 * (2.0 * m + 1.0) / n).sqrt(),
                window,
            });
        }
    }
    Err(Error::NoWindow { longest: gamma.longest(), tau_int })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input() {
        let config = MadrasSokalConfig::default();
        assert!(madras_sokal(&[], &config).is_err());
        assert!(madras_sokal(&[1.0; 3], &config).is_err());
        assert!(madras_sokal(&[1.0; 30], &config).is_err());
        assert!(madras_sokal(&[1.0, 2.0, f64::NAN, 1.0], &config).is_err());
        let ramp: Vec<f64> = (0..40).map(f64::from).collect();
        assert!(madras_sokal(&ramp, &MadrasSokalConfig { c: 0.0 }).is_err());
        assert!(matches!(madras_sokal(&ramp, &config), Err(Error::NoWindow { .. })));
        let alternating: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        assert!(matches!(
            madras_sokal(&alternating, &config),
            Err(Error::NegativeVariance { window: 1, .. })
        ));
    }
}
