//! Two exponentials.

use hepml_core::ndarray::Array1;
use hepml_core::rand::Rng;
use hepml_core::{Error as CoreError, LogRatio, Table, Weighted};

use super::likelihood::checked_column;
use super::toy::{Toy, column, of_column};
use super::variates::exponential;
use crate::error::Result;

/// Densities a e^(-a x) against b e^(-b x) on x >= 0: ln r = ln(a/b) - (a - b) x and KL = ln(a/b) + b/a - 1.
///
/// The ratio is bounded for a >= b; E_den\[r^2\] is finite for 2 a > b.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponentials {
    numerator: f64,
    denominator: f64,
}

impl Exponentials {
    /// The rates of the numerator and of the denominator.
    ///
    /// # Errors
    /// A rate that is not finite and positive.
    pub fn new(numerator: f64, denominator: f64) -> Result<Self> {
        for rate in [numerator, denominator] {
            if !(rate > 0.0 && rate.is_finite()) {
                let allowed = "finite and positive";
                return Err(CoreError::out_of_range("rate of an exponential", rate, allowed).into());
            }
        }
        Ok(Self { numerator, denominator })
    }

    /// The toy of the largest likelihood of two samples: each rate is the inverse of the weighted mean.
    ///
    /// # Errors
    /// No events, negative weights, or none that is not 0, on a side; another number of columns than 1; a number that is not
    /// finite or below 0; numbers that are all 0.
    pub fn maximum_likelihood(numerator: &Weighted<Table>, denominator: &Weighted<Table>) -> Result<Self> {
        let rate = |side, sample| -> Result<f64> {
            let events = checked_column(side, sample, "0 or more", |x| x >= 0.0)?;
            Ok(sample.sum_weights() / events.iter().map(|(x, weight)| x * weight).sum::<f64>())
        };
        Self::new(rate("numerator", numerator)?, rate("denominator", denominator)?)
    }
}

impl LogRatio<Table> for Exponentials {
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        let Self { numerator, denominator } = self;
        let constant = (numerator / denominator).ln();
        of_column(events, "0 or more", |x| x >= 0.0, |x| constant - (numerator - denominator) * x)
    }
}

impl Toy<Table> for Exponentials {
    fn sample(&self, numerator: bool, events: usize, rng: &mut dyn Rng) -> Weighted<Table> {
        let rate = if numerator { self.numerator } else { self.denominator };
        column(events, || exponential(rng) / rate)
    }

    fn kl(&self) -> f64 {
        let inverse = self.denominator / self.numerator;
        inverse - 1.0 - inverse.ln()
    }
}
