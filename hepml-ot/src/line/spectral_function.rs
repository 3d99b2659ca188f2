//! An event as the distances between its particles.

use std::f64::consts::TAU;

use hepml_core::{Error as CoreError, FourMomentum, Item, finite};

use crate::compensated;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::ground_cost::{AngularCost, GroundCost};
use crate::line::line_measure::checked_total;
use crate::line::quantiles::{Quantiles, whole};
use crate::memory;

/// The spectral function of an event: s(omega) = sum_ij E_i E_j delta(omega - omega_ij), the sum over all ordered pairs.
///
/// The pairs i = j are a line of strength sum_i E_i^2 at omega = 0, each other pair one of strength 2 E_i E_j at
/// omega_ij = theta_ij^beta / beta. That is the convention of SPECTER's code (arXiv:2410.05379); for beta = 1, the case of
/// arXiv:2305.03751, omega is the angle itself. Lines at the same omega are one.
///
/// It is computed and sorted once an event, in O(N^2 log N) operations, and kept as shares of its integral (sum_i E_i)^2:
/// of lines below 2^-60 of it nothing remains, nor of particles below 2^-62 of the energy. All sums are exact, so it does not depend on
/// the order of the particles.
///
/// ```
/// use hepml_ot::{EnergyFlow, SpectralFunction};
///
/// let jet = EnergyFlow::from_rows(&[[3.0, 0.0, 0.0], [1.0, 0.3, 0.4]])?;
/// let spectrum = SpectralFunction::from_flow(&jet, 1.0, false)?;
/// let lines: Vec<(f64, f64)> = spectrum.lines().collect();
/// assert_eq!(lines, [(0.0, (9.0 + 1.0) / 16.0), (0.5, 2.0 * 3.0 / 16.0)]);
/// assert_eq!(spectrum.cumulative(0.1), 10.0 / 16.0);
/// assert_eq!(spectrum.moment(2), Some(0.25 * 6.0 / 16.0));
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpectralFunction {
    pub(crate) quantiles: Quantiles,
    total_energy: f64,
    mean: f64,
    spread: f64,
}

impl SpectralFunction {
    /// Of energies in the (y, phi) plane, with theta_ij = √(Δy² + Δphi²); Δphi the shorter way round if `periodic_phi`.
    ///
    /// # Errors
    /// A beta that is not positive and finite; [`Error::CostNotFinite`] naming two particles whose omega overflows;
    /// [`Error::NoMemory`] for more than some 18 000 particles.
    pub fn from_flow(flow: &EnergyFlow, beta: f64, periodic_phi: bool) -> Result<Self> {
        Self::with_cost(flow, &AngularCost::new(1.0, beta, periodic_phi)?)
    }

    /// As [`from_flow`](Self::from_flow), with the cost theta^beta.
    pub(crate) fn with_cost(flow: &EnergyFlow, cost: &AngularCost) -> Result<Self> {
        let massive = || flow.energies().iter().map(|&energy| energy > 0.0);
        let indices: Vec<usize> = massive().enumerate().filter_map(|(i, has)| has.then_some(i)).collect();
        let points: Vec<[f64; 2]> = indices.iter().map(|&index| flow.points()[index]).collect();
        let omega = Omega::new(cost, &points);
        Self::of_pairs(flow.energies(), &indices, flow.total_energy(), |i, omegas| {
            omega.row(points[i], &points[i + 1..], omegas);
        })
    }

