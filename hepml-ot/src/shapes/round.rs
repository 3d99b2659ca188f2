//! Rings, disks and ellipses.

use std::f64::consts::PI;

use hepml_core::Error as CoreError;

use crate::energy_flow::EnergyFlow;
use crate::error::Result;
use crate::shapes::manifold::{Centred, Manifold};
use crate::shapes::manifold_search::ManifoldSearch;

/// The most particles of an event of a manifold.
const LARGEST: usize = 1_000_000;

/// Energy spread evenly over a circle, at equidistant points: the distance is ringiness (arXiv:2302.12266).
///
/// Parameters: y and phi of the centre, radius. Points on a circle are at most pi/`samples` of the radius from the nearest sample,
/// and so much does a distance depend on their number.
#[derive(Debug, Clone, PartialEq)]
pub struct Ring {
    /// The samples of the unit circle.
    unit: Vec<[f64; 2]>,
}

/// Energy spread evenly over a disk, at the points of rings that all stand for the same area: the distance is diskiness
/// (arXiv:2302.12266).
///
/// Parameters: y and phi of the centre, radius.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    /// The samples of the unit disk.
    unit: Vec<[f64; 2]>,
}

/// Energy spread evenly over an ellipse, its inside included, at the points of a [`Disk`] that is stretched: the distance is
/// ellipsiness (arXiv:2302.12266).
///
/// Parameters: y and phi of the centre, the longer and the shorter half axis, the angle of the longer from the y axis towards
/// phi in [0, pi).
#[derive(Debug, Clone, PartialEq)]
pub struct Ellipse {
    disk: Disk,
}

impl Ring {
    /// Rings of so many points.
    ///
    /// # Errors
    /// No points; more than a million.
    pub fn new(samples: usize) -> Result<Self> {
        check_samples("number of samples", samples, Some(samples))?;
        Ok(Self { unit: circle(samples, 1.0) })
    }
}

impl Disk {
    /// Disks of so many rings: 1, 6, 12, … points, 3 n (n - 1) + 1 in all for n rings.
    ///
    /// # Errors
    /// No rings; more than a million points.
    pub fn new(rings: usize) -> Result<Self> {
        check_samples(
            "number of rings",
            rings,
            rings.checked_mul(rings).and_then(|square| square.checked_mul(3)),
        )?;
        let total = (3 * rings * (rings - 1) + 1) as f64;
        let mut unit = vec![[0.0; 2]];
        for ring in 1..rings {
            // The points within the ring, and with those on it, fill disks of these areas.
            let (within, with) = ((3 * ring * (ring - 1) + 1) as f64, (3 * ring * (ring + 1) + 1) as f64);
            // The radius with the mean square of the annulus, so that that of the disk is right.
            unit.extend(circle(6 * ring, (0.5 * (within + with) / total).sqrt()));
        }
        Ok(Self { unit })
    }
}

impl Ellipse {
    /// Ellipses of as many points as a [`Disk`] of so many rings.
    ///
    /// # Errors
    /// As [`Disk::new`].
    pub fn new(rings: usize) -> Result<Self> {
        Ok(Self { disk: Disk::new(rings)? })
    }
}

impl Manifold for Ring {
    fn names(&self) -> Vec<String> {
        ["y", "phi", "radius"].map(String::from).to_vec()
    }

    fn event(&self, parameters: &[f64]) -> Result<EnergyFlow> {
        let radius = parameters[2].abs();
        placed(&self.unit, parameters, [[radius, 0.0], [0.0, radius]])
    }

    fn starts(&self, search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>> {
        round_starts(search, 1.0)
    }

    fn canonical(&self, parameters: &[f64]) -> Vec<f64> {
        vec![parameters[0], parameters[1], parameters[2].abs()]
    }
}

impl Manifold for Disk {
    fn names(&self) -> Vec<String> {
        ["y", "phi", "radius"].map(String::from).to_vec()
    }

    fn event(&self, parameters: &[f64]) -> Result<EnergyFlow> {
        let radius = parameters[2].abs();
        placed(&self.unit, parameters, [[radius, 0.0], [0.0, radius]])
    }

    /// As of a ring, but the mean square distance from the centre is half of radius².
    fn starts(&self, search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>> {
        round_starts(search, 2.0_f64.sqrt())
    }

    fn canonical(&self, parameters: &[f64]) -> Vec<f64> {
        vec![parameters[0], parameters[1], parameters[2].abs()]
    }
}

impl Manifold for Ellipse {
    fn names(&self) -> Vec<String> {
        ["y", "phi", "longer half axis", "shorter half axis", "angle"].map(String::from).to_vec()
    }

