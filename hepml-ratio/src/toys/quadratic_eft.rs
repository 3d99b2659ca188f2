//! A rate quadratic in a coupling.

use std::f64::consts::TAU;

use hepml_core::ndarray::Array1;
use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, LogRatio, Table, Weighted};

use super::likelihood::{checked_column, maximum};
use super::toy::{Toy, column, of_column};
use super::variates::{normal, uniform};
use crate::error::Result;

/// The largest |c|: far above 1, the quadratic term is all there is.
const LARGEST_COUPLING: f64 = 100.0;

/// The differential rate s(x; c) = phi(x) ((1 + c x)^2 + c^2 (x^2 - 1)^2), phi the standard normal density, at a coupling c
/// against c = 0.
///
/// The parametrisation is that of arXiv:2007.10356: an amplitude linear in c plus one that does not interfere. The total
/// rate is 1 + 3 c^2, since E x = 0, E x^2 = 1 and E (x^2 - 1)^2 = 2. The ratio of densities has
/// ln r = ln((1 + c x)^2 + c^2 (x^2 - 1)^2) - ln(1 + 3 c^2); that of rates lacks the last term. For c = 1 or -1 the ratio has
/// a zero, at x = -c.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuadraticEft {
    coupling: f64,
}

impl QuadraticEft {
    /// A toy at a coupling.
    ///
    /// # Errors
    /// |c| above 100, or NaN.
    pub fn new(coupling: f64) -> Result<Self> {
        if coupling.abs() <= LARGEST_COUPLING {
            Ok(Self { coupling })
        } else {
            Err(CoreError::out_of_range("coupling", coupling, "between -100 and 100").into())
        }
    }

    /// The toy of the largest likelihood of a sample of the numerator; that of the denominator is known.
    ///
    /// The likelihood can have several maxima: the highest on a grid in the angle arctan(c) is followed up.
    ///
    /// # Errors
    /// No events, negative weights, or none that is not 0; another number of columns than 1; a number that is not finite.
    pub fn maximum_likelihood(numerator: &Weighted<Table>) -> Result<Self> {
        let events = checked_column("numerator", numerator, "finite", |_| true)?;
        let log_likelihood = |angle: f64| {
            let toy = Self { coupling: angle.tan() };
            let log_rate = toy.rate_ratio().ln();
            events
                .iter()
                .filter(|(_, weight)| *weight > 0.0)
                .map(|(x, weight)| weight * (toy.enhancement(*x).ln() - log_rate))
                .sum::<f64>()
        };
        let largest = LARGEST_COUPLING.atan();
        Self::new(maximum(-largest, largest, log_likelihood).tan())
    }

    /// The coupling c.
    pub fn coupling(&self) -> f64 {
        self.coupling
    }

    /// The total rate over that of c = 0: 1 + 3 c^2.
    pub fn rate_ratio(&self) -> f64 {
        1.0 + 3.0 * self.coupling * self.coupling
    }

    /// s(x; c)/phi(x).
    fn enhancement(self, x: f64) -> f64 {
        (1.0 + self.coupling * x).powi(2) + (self.coupling * (x - 1.0) * (x + 1.0)).powi(2)
    }
}

impl LogRatio<Table> for QuadraticEft {
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        let log_rate = self.rate_ratio().ln();
        of_column(events, "finite", |_| true, |x| self.enhancement(x).ln() - log_rate)
    }
}

impl Toy<Table> for QuadraticEft {
    fn sample(&self, numerator: bool, events: usize, rng: &mut dyn Rng) -> Weighted<Table> {
        if !numerator {
            return column(events, || normal(rng));
        }
        // (1 + c x)^2 <= 2 + 2 c^2 x^2, so the enhancement is at most 2 + c^2 + c^2 x^4: a mixture of phi and of x^4 phi/3,
        // the density of a root of five squared normals with a random sign. At least half are accepted.
        let c2 = self.coupling * self.coupling;
        let (flat, quartic) = (2.0 + c2, 3.0 * c2);
        column(events, || {
            loop {
                let x = if rng.random::<f64>() * (flat + quartic) < flat {
                    normal(rng)
                } else {
                    let root = (0..5).map(|_| normal(rng).powi(2)).sum::<f64>().sqrt();
                    if rng.random() { root } else { -root }
                };
                if uniform(rng) * (flat + c2 * x.powi(4)) <= self.enhancement(x) {
                    return x;
                }
            }
        })
    }

    /// By the trapezoidal rule, which for integrands of this kind converges exponentially (c = 1 and -1 to 1e-9).
    fn kl(&self) -> f64 {
        // phi(14) x^4 is 1e-39.
        const HALF_RANGE: f64 = 14.0;
        const STEPS: i32 = 14_000;
        let step = HALF_RANGE / f64::from(STEPS);
        let sum: f64 = (-STEPS..=STEPS)
            .map(|i| {
                let x = f64::from(i) * step;
                let rate = self.enhancement(x);
                // t ln t is 0 at t = 0.
                if rate > 0.0 { (-0.5 * x * x).exp() * rate * rate.ln() } else { 0.0 }
            })
            .sum();
        sum * step / TAU.sqrt() / self.rate_ratio() - self.rate_ratio().ln()
    }
}