    /// Of energies on the sphere, with the opening angles theta_ij of the momenta: for events of e+e- collisions.
    ///
    /// # Errors
    /// A beta that is not positive and finite; an energy that is negative or not finite, a momentum that is not finite or that is 0
    /// while there is energy (naming the particle); energies whose sum overflows.
    ///
    /// ```
    /// use hepml_core::FourMomentum;
    /// use hepml_ot::SpectralFunction;
    ///
    /// let back_to_back = [FourMomentum::new(5.0, 3.0, 4.0, 0.0), FourMomentum::new(5.0, -3.0, -4.0, 0.0)];
    /// let spectrum = SpectralFunction::from_momenta(&back_to_back, 1.0)?;
    /// let lines: Vec<(f64, f64)> = spectrum.lines().collect();
    /// assert_eq!(lines, [(0.0, 0.5), (std::f64::consts::PI, 0.5)]);
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn from_momenta(momenta: &[FourMomentum], beta: f64) -> Result<Self> {
        let cost = AngularCost::new(1.0, beta, false)?;
        let energies: Vec<f64> = momenta.iter().map(|p| p.e).collect();
        let total = checked_total("energy", &energies)?;
        for (particle, p) in momenta.iter().enumerate().filter(|(_, p)| p.e > 0.0) {
            for component in [p.px, p.py, p.pz] {
                finite("momentum", component).map_err(|error| error.at_particle(particle))?;
            }
            if [p.px, p.py, p.pz] == [0.0; 3] {
                let item = Item { event: None, particle: Some(particle) };
                let allowed = "positive, to have a direction";
                return Err(
                    CoreError::OutOfRange { what: "momentum".into(), item, value: 0.0, allowed }.into()
                );
            }
        }
        let indices: Vec<usize> = (0..momenta.len()).filter(|&index| energies[index] > 0.0).collect();
        Self::of_pairs(&energies, &indices, total, |i, omegas| {
            for (omega, j) in omegas.iter_mut().zip(i + 1..) {
                let angle = momenta[indices[i]].angle(&momenta[indices[j]]);
                *omega = cost.cost([0.0, 0.0], [angle, 0.0]) / beta;
            }
        })
    }

    /// Of lines of `strengths[n]` at `omegas[n]` in any order: the integral of s over each, (2 E E)_n in units of energy^2.
    ///
    /// For spectral functions known in closed form, and for distances of one's own.
    ///
    /// # Errors
    /// Different lengths; an omega or a strength that is negative or not finite (naming the line as the particle); strengths
    /// whose sum overflows.
    pub fn from_lines(omegas: &[f64], strengths: &[f64]) -> Result<Self> {
        if omegas.len() != strengths.len() {
            return Err(CoreError::shape("strengths", omegas.len(), strengths.len()).into());
        }
        for (line, &value) in omegas.iter().enumerate() {
            finite("omega", value).map_err(|error| error.at_particle(line))?;
            if value < 0.0 {
                let item = Item { event: None, particle: Some(line) };
                let allowed = "zero or positive";
                return Err(CoreError::OutOfRange { what: "omega".into(), item, value, allowed }.into());
            }
        }
        let total = checked_total("strength", strengths)?;
        if total == 0.0 {
            return Ok(Self::default());
        }
        // As many digits as leave room for the sum. An omega of -0 is 0.
        let masses = whole(strengths, total, 124);
        let lines = omegas.iter().zip(masses).map(|(omega, mass)| (omega.abs(), mass)).collect();
        Ok(Self::of_lines(lines, total.sqrt()))
    }

    /// Of the particles with energy: `row(i, ..)` gives their omegas with the i-th of them, from the next on.
    fn of_pairs(
        energies: &[f64],
        indices: &[usize],
        total: f64,
        row: impl Fn(usize, &mut [f64]),
    ) -> Result<Self> {
        if total == 0.0 {
            return Ok(Self::default());
        }
        // Half of the pairs, with 32 bytes each while they are sorted and 16 as what they are.
        let count = indices.len();
        memory::check(
            "particles of an event with each other",
            [count; 2],
            3 * memory::numbers(count, count),
        )?;
        let massive: Vec<f64> = indices.iter().map(|&index| energies[index]).collect();
        // Up to 2^62 and so, whose square is a share that has room in a u128.
        let whole = whole(&massive, total, 62);
        let mut lines = Vec::with_capacity(whole.len() * (whole.len() - 1) / 2 + 1);
        lines.push((0.0, whole.iter().map(|energy| energy * energy).sum()));
        let mut omegas = vec![0.0; whole.len()];
        for (i, energy) in whole.iter().enumerate() {
            let omegas = &mut omegas[i + 1..];
            row(i, omegas);
            for (j, (&omega, other)) in (i + 1..).zip(omegas.iter().zip(&whole[i + 1..])) {
                if !omega.is_finite() {
                    return Err(Error::CostNotFinite { from: indices[i], to: indices[j], value: omega });
                }
                lines.push((omega, 2 * energy * other));
            }
        }
        Ok(Self::of_lines(lines, total))
    }

