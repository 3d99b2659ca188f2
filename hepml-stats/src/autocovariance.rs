//! The autocovariance of one or several chains, lag by lag.

use crate::error::{Error, Result};
use crate::sample::{centre, check_values};

/// Samples that are multiplied with one lag before the next lag is taken: two such pieces fit into the first cache.
const PIECE: usize = 1024;

/// Lags computed at once.
const BATCH: usize = 8;

/// Partial sums of a product: independent, so that the compiler can use vector registers.
const LANES: usize = 8;

/// Γ(t) = Σ_r Σ_i δ_i δ_{i+t} / (N − R t) of deviations δ from a mean, computed as far as it is asked for.
///
/// Cost: O(N) a lag. Deviations are divided by their largest, so that products neither overflow nor underflow.
pub(crate) struct Autocovariance {
    chains: Vec<Vec<f64>>,
    /// The total number of samples.
    pub(crate) count: usize,
    /// The factor that was divided out of the deviations.
    pub(crate) scale: f64,
    known: Vec<f64>,
}

impl Autocovariance {
    /// Of deviations; at least one must differ from zero.
    pub(crate) fn new(mut chains: Vec<Vec<f64>>) -> Self {
        let scale = chains.iter().flatten().fold(0.0_f64, |largest, delta| largest.max(delta.abs()));
        chains.iter_mut().flatten().for_each(|delta| *delta /= scale);
        let count = chains.iter().map(Vec::len).sum();
        Self { chains, count, scale, known: Vec::new() }
    }

    /// Of one series around its mean.
    pub(crate) fn of_series(series: &[f64], needed: usize) -> Result<(f64, Self)> {
        check_values("sample", series, needed)?;
        if series.iter().all(|value| *value == series[0]) {
            return Err(Error::Constant { what: "the series", value: series[0] });
        }
        let mean = centre(series);
        let deviations: Vec<f64> = series.iter().map(|value| value - mean).collect();
        crate::sample::check_finite("deviation from the mean", &deviations)?;
        Ok((mean, Self::new(vec![deviations])))
    }

    /// The longest lag for which half of the shortest chain still has partners.
    pub(crate) fn longest(&self) -> usize {
        self.chains.iter().map(Vec::len).min().unwrap_or(0) / 2
    }

    /// Γ(lag), in units of the squared scale; `lag` must be below the length of the shortest chain.
    pub(crate) fn at(&mut self, lag: usize) -> f64 {
        while self.known.len() <= lag {
            self.extend();
        }
        self.known[lag]
    }

    fn extend(&mut self) {
        let first = self.known.len();
        let shortest = self.chains.iter().map(Vec::len).min().unwrap_or(0);
        let last = (first + BATCH).min(shortest);
        let mut sums = vec![0.0; last - first];
        for chain in &self.chains {
            let mut start = 0;
            while start < chain.len() {
                let end = (start + PIECE).min(chain.len());
                for (sum, lag) in sums.iter_mut().zip(first..) {
                    let partners = chain.get(start + lag..(end + lag).min(chain.len())).unwrap_or(&[]);
                    *sum += dot(&chain[start..start + partners.len()], partners);
                }
                start = end;
            }
        }
        let (count, chains) = (self.count, self.chains.len());
        self.known.extend(sums.iter().zip(first..).map(|(sum, lag)| sum / (count - chains * lag) as f64));
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// The normalised autocorrelation function ρ(t) = Γ(t)/Γ(0) for t = 0..=`longest`, with Γ(t) the mean of
/// (x_i − x̄)(x_{i+t} − x̄) over the n − t pairs.
///
/// # Errors
/// Fewer than two samples, or not more than `longest`; a sample that is not finite; a constant series.
pub fn autocorrelation(series: &[f64], longest: usize) -> Result<Vec<f64>> {
    let (_, mut covariance) = Autocovariance::of_series(series, longest.saturating_add(1).max(2))?;
    let variance = covariance.at(0);
    Ok((0..=longest).map(|lag| covariance.at(lag) / variance).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_double_sum() {
        let series: Vec<f64> = (0..2500_i32).map(|i| f64::from(i * i % 101) + f64::from(i % 7)).collect();
        let mean = series.iter().sum::<f64>() / 2500.0;
        let exact = |lag: usize| {
            (0..2500 - lag).map(|i| (series[i] - mean) * (series[i + lag] - mean)).sum::<f64>()
                / (2500 - lag) as f64
        };
        for (lag, rho) in autocorrelation(&series, 2499).unwrap().iter().enumerate() {
            assert!((rho - exact(lag) / exact(0)).abs() < 1e-12, "lag {lag}");
        }
    }

    #[test]
    fn scales_do_not_matter() {
        let series = [1.0, 3.0, 2.0, 5.0, 4.0];
        let rho = autocorrelation(&series, 3).unwrap();
        for scale in [1e-300, 1e300] {
            let scaled: Vec<f64> = series.iter().map(|x| x * scale).collect();
            for (a, b) in autocorrelation(&scaled, 3).unwrap().iter().zip(&rho) {
                assert!((a - b).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn bad_input() {
        assert!(autocorrelation(&[], 0).is_err());
        assert!(autocorrelation(&[1.0], 0).is_err());
        assert!(autocorrelation(&[1.0, 2.0], 2).is_err());
        assert!(autocorrelation(&[1.0, f64::INFINITY], 1).is_err());
        assert!(autocorrelation(&[f64::MAX, -f64::MAX, f64::MAX], 1).is_err());
        assert!(matches!(autocorrelation(&[0.1; 10], 1), Err(Error::Constant { value: 0.1, .. })));
    }
}
