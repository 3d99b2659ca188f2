//! Masses on a circle.

use std::f64::consts::TAU;

use hepml_core::{Error as CoreError, ParticleSet, finite};

use crate::error::Result;
use crate::line::line_measure::{checked_total, quantiles_of};
use crate::line::quantiles::Quantiles;

/// Masses at points of a circle, sorted once for many comparisons by [`CircleTransport`](crate::CircleTransport).
///
/// Points are arc lengths, taken modulo the circumference; azimuths have a circumference of 2 pi. Masses are finite and not
/// negative; there may be none.
#[derive(Debug, Clone, PartialEq)]
pub struct CircleMeasure {
    /// With positions in [0, circumference).
    pub(crate) quantiles: Quantiles,
    /// The index, as given, of the mass of each step.
    pub(crate) order: Vec<usize>,
    circumference: f64,
    total: f64,
    count: usize,
}

impl CircleMeasure {
    /// `masses[n]` at `points[n]` of a circle.
    ///
    /// # Errors
    /// A circumference that is not positive and finite; different lengths; a mass that is negative or not finite, a point
    /// that is not finite (naming the particle); masses whose sum overflows.
    pub fn new(points: &[f64], masses: &[f64], circumference: f64) -> Result<Self> {
        if !(circumference > 0.0 && circumference.is_finite()) {
            let allowed = "positive and finite";
            return Err(CoreError::out_of_range("circumference", circumference, allowed).into());
        }
        if points.len() != masses.len() {
            return Err(CoreError::shape("masses", points.len(), masses.len()).into());
        }
        for (particle, &point) in points.iter().enumerate() {
            finite("point", point).map_err(|error| error.at_particle(particle))?;
        }
        let total = checked_total("mass", masses)?;
        // A point just below 0 is rounded to a whole turn.
        let reduced = |point: f64| Some(point.rem_euclid(circumference)).filter(|&x| x < circumference);
        let mut massive: Vec<(f64, usize)> = (0..points.len())
            .filter(|&index| masses[index] > 0.0)
            .map(|index| (reduced(points[index]).unwrap_or(0.0), index))
            .collect();
        massive.sort_by(|a, b| a.0.total_cmp(&b.0));
        let order: Vec<usize> = massive.iter().map(|&(_, index)| index).collect();
        let sorted: Vec<f64> = order.iter().map(|&index| masses[index]).collect();
        let quantiles = quantiles_of(massive.iter().map(|&(point, _)| point), &sorted, total);
        Ok(Self { quantiles, order, circumference, total, count: points.len() })
    }

    /// `masses[n]` at the azimuths `phi[n]`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_azimuths(phi: &[f64], masses: &[f64]) -> Result<Self> {
        Self::new(phi, masses, TAU)
    }

    /// The transverse momenta of particles at their azimuths.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_particles(particles: ParticleSet<'_>) -> Result<Self> {
        let (phi, pt): (Vec<f64>, Vec<f64>) = particles.momenta().iter().map(|p| (p.phi(), p.pt())).unzip();
        Self::from_azimuths(&phi, &pt)
    }

    /// `count` equal masses at equal distances, the first at half a distance from 0: the centres of equal cells.
    ///
    /// # Errors
    /// A count of 0; a circumference that is not positive and finite.
    pub fn uniform(count: usize, circumference: f64) -> Result<Self> {
        if count == 0 {
            return Err(CoreError::Empty { what: "uniform ring".into() }.into());
        }
        let points: Vec<f64> =
            (0..count).map(|cell| (cell as f64 + 0.5) / count as f64 * circumference).collect();
        Self::new(&points, &vec![1.0; count], circumference)
    }

    /// The circumference.
    pub fn circumference(&self) -> f64 {
        self.circumference
    }

    /// The sum of the masses.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The number of points, those without mass included.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