    fn of_lines(mut lines: Vec<(f64, u128)>, total_energy: f64) -> Self {
        // As numbers that are not negative are ordered like their bits.
        lines.sort_unstable_by_key(|(omega, _)| omega.to_bits());
        let quantiles = Quantiles::new(&lines, true);
        let mean = compensated::sum(quantiles.shares().map(|(omega, share)| omega * share));
        let variance = quantiles.shares().map(|(omega, share)| (omega - mean).powi(2) * share).sum::<f64>();
        Self { quantiles, total_energy, mean, spread: variance.sqrt() }
    }

    /// The lines (omega, share of the integral), omega ascending; none without energy.
    pub fn lines(&self) -> impl Iterator<Item = (f64, f64)> {
        self.quantiles.shares()
    }

    /// The number of lines.
    pub fn len(&self) -> usize {
        self.quantiles.steps().len()
    }

    /// Whether there is no energy and so no line.
    pub fn is_empty(&self) -> bool {
        self.quantiles.is_empty()
    }

    /// The total energy, the root of the integral of s.
    pub fn total_energy(&self) -> f64 {
        self.total_energy
    }

    /// The cumulative spectral function S(omega), as a share of its total; 0 without energy, NaN for NaN.
    pub fn cumulative(&self, omega: f64) -> f64 {
        self.quantiles.cumulative(omega)
    }

    /// The lowest omega at or below which there is the share `q` of the integral, the last one for q >= 1; `None` without
    /// energy or for a q that is NaN.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.quantiles.quantile(q)
    }

    /// The moment sum_ij E_i E_j omega_ij^k / (sum_i E_i)^2, an energy correlator; `None` without energy.
    ///
    /// For k < 0 it is infinite, as each particle is at no distance from itself.
    pub fn moment(&self, k: i32) -> Option<f64> {
        let moment = || compensated::sum(self.quantiles.shares().map(|(omega, share)| omega.powi(k) * share));
        (!self.is_empty()).then(moment)
    }

    /// The largest omega; `None` without energy.
    pub fn largest_omega(&self) -> Option<f64> {
        self.quantiles.steps().last().map(|step| step.position)
    }

    /// The mean of omega and its standard deviation, 0 without energy.
    pub(crate) fn mean_and_spread(&self) -> (f64, f64) {
        (self.mean, self.spread)
    }
}

/// theta^beta / beta between the particles of one event, the same number for two particles whatever their order and that of the others.
pub(crate) struct Omega<'c> {
    cost: &'c AngularCost,
    /// Whether the costs of every row are computed in the fast way.
    by_row: bool,
}

impl<'c> Omega<'c> {
    /// Between any of these points.
    pub(crate) fn new(cost: &'c AngularCost, points: &[[f64; 2]]) -> Self {
        // A row with a far coordinate in it is computed with more care than another, so which rows those are must not matter.
        let ordinary = |x: &f64| *x == 0.0 || (1e-90..1e90).contains(&x.abs());
        let phi = || points.iter().map(|point| point[1]);
        let spread = phi().fold(f64::NEG_INFINITY, f64::max) - phi().fold(f64::INFINITY, f64::min);
        let one_turn = !cost.periodic_phi() || spread <= TAU;
        Self { cost, by_row: one_turn && points.as_flattened().iter().all(ordinary) }
    }

    pub(crate) fn row(&self, from: [f64; 2], to: &[[f64; 2]], omegas: &mut [f64]) {
        let beta = self.cost.beta();
        if self.by_row {
            self.cost.cost_row(from, to, omegas);
        } else {
            for (omega, to) in omegas.iter_mut().zip(to) {
                *omega = self.cost.cost(from, *to);
            }
        }
        if beta != 1.0 {
            for omega in omegas {
                *omega /= beta;
            }
        }
    }
}
