//! Event isotropy.

use std::f64::consts::{PI, TAU};

use hepml_core::nalgebra::Vector3;
use hepml_core::ndarray::Array2;
use hepml_core::{Error as CoreError, EventSet, FourMomentum, Observables, ParticleSets, Table, finite};

use crate::compensated;
use crate::error::{Error, Result};
use crate::exact::TransportProblem;
use crate::memory;
use crate::shapes::healpix::healpix_centres;

/// The most points of a uniform event.
const MOST_POINTS: u32 = 1_000_000;

/// The ground cost of an [`Isotropy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IsotropyCost {
    /// The cost of the thrust family, quadratic at small angles.
    Quadratic,
    /// The cost of the broadening family, linear at small angles.
    Linear,
}

/// Event isotropy: the EMD from an event to a uniform one, both of total energy 1, exact.
///
/// It is 0 for a uniform event. Costs are normalised so that it is 1 for a pair back to back, in the limit of many points of the
/// uniform event (arXiv:2004.06125):
///
/// | uniform event | energies | [`Quadratic`](IsotropyCost::Quadratic) cost | [`Linear`](IsotropyCost::Linear) cost |
/// | --- | --- | --- | --- |
/// | [`ring`](Self::ring) | pT at phi | pi/(pi - 2) (1 - cos Δphi) | (4/pi) Δphi |
/// | [`cylinder`](Self::cylinder), abs(y) <= Y | pT at (y, phi) | 12/(pi² + 16 Y²) (Δy² + Δphi²) | |
/// | [`sphere`](Self::sphere) | \|p\| at p/\|p\| | 2 (1 - cos) | (3/2) √(1 - cos) |
///
/// On the cylinder, a pair back to back at (±y, 0 and pi) has at most (pi² + 4 Y² + 12 y²)/(pi² + 16 Y²), which is what the
/// energy costs that goes to the particle nearer in azimuth.
///
/// As [`Observables`] it has one column.
///
/// ```
/// use hepml_core::FourMomentum;
/// use hepml_ot::{Isotropy, IsotropyCost};
///
/// let isotropy = Isotropy::ring(64, IsotropyCost::Quadratic)?;
/// let at = |phi| FourMomentum::from_pt_y_phi_m(50.0, 0.3, phi, 0.0);
/// let pair = isotropy.value(&[at(0.5)?, at(0.5 - std::f64::consts::PI)?])?;
/// assert!((pair - 1.0).abs() < 1e-3);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Isotropy {
    geometry: Geometry,
    cost: IsotropyCost,
    /// The uniform event: points of the ring, (y, phi, 0) of the cylinder, directions.
    points: Vec<Vector3<f64>>,
    /// The energy of each; the sum is 1.
    weights: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Geometry {
    Ring,
    Cylinder { y_max: f64 },
    Sphere,
}

impl Isotropy {
    /// Isotropy across the beam, against `points` equidistant points.
    ///
    /// # Errors
    /// No points; more than a million.
    pub fn ring(points: u32, cost: IsotropyCost) -> Result<Self> {
        check_points("number of points", points)?;
        check_most(points)?;
        let phi = |i| TAU * (f64::from(i) + 0.5) / f64::from(points) - PI;
        let on_ring = |i| Vector3::new(0.0, phi(i), 0.0);
        Ok(Self::with_points(Geometry::Ring, cost, (0..points).map(on_ring).collect()))
    }

    /// Isotropy of the particles at |y| <= `y_max` against the centres of cells as nearly square as `n_phi` of them around allow:
    /// floor(`y_max` `n_phi` / pi) along the beam.
    ///
    /// # Errors
    /// A `y_max` that is not positive and finite; cells of which none or more than a million fit.
    pub fn cylinder(n_phi: u32, y_max: f64) -> Result<Self> {
        check_points("number of cells around", n_phi)?;
        if !(y_max > 0.0 && y_max.is_finite()) {
            return Err(CoreError::out_of_range("largest rapidity", y_max, "positive and finite").into());
        }
        let along = (y_max * f64::from(n_phi) / PI).floor().min(f64::MAX);
        if !(1.0..=f64::from(MOST_POINTS) / f64::from(n_phi)).contains(&along) {
            let allowed = "at least 1, with at most a million cells in all";
            return Err(CoreError::out_of_range("number of cells along the beam", along, allowed).into());
        }
        let mut points = Vec::new();
        let mut cell = 0.5;
        while cell < along {
            let y = y_max * (2.0 * cell / along - 1.0);
            let phi = |i| TAU * (f64::from(i) + 0.5) / f64::from(n_phi) - PI;
            points.extend((0..n_phi).map(|i| Vector3::new(y, phi(i), 0.0)));
            cell += 1.0;
        }
        Ok(Self::with_points(Geometry::Cylinder { y_max }, IsotropyCost::Quadratic, points))
    }

    /// Isotropy in space, against the centres of the 12 `nside`² pixels of [HEALPix](healpix_centres); the literature has `nside` = 2^i.
    ///
    /// # Errors
    /// As [`healpix_centres`]; more than a million pixels (`nside` above 288).
    pub fn sphere(nside: u32, cost: IsotropyCost) -> Result<Self> {
        check_most(nside.saturating_mul(nside).saturating_mul(12))?;
        Ok(Self::with_points(Geometry::Sphere, cost, healpix_centres(nside)?))
    }

