//! A beta distribution against the uniform one.

use std::f64::consts::PI;

use hepml_core::ndarray::Array1;
use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, LogRatio, Table, Weighted};

use super::toy::{Toy, column, of_column};
use super::variates::gamma;
use crate::error::Result;

/// Densities x^(a - 1) (1 - x)^(b - 1)/B(a, b) against 1 on 0 < x < 1.
///
/// ln r = (a - 1) ln x + (b - 1) ln(1 - x) - ln B(a, b);
/// KL = (a - 1)(psi(a) - psi(a + b)) + (b - 1)(psi(b) - psi(a + b)) - ln B(a, b), psi the digamma function.
/// The ratio is bounded for a >= 1; for a < 1 it has a tail, P_den(r > t) ~ t^(-1/(1 - a)), whose variance is infinite for
/// a <= 1/2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaUniform {
    a: f64,
    b: f64,
}

impl BetaUniform {
    /// A toy of its exponents.
    ///
    /// # Errors
    /// a outside [0.1, 1e6]; b outside [1, 1e6] (an f64 does not resolve a singularity at 1; exchange x and 1 - x instead).
    pub fn new(a: f64, b: f64) -> Result<Self> {
        if !(0.1..=1e6).contains(&a) {
            return Err(
                CoreError::out_of_range("exponent a of the beta toy", a, "between 0.1 and 1e6").into()
            );
        }
        if !(1.0..=1e6).contains(&b) {
            return Err(CoreError::out_of_range("exponent b of the beta toy", b, "between 1 and 1e6").into());
        }
        Ok(Self { a, b })
    }

    fn ln_beta(&self) -> f64 {
        ln_gamma(self.a) + ln_gamma(self.b) - ln_gamma(self.a + self.b)
    }
}

impl LogRatio<Table> for BetaUniform {
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        let ln_beta = self.ln_beta();
        let log_ratio = |x: f64| (self.a - 1.0) * x.ln() + (self.b - 1.0) * (-x).ln_1p() - ln_beta;
        of_column(events, "above 0 and below 1", |x| x > 0.0 && x < 1.0, log_ratio)
    }
}

impl Toy<Table> for BetaUniform {
    fn sample(&self, numerator: bool, events: usize, rng: &mut dyn Rng) -> Weighted<Table> {
        column(events, || {
            loop {
                let x = if numerator {
                    let (first, second) = (gamma(self.a, rng), gamma(self.b, rng));
                    first / (first + second)
                } else {
                    rng.random()
                };
                // Rounding reaches the ends of the support, which have no probability.
                if x > 0.0 && x < 1.0 {
                    return x;
                }
            }
        })
    }

    fn kl(&self) -> f64 {
        let Self { a, b } = *self;
        let both = digamma(a + b);
        (a - 1.0) * (digamma(a) - both) + (b - 1.0) * (digamma(b) - both) - self.ln_beta()
    }
}

/// From where on the asymptotic series below are exact to rounding.
const ASYMPTOTIC: f64 = 12.0;

/// ln Gamma(x) for x > 0: Stirling's series, after the recurrence Gamma(x + 1) = x Gamma(x).
fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 1.0;
    while x < ASYMPTOTIC {
        product *= x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = 1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y / 1188.0)));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series / x - product.ln()
}

/// The derivative of [`ln_gamma`].
fn digamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < ASYMPTOTIC {
        shift += 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = 1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y / 132.0)));
    x.ln() - 0.5 / x - y * series - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both series end where the next term is below 1e-14 at the start of the asymptotic region.
    const TOLERANCE: f64 = 1e-13;

    #[test]
    fn gamma_functions() {
        let mut factorial = 1.0_f64;
        let mut harmonic = -0.577_215_664_901_532_9; // minus Euler's constant
        for n in 1..20 {
            let x = f64::from(n);
            assert!((ln_gamma(x) - factorial.ln()).abs() < TOLERANCE * (1.0 + factorial.ln()));
            assert!((digamma(x) - harmonic).abs() < TOLERANCE * 10.0);
            factorial *= x;
            harmonic += 1.0 / x;
        }
        // Gamma(1/2) = sqrt(pi); reflection for psi: psi(1 - x) - psi(x) = pi cot(pi x).
        assert!((ln_gamma(0.5) - 0.5 * PI.ln()).abs() < TOLERANCE);
        for x in [0.1, 0.2, 0.3_f64] {
            let reflected = digamma(1.0 - x) - digamma(x);
            assert!((reflected - PI / (PI * x).tan()).abs() < 10.0 * TOLERANCE * reflected);
        }
    }
}
