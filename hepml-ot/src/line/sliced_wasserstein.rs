//! The sliced Wasserstein distance.

use std::f64::consts::PI;

use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, EventMetric, ParticleSet, ParticleSets};

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::line::line_measure::quantiles_of;
use crate::line::quantiles::{Quantiles, check_p, representable};

/// The directions that a distance may have: a number of memory-filling size is a mistake.
const MAX_DIRECTIONS: usize = 1_000_000;

/// The parameters of a [`SlicedWasserstein`]: p = 1 and 32 directions, unless set otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlicedWassersteinConfig {
    p: f64,
    directions: usize,
}

impl Default for SlicedWassersteinConfig {
    fn default() -> Self {
        Self { p: 1.0, directions: 32 }
    }
}

impl SlicedWassersteinConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The exponent p >= 1.
    #[must_use]
    pub fn p(mut self, p: f64) -> Self {
        self.p = p;
        self
    }

    /// The number of directions.
    #[must_use]
    pub fn directions(mut self, directions: usize) -> Self {
        self.directions = directions;
        self
    }

    /// The distance along equally spaced directions, at the angles pi (k + 1/2)/K for k = 0 to K - 1.
    ///
    /// # Errors
    /// A p below 1 or not finite; no directions, or more than a million.
    pub fn build(self) -> Result<SlicedWasserstein> {
        let count = self.directions as f64;
        self.along((0..self.directions).map(|k| (k as f64 + 0.5) / count))
    }

    /// The distance along directions at random angles, uniform in [0, pi): unbiased, but far noisier than equally spaced
    /// ones for the same number.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_random(self, rng: &mut dyn Rng) -> Result<SlicedWasserstein> {
        self.along((0..self.directions).map(|_| rng.random::<f64>()))
    }

    fn along(self, halves: impl Iterator<Item = f64>) -> Result<SlicedWasserstein> {
        check_p(self.p)?;
        if self.directions == 0 {
            return Err(CoreError::Empty { what: "set of directions".into() }.into());
        }
        if self.directions > MAX_DIRECTIONS {
            let (count, allowed) = (self.directions as f64, "at most 1000000");
            return Err(CoreError::out_of_range("number of directions", count, allowed).into());
        }
        let direction = |half: f64| {
            let (sin, cos) = (PI * half).sin_cos();
            [cos, sin]
        };
        Ok(SlicedWasserstein { p: self.p, directions: halves.map(direction).collect() })
    }
}

/// The sliced Wasserstein distance between events in the (y, phi) plane: the mean over directions of W_p^p along each.
///
/// SW_p^p(a, b) = (1/K) sum_k W_p^p(a projected on n_k, b projected on n_k), with energies divided by their sum (Rabin, Peyre,
/// Delon and Bernot 2011; Bonneel et al. 2015). The projections are sorted once an event, in O(K N log N) operations; a pair is K
/// merges of O(N). Azimuths are coordinates of a plane, not periodic: use
/// [`EnergyFlow::about_axis`] for jets. Unequal energies are always normalised away.
///
/// [`value`](Divergence::value) is SW_p^p, [`metric`](Divergence::metric) is SW_p: symmetric, obeying the triangle inequality,
/// and never above W_p, so that SW_1 is not above the normalised EMD (beta = 1, R = 1). It is 0 only between equal events (up to a factor,
/// collinear splittings and particles without energy) if there are as many directions as particles in both events together; with fewer,
/// different events that look the same along all of them exist, but are rare.
///
/// How far the mean over K equally spaced directions is from that over all, measured on pairs of events of 30 and 40 particles
/// over the same square, for p = 1: on average 6e-3 of it for K = 8, 1e-3 for 16, 3e-4 for the default of 32, 1e-4 for 64, and in the
/// worst of 40 pairs four times that. With 32 random directions it is 5e-2.
#[derive(Debug, Clone, PartialEq)]
pub struct SlicedWasserstein {
    p: f64,
    directions: Vec<[f64; 2]>,
}

impl Default for SlicedWasserstein {
    fn default() -> Self {
        SlicedWassersteinConfig::new().build().expect("the defaults are in range")
    }
}

impl SlicedWasserstein {
    /// p.
    pub fn p(&self) -> f64 {
        self.p
    }

    /// The directions, unit vectors of the (y, phi) plane.
    pub fn directions(&self) -> &[[f64; 2]] {
        &self.directions
    }
}

/// An event projected on each direction of a [`SlicedWasserstein`] and sorted there.
#[derive(Debug, Clone)]
pub struct Projections {
    /// One a direction; none without energy.
    quantiles: Vec<Quantiles>,
}

impl Divergence for SlicedWasserstein {
    type Event = EnergyFlow;
    type Prepared<'a> = Projections;
    type Workspace = ();

    /// The projections of the event.
    ///
    /// # Errors
    /// A projection that overflows, naming the particle.
    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<Projections> {
        let massive = |(_, (energy, _)): &(usize, (&f64, _))| **energy > 0.0;
        let particles: Vec<(usize, (&f64, &[f64; 2]))> =
            event.energies().iter().zip(event.points()).enumerate().filter(massive).collect();
        if particles.is_empty() {
            return Ok(Projections { quantiles: Vec::new() });
        }
        let mut projected: Vec<(f64, f64)> = Vec::with_capacity(particles.len());
        let project = |&[cos, sin]: &[f64; 2]| {
            projected.clear();
            for &(particle, (&energy, point)) in &particles {
                let position = hepml_core::finite("projection", point[0] * cos + point[1] * sin)
                    .map_err(|error| error.at_particle(particle))?;
                projected.push((position, energy));
            }
            projected.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let energies: Vec<f64> = projected.iter().map(|&(_, energy)| energy).collect();
            let positions = projected.iter().map(|&(position, _)| position);
            Ok(quantiles_of(positions, &energies, event.total_energy()))
        };
        Ok(Projections { quantiles: self.directions.iter().map(project).collect::<Result<_>>()? })
    }

    /// SW_p^p(a, b).
    ///
    /// # Errors
    /// [`Error::NoEnergy`] for an event without energy; [`Error::ValueOverflows`].
    fn prepared_value(&self, (): &mut (), a: &Projections, b: &Projections) -> Result<f64> {
        for (event, projections) in [("first", a), ("second", b)] {
            if projections.quantiles.is_empty() {
                return Err(Error::NoEnergy { event });
            }
        }
        let along = a.quantiles.iter().zip(&b.quantiles).map(|(a, b)| a.power_cost(b, self.p));
        representable(along.sum::<f64>() / self.directions.len() as f64)
    }

    /// 1/p.
    fn exponent(&self) -> f64 {
        1.0 / self.p
    }
}

impl EventMetric<ParticleSets> for SlicedWasserstein {
    /// The [`metric`](Divergence::metric) of the events' transverse momenta at their rapidities and azimuths.
    fn distance(&self, a: ParticleSet<'_>, b: ParticleSet<'_>) -> hepml_core::Result<f64> {
        Ok(self.metric(&EnergyFlow::from_particles(a)?, &EnergyFlow::from_particles(b)?)?)
    }
}
