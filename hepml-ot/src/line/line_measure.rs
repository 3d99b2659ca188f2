//! Masses on a line.

use hepml_core::{Error as CoreError, Item, finite};

use crate::compensated;
use crate::error::{Error, Result};
use crate::line::quantiles::{Quantiles, whole};

/// Masses at points of the line, sorted once for many comparisons by [`LineTransport`](crate::LineTransport).
///
/// Masses are finite and not negative, points are finite; there may be none. A mass that is 0 changes nothing.
///
/// ```
/// use hepml_ot::LineMeasure;
///
/// let measure = LineMeasure::new(&[3.0, -1.0, 2.0], &[1.0, 1.0, 2.0])?;
/// assert_eq!((measure.total(), measure.mean()), (4.0, Some(1.5)));
/// assert_eq!((measure.cumulative(2.0), measure.quantile(0.5)), (0.75, Some(2.0)));
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LineMeasure {
    pub(crate) quantiles: Quantiles,
    /// The index, as given, of the mass of each step.
    pub(crate) order: Vec<usize>,
    total: f64,
    count: usize,
}

impl LineMeasure {
    /// `masses[n]` at `points[n]`.
    ///
    /// # Errors
    /// Different lengths; a mass that is negative or not finite, a point that is not finite (naming the particle);
    /// masses whose sum overflows.
    pub fn new(points: &[f64], masses: &[f64]) -> Result<Self> {
        if points.len() != masses.len() {
            return Err(CoreError::shape("masses", points.len(), masses.len()).into());
        }
        for (particle, &point) in points.iter().enumerate() {
            finite("point", point).map_err(|error| error.at_particle(particle))?;
        }
        let total = checked_total("mass", masses)?;
        let mut order: Vec<usize> = (0..points.len()).filter(|&index| masses[index] > 0.0).collect();
        order.sort_by(|&a, &b| points[a].total_cmp(&points[b]));
        let massive: Vec<f64> = order.iter().map(|&index| masses[index]).collect();
        let positions = order.iter().map(|&index| points[index]);
        Ok(Self { quantiles: quantiles_of(positions, &massive, total), order, total, count: points.len() })
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

    /// The mean point; `None` without mass.
    pub fn mean(&self) -> Option<f64> {
        let mean = || compensated::sum(self.quantiles.shares().map(|(point, share)| point * share));
        (!self.quantiles.is_empty()).then(mean)
    }

    /// The share of the mass at or below a point; 0 without mass, NaN for NaN.
    pub fn cumulative(&self, point: f64) -> f64 {
        self.quantiles.cumulative(point)
    }

    /// The lowest point at or below which there is the share `q` of the mass, the last one for q >= 1; `None` without mass or for a
    /// q that is NaN.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.quantiles.quantile(q)
    }
}

/// The sum of masses that are finite and not negative.
pub(crate) fn checked_total(what: &'static str, masses: &[f64]) -> Result<f64> {
    for (particle, &value) in masses.iter().enumerate() {
        finite(what, value).map_err(|error| error.at_particle(particle))?;
        if value < 0.0 {
            let (item, allowed) = (Item { event: None, particle: Some(particle) }, "zero or positive");
            return Err(CoreError::OutOfRange { what: what.into(), item, value, allowed }.into());
        }
    }
    let total = compensated::sum(masses.iter().copied());
    if total.is_finite() { Ok(total) } else { Err(Error::TotalOverflows { particles: masses.len() }) }
}

/// The quantiles of sorted positions with positive masses, one step each.
pub(crate) fn quantiles_of(positions: impl Iterator<Item = f64>, masses: &[f64], total: f64) -> Quantiles {
    if total == 0.0 {
        return Quantiles::default();
    }
    // As many digits as leave room for the sum: no mass above 2^-70 of the total loses any.
    let sorted: Vec<(f64, u128)> = positions.zip(whole(masses, total, 124)).collect();
    Quantiles::new(&sorted, false)
}
