//! Poisson point processes: sets of particles.

use std::f64::consts::PI;

use hepml_core::ndarray::{Array1, Array2};
use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, EventSet, FourMomentum, Item, LogRatio, ParticleSets, Weighted};

use super::likelihood::check;
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

    /// The emissions of the largest likelihood of a sample: weighted mean number, mean pt - 1 GeV, root mean squared rapidity.
    ///
    /// # Errors
    /// No events, negative weights, or none that is not 0; no particles; moments that no emissions have.
    fn maximum_likelihood(side: &'static str, sample: &Weighted<ParticleSets>) -> Result<Self> {
        check(side, sample)?;
        let (mut count, mut hardness, mut square) = (0.0, 0.0, 0.0);
        for (set, weight) in sample.events().events().zip(sample.weights()) {
            count += weight * set.len() as f64;
            for momentum in set.momenta() {
                hardness += weight * (momentum.pt() - LEAST_PT);
                square += weight * momentum.rapidity().powi(2);
            }
        }
        Self::new(count / sample.sum_weights(), hardness / count, (square / count).sqrt())
    }

    /// The logarithm of the density of one emission in (pt, rapidity), without what all emissions share.
    fn log_density(&self, pt: f64, rapidity: f64) -> f64 {
        -(pt - LEAST_PT) / self.hardness
            - self.hardness.ln()
            - 0.5 * (rapidity / self.width).powi(2)
            - self.width.ln()
    }

    /// A momentum and its rapidity.
    fn draw(&self, rng: &mut dyn Rng) -> (FourMomentum, f64) {
        let pt = LEAST_PT + self.hardness * exponential(rng);
        let rapidity = self.width * normal(rng);
        let phi = rng.random_range(-PI..PI);
        // Box and Muller reach 8.6 standard deviations: |y| < 43, far from overflow.
        let momentum =
            FourMomentum::from_pt_y_phi_m(pt, rapidity, phi, 0.0).expect("finite, with pt above 0");
        (momentum, rapidity)
    }
}

/// Two Poisson point processes of particles.
///
/// With mean numbers n, m and densities p, q of one particle, ln r(S) = m - n + sum over particles of ln(n p/(m q)): a sum
/// over the set plus a constant, so of the form of a deep set; the number of particles carries information of its own. Sets
/// may be empty: ln r = m - n. KL = n ln(n/m) - n + m + n KL(p, q).
///
/// The rapidities are those of the detector, not of a jet, and networks that place particles relative to the axis of their
/// event would not see them: events have them as the feature "rapidity". Sums over particles, which see how many there are,
/// of what depends on ln pt and that feature can be the exact ratio:
///
/// ```
/// use hepml_core::rand::SeedableRng;
/// use hepml_core::rand_chacha::ChaCha8Rng;
/// use hepml_core::{LogRatio, RatioEstimator};
/// use hepml_nn::{ParticleInput, PfnConfig, StackConfig};
/// use hepml_ratio::NetworkConfig;
/// use hepml_ratio::toys::{Emissions, PointProcess, Toy};
///
/// let toy = PointProcess::new(Emissions::new(3.0, 1.0, 1.0)?, Emissions::new(2.0, 1.0, 1.0)?);
/// let inputs = vec![ParticleInput::LnPt, ParticleInput::Feature("rapidity".into())];
/// let network = PfnConfig::new(1).inputs(inputs).phi(StackConfig::new([16, 8])).f(StackConfig::new([16]));
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let (numerator, denominator) = (toy.sample(true, 2000, &mut rng), toy.sample(false, 2000, &mut rng));
/// let fitted = NetworkConfig::new(network).fit(&numerator, &denominator, &mut rng, &mut ())?;
/// // More particles, more of the numerator: ln r = n ln(3/2) - 1.
/// let z = fitted.model.log_ratio(denominator.events())?;
/// let exact = toy.log_ratio(denominator.events())?;
/// assert!((z - exact).mapv(f64::abs).mean().expect("events") < 0.2);
/// # Ok::<(), hepml_core::Error>(())
/// ```
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

    /// The toy of the largest likelihood of two samples: number, hardness and width of the emissions of each side.
    ///
    /// # Errors
    /// No events, negative weights, or none that is not 0, on a side; a side without particles; moments that no emissions have.
    pub fn maximum_likelihood(
        numerator: &Weighted<ParticleSets>,
        denominator: &Weighted<ParticleSets>,
    ) -> Result<Self> {
        let fit = Emissions::maximum_likelihood;
        Ok(Self::new(fit("numerator", numerator)?, fit("denominator", denominator)?))
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
        let (mut momenta, mut rapidities, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
        for _ in 0..events {
            for _ in 0..poisson(emissions.count, rng) {
                let (momentum, rapidity) = emissions.draw(rng);
                momenta.push(momentum);
                rapidities.push(rapidity);
            }
            offsets.push(momenta.len());
        }
        let features =
            Array2::from_shape_vec((rapidities.len(), 1), rapidities).expect("one number a particle");
        let sets = ParticleSets::new(momenta, features, vec!["rapidity".to_owned()], offsets);
        Weighted::unit(sets.expect("every number is finite, and events follow one another"))
    }

    fn kl(&self) -> f64 {
        let Self { numerator: n, denominator: m } = self;
        let (count, hardness) = (n.count / m.count, n.hardness / m.hardness);
        let squared_width = (n.width / m.width).powi(2);
        let per_particle = hardness - 1.0 - hardness.ln() + 0.5 * (squared_width - 1.0 - squared_width.ln());
        n.count * (count.ln() + per_particle) - n.count + m.count
    }
}