    fn event(&self, parameters: &[f64]) -> Result<EnergyFlow> {
        let (a, b) = (parameters[2].abs(), parameters[3].abs());
        let (sin, cos) = parameters[4].sin_cos();
        // Stretching along the axes, not turned besides: an ellipse with a = b is a disk as it is.
        let mixed = (a - b) * sin * cos;
        let stretch = [[a * cos * cos + b * sin * sin, mixed], [mixed, a * sin * sin + b * cos * cos]];
        placed(&self.disk.unit, parameters, stretch)
    }

    /// The best disk, the same stretched both ways, and the ellipse with the event's covariance.
    fn starts(&self, search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>> {
        let disk = search.best(&self.disk)?;
        let (place, radius) = ([disk[0], disk[1]], disk[2]);
        let mut starts = vec![vec![place[0], place[1], radius, radius, 0.0]];
        let [yy, yphi, phiphi] = search.covariance();
        let (mean, half) = (0.5 * (yy + phiphi), (0.5 * (yy - phiphi)).hypot(yphi));
        let angle = 0.5 * (2.0 * yphi).atan2(yy - phiphi);
        let axis = |variance: f64| 2.0 * variance.max(0.0).sqrt();
        let centre = search.centre();
        starts.push(vec![centre[0], centre[1], axis(mean + half), axis(mean - half), angle]);
        for turn in [0.0, 0.5 * PI] {
            starts.push(vec![place[0], place[1], 1.3 * radius, 0.7 * radius, angle + turn]);
        }
        Ok(starts)
    }

    fn units(&self, size: f64) -> Vec<f64> {
        vec![size, size, size, size, 1.0]
    }

    fn canonical(&self, parameters: &[f64]) -> Vec<f64> {
        let (a, b) = (parameters[2].abs(), parameters[3].abs());
        let turn = if a < b { 0.5 * PI } else { 0.0 };
        let angle = (parameters[4] + turn).rem_euclid(PI);
        // The remainder of what is just below 0 rounds up to pi.
        let angle = if angle >= PI { 0.0 } else { angle };
        vec![parameters[0], parameters[1], a.max(b), a.min(b), angle]
    }
}

impl Centred for Ring {
    fn centre(&self, parameters: &[f64]) -> [f64; 2] {
        [parameters[0], parameters[1]]
    }
}

impl Centred for Disk {
    fn centre(&self, parameters: &[f64]) -> [f64; 2] {
        [parameters[0], parameters[1]]
    }
}

impl Centred for Ellipse {
    fn centre(&self, parameters: &[f64]) -> [f64; 2] {
        [parameters[0], parameters[1]]
    }
}

/// Equidistant points on a circle about the origin.
fn circle(count: usize, radius: f64) -> Vec<[f64; 2]> {
    let at = |i: usize| 2.0 * PI * (i as f64 + 0.5) / count as f64;
    (0..count).map(at).map(|angle| [radius * angle.cos(), radius * angle.sin()]).collect()
}

/// An event of total energy 1 at a linear map of `unit`, about the point of the first two parameters.
fn placed(unit: &[[f64; 2]], parameters: &[f64], [row_y, row_phi]: [[f64; 2]; 2]) -> Result<EnergyFlow> {
    let place = |[u, v]: &[f64; 2]| {
        [parameters[0] + row_y[0] * u + row_y[1] * v, parameters[1] + row_phi[0] * u + row_phi[1] * v]
    };
    let points: Vec<[f64; 2]> = unit.iter().map(place).collect();
    EnergyFlow::new(vec![1.0 / unit.len() as f64; unit.len()], points)
}

/// About the centre and about the best axis, with the radius that gives the root mean square distance, and with others; a
/// radius of 0 at the axis has a distance of tau_1.
fn round_starts(search: &mut ManifoldSearch<'_>, radius_of_spread: f64) -> Result<Vec<Vec<f64>>> {
    let (centre, radius) = (search.centre(), radius_of_spread * search.spread());
    let mut starts: Vec<Vec<f64>> =
        [1.0, 0.5, 1.5].iter().map(|factor| vec![centre[0], centre[1], factor * radius]).collect();
    if let Some(axis) = search.axes(1)?.axes.first() {
        starts.push(vec![axis[0], axis[1], 0.7 * radius]);
        starts.push(vec![axis[0], axis[1], 0.0]);
    }
    Ok(starts)
}

/// Refuses no samples, and numbers of `particles` (none if that overflows) that no event has.
pub(super) fn check_samples(what: &'static str, count: usize, particles: Option<usize>) -> Result<()> {
    if count == 0 || particles.is_none_or(|particles| particles > LARGEST) {
        let allowed = "at least 1, with at most a million particles in all";
        return Err(CoreError::out_of_range(what, count as f64, allowed).into());
    }
    Ok(())
}
