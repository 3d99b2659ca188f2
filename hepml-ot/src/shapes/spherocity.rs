//! Spherocity.

use std::f64::consts::PI;

use hepml_core::nalgebra::{Vector2, Vector3};
use hepml_core::{Error as CoreError, EventSet, FourMomentum, Observables, ParticleSets, Table};

use crate::error::Result;
use crate::shapes::thrust::scale;

/// Transverse spherocity, S = (pi²/4) min_n (sum_i |pT_i x n| / sum_i |pT_i|)² over unit vectors n across the beam, exact.
///
/// S is 0 for a pencil and 1 for a uniform ring (arXiv:1001.4082). Between two neighbouring directions the sum is concave in
/// the angle of n, so the minimum is along a particle, and trying each is enough: O(N²).
///
/// As [`Observables`] it has one column, S.
///
/// ```
/// use hepml_core::FourMomentum;
/// use hepml_ot::Spherocity;
///
/// let cross = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]];
/// let cross: Vec<_> = cross.iter().map(|[x, y]| FourMomentum::new(1.0, *x, *y, 0.0)).collect();
/// let (value, _axis) = Spherocity.axis(&cross)?;
/// assert!((value - (std::f64::consts::PI / 4.0).powi(2)).abs() < 1e-15);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spherocity;

impl Spherocity {
    /// The spherocity and the axis n = (x, y).
    ///
    /// # Errors
    /// No particles; a component that is not finite (naming the particle); no particle with a transverse momentum;
    /// transverse momenta whose sum overflows.
    pub fn axis(&self, momenta: &[FourMomentum]) -> Result<(f64, Vector2<f64>)> {
        let vectors: Vec<Vector3<f64>> = momenta.iter().map(|p| Vector3::new(p.px, p.py, 0.0)).collect();
        let (unit, total) = scale(&vectors)?;
        let scaled: Vec<Vector2<f64>> = vectors.iter().map(|p| p.xy() / unit).collect();
        let mut best = (f64::INFINITY, Vector2::zeros());
        for p in scaled.iter().filter(|p| **p != Vector2::zeros()) {
            let axis = (p / p.amax()).normalize();
            let across: f64 = scaled.iter().map(|p| (p.x * axis.y - p.y * axis.x).abs()).sum();
            if across < best.0 {
                best = (across, axis);
            }
        }
        Ok(((PI / 2.0 * best.0 / total).powi(2), best.1))
    }
}

impl Observables<ParticleSets> for Spherocity {
    fn observe(&self, events: &ParticleSets) -> hepml_core::Result<Table> {
        let mut table = Table::zeros((events.event_count(), 1));
        for (index, event) in events.events().enumerate() {
            let axis = self.axis(event.momenta());
            table[(index, 0)] = axis.map_err(|error| CoreError::from(error).at_event(index))?.0;
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_angle_of_the_axis_does_better() {
        let ring = |n: u32, weight: &dyn Fn(f64) -> f64| -> Vec<FourMomentum> {
            (0..n)
                .map(|i| 2.0 * PI * f64::from(i) / f64::from(n))
                .map(|phi| FourMomentum::new(1.0, weight(phi) * phi.cos(), weight(phi) * phi.sin(), 0.3))
                .collect()
        };
        let uniform = Spherocity.axis(&ring(1000, &|_| 2.5)).unwrap().0;
        assert!((uniform - 1.0).abs() < 1e-5 && uniform < 1.0);
        let event = ring(37, &|phi| 1.2 + (3.0 * phi).sin() + 0.1 * phi);
        let (value, axis) = Spherocity.axis(&event).unwrap();
        let at = |n: Vector2<f64>| {
            let total: f64 = event.iter().map(FourMomentum::pt).sum();
            let across: f64 = event.iter().map(|p| (p.px * n.y - p.py * n.x).abs()).sum();
            (PI / 2.0 * across / total).powi(2)
        };
        assert!((at(axis) - value).abs() < 1e-14);
        let scan = (0..5000).map(|i| f64::from(i) * PI / 5000.0).map(|a| at(Vector2::new(a.cos(), a.sin())));
        let least = scan.fold(f64::INFINITY, f64::min);
        // The scan's step is 6e-4, and the slope of S is below pi²/2.
        assert!(value <= least && least - value < 4e-3, "{value} {least}");
    }

    #[test]
    fn edge_cases() {
        let along = FourMomentum::new(5.0, 3.0, 4.0, 0.0);
        assert!(Spherocity.axis(&[along, -along, FourMomentum::default()]).unwrap().0 < 1e-30);
        assert!(Spherocity.axis(&[]).is_err());
        assert!(Spherocity.axis(&[FourMomentum::new(1.0, 0.0, 0.0, 1.0)]).is_err());
        assert!(Spherocity.axis(&[FourMomentum::new(1.0, f64::INFINITY, 0.0, 1.0)]).is_err());
    }
}
