//! e+ e- -> mu+ mu- with a forward-backward asymmetry.

use hepml_core::ndarray::Array1;
use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, LogRatio, Table, Weighted};

use super::likelihood::{checked_column, maximum};
use super::toy::{Toy, column, of_column};
use super::variates::uniform;
use crate::error::Result;

/// The largest |A| for which the density is nowhere negative: 3/8 (1 + c^2) + A c has its discriminant A^2 - 9/16 there.
const LARGEST_ASYMMETRY: f64 = 0.75;

/// The cosine c of the polar angle in e+ e- -> mu+ mu-, p(c; A) = 3/8 (1 + c^2) + A c on [-1, 1], at two values of A.
///
/// A is the forward-backward asymmetry; |A| <= 3/4. Charge conjugation: p(c; A) = p(-c; -A). KL is in closed form, by the
/// moments of ln(t^2 + 1 - a^2) with t = c + a, a = 4A/3, in which p = 3/8 (t^2 + 1 - a^2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MuonPairs {
    numerator: f64,
    denominator: f64,
}

impl MuonPairs {
    /// The asymmetries of the numerator and of the denominator.
    ///
    /// # Errors
    /// An asymmetry outside [-3/4, 3/4].
    pub fn new(numerator: f64, denominator: f64) -> Result<Self> {
        for asymmetry in [numerator, denominator] {
            // NaN lies in no range.
            if !(-LARGEST_ASYMMETRY..=LARGEST_ASYMMETRY).contains(&asymmetry) {
                let allowed = "between -3/4 and 3/4";
                return Err(CoreError::out_of_range("asymmetry", asymmetry, allowed).into());
            }
        }
        Ok(Self { numerator, denominator })
    }

    /// The toy of the largest likelihood of two samples: the asymmetry of each side.
    ///
    /// # Errors
    /// No events, negative weights, or none that is not 0, on a side; another number of columns than 1; a number that is not
    /// finite or outside [-1, 1].
    pub fn maximum_likelihood(numerator: &Weighted<Table>, denominator: &Weighted<Table>) -> Result<Self> {
        let asymmetry = |side, sample| -> Result<f64> {
            let inside = |c| (-1.0..=1.0).contains(&c);
            let events = checked_column(side, sample, "between -1 and 1", inside)?;
            let log_likelihood = |a: f64| {
                events.iter().filter(|(_, w)| *w > 0.0).map(|(c, w)| w * density(*c, a).ln()).sum::<f64>()
            };
            Ok(maximum(-LARGEST_ASYMMETRY, LARGEST_ASYMMETRY, log_likelihood))
        };
        Self::new(asymmetry("numerator", numerator)?, asymmetry("denominator", denominator)?)
    }

    /// The asymmetries of the numerator and of the denominator.
    pub fn asymmetries(&self) -> [f64; 2] {
        [self.numerator, self.denominator]
    }
}

/// p(c; A), as a sum of terms that are not negative.
fn density(c: f64, asymmetry: f64) -> f64 {
    let a = asymmetry / LARGEST_ASYMMETRY;
    0.375 * ((c + a).powi(2) + (1.0 - a) * (1.0 + a))
}

/// The integral over [-1, 1] of p(c; A) ln(p(c; B)).
fn mean_log_density(asymmetry: f64, other: f64) -> f64 {
    let a = other / LARGEST_ASYMMETRY;
    let width2 = (1.0 - a) * (1.0 + a);
    let width = width2.sqrt();
    // p(c; A) in powers of t = c + a.
    let coefficients = [0.375 * (1.0 + a * a) - asymmetry * a, asymmetry - 0.75 * a, 0.375];
    let primitive = |t: f64| {
        let square = t * t + width2;
        // Every logarithm comes with a factor that vanishes where its argument does.
        let log = if square > 0.0 { square.ln() } else { 0.0 };
        let angle = width * t.atan2(width);
        let moments = [
            t * log - 2.0 * t + 2.0 * angle,
            0.5 * (square * log - t * t),
            t.powi(3) / 3.0 * log - 2.0 / 3.0 * (t.powi(3) / 3.0 - width2 * t + width2 * angle),
        ];
        coefficients.iter().zip(moments).map(|(coefficient, moment)| coefficient * moment).sum::<f64>()
    };
    0.375_f64.ln() + primitive(1.0 + a) - primitive(a - 1.0)
}

impl LogRatio<Table> for MuonPairs {
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        let log_ratio = |c| (density(c, self.numerator) / density(c, self.denominator)).ln();
        of_column(events, "between -1 and 1", |c| (-1.0..=1.0).contains(&c), log_ratio)
    }
}

impl Toy<Table> for MuonPairs {
    fn sample(&self, numerator: bool, events: usize, rng: &mut dyn Rng) -> Weighted<Table> {
        let asymmetry = if numerator { self.numerator } else { self.denominator };
        let largest = 0.75 + asymmetry.abs();
        column(events, || {
            loop {
                let c = rng.random_range(-1.0..=1.0);
                // Never accepted where the density is 0: uniform is above 0.
                if largest * uniform(rng) <= density(c, asymmetry) {
                    return c;
                }
            }
        })
    }

    fn kl(&self) -> f64 {
        mean_log_density(self.numerator, self.numerator) - mean_log_density(self.numerator, self.denominator)
    }
}
