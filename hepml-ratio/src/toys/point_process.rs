//! Poisson point processes: sets of particles.

use std::f64::consts::PI;

use hepml_core::ndarray::Array1;
use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, EventSet, FourMomentum, Item, LogRatio, ParticleSets, Weighted};

use super::toy::Toy;
use super::variates::{LARGEST_POISSON_MEAN, exponential, normal, poisson};
use crate::error::Result;

/// The least transverse momentum of a particle, GeV.
const LEAST_PT: f64 = 1.0;

/// Independent emissions of massless particles: how many, how hard, how central.
///
/// The number is Poisson of mean `count`; pt - 1 GeV is exponential of mean `hardness` (GeV); the rapidity is normal of mean 0
/// and standard deviation `width`; the azimuth is uniform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Emissions {
    count: f64,
    hardness: f64,
    width: f64,
}

impl Emissions {
    /// Emissions of their mean number, the mean of pt - 1 GeV and the width in rapidity.
    ///
    /// # Errors
    /// A number that is not finite and positive; a mean number above 1e4; a hardness above 1e6 or a width above 5.
    pub fn new(count: f64, hardness: f64, width: f64) -> Result<Self> {
        let check = |what: &'static str, value: f64, largest: f64, allowed: &'static str| {
            if value > 0.0 && value <= largest {
                Ok(value)
            } else {
                Err(CoreError::out_of_range(what, value, allowed))
            }
        };
        Ok(Self {
            count: check("mean number of emissions", count, LARGEST_POISSON_MEAN, "above 0, up to 1e4")?,
            hardness: check("hardness of emissions", hardness, 1e6, "above 0, up to 1e6")?,
            width: check("width of emissions in rapidity", width, 5.0, "above 0, up to 5")?,
        })
    }

    /// The logarithm of the density of one emission in (pt, rapidity), without what all emissions share.
    fn log_density(&self, pt: f64, rapidity: f64) -> f64 {
        -(pt - LEAST_PT) / self.hardness
            - self.hardness.ln()
            - 0.5 * (rapidity / self.width).powi(2)
            - self.width.ln()
    }

    fn draw(&self, rng: &mut dyn Rng) -> FourMomentum {
        let pt = LEAST_PT + self.hardness * exponential(rng);
        let rapidity = self.width * normal(rng);
        let phi = rng.random_range(-PI..PI);
        // Box and Muller reach 8.6 standard deviations: |y| < 43, far from overflow.
        FourMomentum::from_pt_y_phi_m(pt, rapidity, phi, 0.0).expect("finite, with pt above 0")
    }
}

/// Two Poisson point processes of particles.
///
/// With mean numbers n, m and densities p, q of one particle, ln r(S) = m - n + sum over particles of ln(n p/(m q)): a sum
/// over the set plus a constant, so of the form of a deep set; the number of particles carries information of its own. Sets
/// may be empty. KL = n ln(n/m) - n + m + n KL(p, q).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointProcess {
    numerator: Emissions,
    denominator: Emissions,
}

impl PointProcess {
    /// A toy of two processes.
    pub fn new(numerator: Emissions, denominator: Emissions) -> Self {
        Self { numerator, denominator }
    }
}

impl LogRatio<ParticleSets> for PointProcess {
    fn log_ratio(&self, events: &ParticleSets) -> hepml_core::Result<Array1<f64>> {
        let Self { numerator, denominator } = self;
        let per_particle = (numerator.count / denominator.count).ln();
        events
            .events()
            .enumerate()
            .map(|(event, set)| {
                let mut sum = denominator.count - numerator.count;
                for (particle, momentum) in set.momenta().iter().enumerate() {
                    let (pt, rapidity) = (momentum.pt(), momentum.rapidity());
                    // Rounding may put a momentum drawn at the edge below it.
                    if pt < LEAST_PT * (1.0 - 1e-12) {
                        return Err(CoreError::OutOfRange {
                            what: "pt".into(),
                            item: Item::particle(event, particle),
                            value: pt,
                            allowed: "1 GeV or more",
                        });
                    }
                    sum += per_particle + numerator.log_density(pt, rapidity)
                        - denominator.log_density(pt, rapidity);
                }
                if sum.is_finite() {
                    Ok(sum)
                } else {
                    Err(CoreError::NotFinite { what: "ln r".into(), item: Item::event(event), value: sum })
                }
            })
            .collect()
    }
}

impl Toy<ParticleSets> for PointProcess {
    fn sample(&self, numerator: bool, events: usize, rng: &mut dyn Rng) -> Weighted<ParticleSets> {
        let emissions = if numerator { self.numerator } else { self.denominator };
        let sets: Vec<Vec<FourMomentum>> = (0..events)
            .map(|_| (0..poisson(emissions.count, rng)).map(|_| emissions.draw(rng)).collect())
            .collect();
        Weighted::unit(ParticleSets::from_events(sets).expect("every momentum is finite"))
    }

    fn kl(&self) -> f64 {
        let Self { numerator: n, denominator: m } = self;
        let (count, hardness) = (n.count / m.count, n.hardness / m.hardness);
        let squared_width = (n.width / m.width).powi(2);
        let per_particle = hardness - 1.0 - hardness.ln() + 0.5 * (squared_width - 1.0 - squared_width.ln());
        n.count * (count.ln() + per_particle) - n.count + m.count
    }
}