    fn with_points(geometry: Geometry, cost: IsotropyCost, points: Vec<Vector3<f64>>) -> Self {
        let weights = vec![1.0 / points.len() as f64; points.len()];
        Self { geometry, cost, points, weights }
    }

    /// The number of points of the uniform event.
    pub fn points(&self) -> usize {
        self.points.len()
    }

    /// The isotropy of an event; particles without (transverse) momentum change nothing.
    ///
    /// # Errors
    /// A component that is not finite, or a rapidity outside the cylinder, naming the particle; no particle with a (transverse)
    /// momentum; momenta whose sum overflows; [`Error::NoMemory`]; [`Error::NotConverged`], [`Error::NotCertified`] if the solver fails.
    pub fn value(&self, momenta: &[FourMomentum]) -> Result<f64> {
        let mut energies = Vec::with_capacity(momenta.len());
        let mut places = Vec::with_capacity(momenta.len());
        for (particle, momentum) in momenta.iter().enumerate() {
            let (energy, place) = self.seen(momentum).map_err(|error| error.at_particle(particle))?;
            energies.push(energy);
            places.push(place);
        }
        let total = compensated::sum(energies.iter().copied());
        if !total.is_finite() {
            return Err(Error::TotalOverflows { particles: momenta.len() });
        }
        if total == 0.0 {
            return Err(CoreError::out_of_range("total energy", 0.0, "positive").into());
        }
        let sizes = [places.len(), self.points.len()];
        memory::check(
            "particles and points of the uniform event",
            sizes,
            memory::numbers(sizes[0], sizes[1]),
        )?;
        let fractions: Vec<f64> = energies.iter().map(|energy| energy / total).collect();
        let cost = Array2::from_shape_fn((places.len(), self.points.len()), |(particle, point)| {
            self.ground_cost(&places[particle], &self.points[point])
        });
        Ok(TransportProblem::new(&cost, &fractions, &self.weights)?.balanced()?.value)
    }

    /// The energy of a particle and where it is.
    fn seen(&self, momentum: &FourMomentum) -> hepml_core::Result<(f64, Vector3<f64>)> {
        for component in [momentum.px, momentum.py, momentum.pz] {
            finite("momentum", component)?;
        }
        let around = |y| Vector3::new(y, momentum.phi(), 0.0);
        match self.geometry {
            Geometry::Ring => Ok((finite("pt", momentum.pt())?, around(0.0))),
            // Without transverse momentum it is nowhere, whatever its rapidity.
            Geometry::Cylinder { .. } if momentum.pt() == 0.0 => Ok((0.0, Vector3::zeros())),
            Geometry::Cylinder { y_max } => {
                let y = finite("rapidity", momentum.rapidity())?;
                if y.abs() > y_max {
                    return Err(CoreError::out_of_range("rapidity", y, "on the cylinder"));
                }
                Ok((finite("pt", momentum.pt())?, around(y)))
            }
            Geometry::Sphere => {
                let p = momentum.momentum();
                let largest = p.amax();
                let direction = if largest > 0.0 { (p / largest).normalize() } else { Vector3::zeros() };
                Ok((finite("|p|", momentum.p())?, direction))
            }
        }
    }

    fn ground_cost(&self, a: &Vector3<f64>, b: &Vector3<f64>) -> f64 {
        let phi = || {
            let difference = (a.y - b.y).abs();
            difference.min(TAU - difference)
        };
        match (self.geometry, self.cost) {
            // 1 - cos x = 2 sin²(x/2).
            (Geometry::Ring, IsotropyCost::Quadratic) => 2.0 * PI / (PI - 2.0) * (0.5 * phi()).sin().powi(2),
            (Geometry::Ring, IsotropyCost::Linear) => 4.0 / PI * phi(),
            (Geometry::Cylinder { y_max }, _) => {
                12.0 / (PI * PI + 16.0 * y_max * y_max) * ((a.x - b.x).powi(2) + phi().powi(2))
            }
            // |a - b|² = 2(1 - cos).
            (Geometry::Sphere, IsotropyCost::Quadratic) => (a - b).norm_squared(),
            (Geometry::Sphere, IsotropyCost::Linear) => 1.5 * (0.5 * (a - b).norm_squared()).sqrt(),
        }
    }
}

impl Observables<ParticleSets> for Isotropy {
    fn observe(&self, events: &ParticleSets) -> hepml_core::Result<Table> {
        let mut table = Table::zeros((events.event_count(), 1));
        for (index, event) in events.events().enumerate() {
            let value = self.value(event.momenta());
            table[(index, 0)] = value.map_err(|error| CoreError::from(error).at_event(index))?;
        }
        Ok(table)
    }
}

/// Refuses uniform events of more points than can be compared with.
fn check_most(points: u32) -> Result<()> {
    if points > MOST_POINTS {
        let allowed = "at most a million";
        return Err(CoreError::out_of_range("number of points", f64::from(points), allowed).into());
    }
    Ok(())
}

fn check_points(what: &'static str, number: u32) -> Result<()> {
    if number == 0 {
        return Err(CoreError::out_of_range(what, 0.0, "at least 1").into());
    }
    Ok(())
}
