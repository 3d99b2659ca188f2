//! Maximum mean discrepancies: distances between events in a space of functions.

use hepml_core::{EventMetric, ParticleSet, ParticleSets};

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::entropic::entropic_gradient::{self, EntropicGradient};
use crate::entropic::sinkhorn_divergence::ASYMMETRY;
use crate::error::{Error, Result};
use crate::ground_cost::{AngularCost, GroundCost};

/// What rounding leaves of a value of 0, in units of the three terms that it is the difference of: each term is a sum that is
/// exact but for the rounding of its products.
const ROUNDING: f64 = 8.0 * f64::EPSILON;

/// The squared maximum mean discrepancy of two events under a kernel k.
///
/// MMD²(a, b) = <a ⊗ a, k> + <b ⊗ b, k> - 2 <a ⊗ b, k>, where <a ⊗ b, k> = sum_ij a_i b_j k(x_i, y_j); no transport, but sums
/// over pairs of particles. The kernel is made of a ground cost c, (theta/R)^beta or another:
/// - [`energy`](Self::energy): k = -c, of events whose energies are divided by their sum. Twice the limit of
///   [`SinkhornDivergence`](crate::SinkhornDivergence) for eps -> infinity; for beta = 1 the energy distance of statistics;
/// - [`exponential`](Self::exponential): k = exp(-c), a Laplace kernel for beta = 1 and a Gaussian one for beta = 2 (of width R/√2),
///   of the energies as they are; [`exponential_normalised`](Self::exponential_normalised) divides them by their sum.
///
/// [`value`](Divergence::value) is MMD², [`metric`](Divergence::metric) its root. In the plane (no periodic azimuth) for 0 < beta <= 2
/// MMD² is not negative and the root symmetric and obeys the triangle inequality (-theta^beta is conditionally positive definite,
/// exp(-theta^beta) positive definite: Schoenberg); it is 0 only between equal events (equal up to particles without energy and
/// collinear splittings; if normalised, up to a common factor), but for k = -theta², which sees no more than the means:
/// MMD² = 2 |mean - mean'|²/R². For other costs MMD² may be negative, and the root is then an error.
///
/// MMD² is known to about 1e-15 of its terms, so the root of a value that should be 0 may be some 1e-8 of their root; a negative
/// value of the size of rounding is returned as 0.
///
/// ```
/// use hepml_ot::{AngularCost, Divergence, EnergyFlow, Mmd};
///
/// let mmd = Mmd::energy(AngularCost::new(1.0, 1.0, false)?);
/// let a = EnergyFlow::from_rows(&[[2.0, 0.0, 0.0]])?;
/// let b = EnergyFlow::from_rows(&[[1.0, 0.5, 0.0]])?;
/// assert_eq!((mmd.value(&a, &b)?, mmd.metric(&a, &b)?), (1.0, 1.0));
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mmd<G = AngularCost> {
    cost: G,
    kernel: Kernel,
    normalise: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kernel {
    /// -c.
    Energy,
    /// exp(-c).
    Exponential,
}

/// An event with its own term of an [`Mmd`].
#[derive(Debug, Clone)]
pub struct PreparedMmd<'a> {
    flow: &'a EnergyFlow,
    /// The energies, divided by their sum if normalised.
    energies: Vec<f64>,
    own: f64,
}

impl<G: GroundCost> Mmd<G> {
    /// The energy distance: the kernel -c between normalised events.
    pub fn energy(cost: G) -> Self {
        Self { cost, kernel: Kernel::Energy, normalise: true }
    }

    /// The kernel exp(-c) between events as they are.
    pub fn exponential(cost: G) -> Self {
        Self { cost, kernel: Kernel::Exponential, normalise: false }
    }

    /// The kernel exp(-c) between normalised events.
    pub fn exponential_normalised(cost: G) -> Self {
        Self { cost, kernel: Kernel::Exponential, normalise: true }
    }

    /// The ground cost c.
    pub fn ground_cost(&self) -> &G {
        &self.cost
    }

    /// Whether each event's energies are divided by their sum.
    pub fn is_normalised(&self) -> bool {
        self.normalise
    }

    /// MMD²(a, b) and its derivatives by the energies and points of both events.
    ///
    /// By the energy of particle i of the first event 2 (w_i - v_i), w_i = sum_k a_k k(x_i, x_k), v_i = sum_j b_j k(x_i, y_j)
    /// (if normalised, of the shares a_i, and the mean is subtracted); by its point likewise with the derivative of k.
    ///
    /// # Errors
    /// [`Error::NoCostGradient`] for a ground cost that does not know its derivative (a closure); a derivative that is not
    /// finite, naming the particle; as [`value`](Divergence::value).
    pub fn gradient(&self, a: &EnergyFlow, b: &EnergyFlow) -> Result<EntropicGradient> {
        if self.cost.cost_gradient([0.0; 2], [0.0; 2]).is_none() {
            return Err(Error::NoCostGradient);
        }
        let (a, b) = (self.prepare(a)?, self.prepare(b)?);
        let value = self.prepared_value(&mut Vec::new(), &a, &b)?;
        let mut gradient = EntropicGradient::new(value, vec![0.0; a.flow.len()], vec![0.0; b.flow.len()]);
        for (event, other, into) in [(&a, &b, &mut gradient.first), (&b, &a, &mut gradient.second)] {
            for (partner, sign) in [(event, 2.0), (other, -2.0)] {
                let partners = partner.flow.points().iter().zip(&partner.energies);
                for (i, from) in event.flow.points().iter().enumerate() {
                    // A particle without energy has no influence, wherever it is, and its own point none.
                    for (to, energy) in partners.clone().filter(|(_, energy)| **energy > 0.0) {
                        let kernel = self.of_cost(self.cost.cost(*from, *to));
                        into.energies[i] += sign * energy * kernel;
                        if event.energies[i] == 0.0 {
                            continue;
                        }
                        let by_cost = if self.kernel == Kernel::Energy { -1.0 } else { -kernel };
                        let slope = self.cost.cost_gradient(*from, *to).ok_or(Error::NoCostGradient)?;
                        let weight = sign * event.energies[i] * energy * by_cost;
                        let point = &mut into.points[i];
                        *point = [point[0] + weight * slope[0], point[1] + weight * slope[1]];
                    }
                }
            }
            if self.normalise {
                into.energies = entropic_gradient::of_shares(event.flow, &into.energies);
            }
        }
        gradient.checked()
    }

    fn of_cost(&self, cost: f64) -> f64 {
        match self.kernel {
            Kernel::Energy => -cost,
            Kernel::Exponential => (-cost).exp(),
        }
    }

    /// <a ⊗ b, k>, exact but for the rounding of its products: the order of particles does not matter.
    fn mean_kernel(
        &self,
        kernels: &mut Vec<f64>,
        (a, a_points): (&[f64], &[[f64; 2]]),
        (b, b_points): (&[f64], &[[f64; 2]]),
    ) -> Result<f64> {
        kernels.clear();
        kernels.resize(b.len(), 0.0);
        let mut sum = LaneSum::default();
        for (i, (energy, point)) in a.iter().zip(a_points).enumerate() {
            if *energy == 0.0 {
                continue;
            }
            self.cost.cost_row(*point, b_points, kernels);
            for (j, kernel) in kernels.iter_mut().enumerate() {
                if b[j] == 0.0 {
                    *kernel = 0.0;
                    continue;
                }
                if !kernel.is_finite() {
                    return Err(Error::CostNotFinite { from: i, to: j, value: *kernel });
                }
                *kernel = energy * b[j] * self.of_cost(*kernel);
            }
            sum.add(kernels);
        }
        let sum = sum.total();
        if sum.is_finite() { Ok(sum) } else { Err(Error::ValueOverflows) }
    }
}

impl<G: GroundCost> Divergence for Mmd<G> {
    type Event = EnergyFlow;
    type Prepared<'a>
        = PreparedMmd<'a>
    where
        Self: 'a;
    /// The kernels of one particle to those of the other event.
    type Workspace = Vec<f64>;

    /// Computes the event's own term.
    ///
    /// # Errors
    /// [`Error::CostNotSymmetric`]; [`Error::CostNotFinite`]; [`Error::ValueOverflows`].
    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<PreparedMmd<'a>> {
        let (points, total) = (event.points(), event.total_energy());
        let unit = if self.normalise && total > 0.0 { total } else { 1.0 };
        let energies: Vec<f64> = event.energies().iter().map(|energy| energy / unit).collect();
        let massive: Vec<usize> = (0..points.len()).filter(|&i| energies[i] > 0.0).collect();
        let (mut largest, mut worst) = (0.0_f64, (0.0, 0, 0));
        for (&from, &to) in
            massive.iter().enumerate().flat_map(|(k, i)| massive[..k].iter().map(move |j| (j, i)))
        {
            let (there, back) =
                (self.cost.cost(points[from], points[to]), self.cost.cost(points[to], points[from]));
            largest = largest.max(there.abs()).max(back.abs());
            let difference = (there - back).abs();
            if difference > worst.0 {
                worst = (difference, from, to);
            }
        }
        if worst.0 > ASYMMETRY * largest {
            return Err(Error::CostNotSymmetric { from: worst.1, to: worst.2 });
        }
        let side = (&energies[..], points);
        let own = self.mean_kernel(&mut Vec::new(), side, side)?;
        Ok(PreparedMmd { flow: event, energies, own })
    }

    /// MMD²(a, b).
    ///
    /// # Errors
    /// [`Error::NoEnergy`] for an event without energy if normalised; [`Error::CostNotFinite`]; [`Error::ValueOverflows`].
    fn prepared_value(
        &self,
        kernels: &mut Vec<f64>,
        a: &PreparedMmd<'_>,
        b: &PreparedMmd<'_>,
    ) -> Result<f64> {
        for (event, name) in [(a, "first"), (b, "second")] {
            if self.normalise && event.flow.total_energy() == 0.0 {
                return Err(Error::NoEnergy { event: name });
            }
        }
        let cross =
            self.mean_kernel(kernels, (&a.energies, a.flow.points()), (&b.energies, b.flow.points()))?;
        // Halves first: the three terms are of the same size, and their sum may overflow where the value does not.
        let value = 2.0 * ((0.5 * a.own - 0.5 * cross) + (0.5 * b.own - 0.5 * cross));
        // Terms that are subnormal numbers are rounded by more than a part of themselves.
        let rounding = ROUNDING * (a.own.abs() + b.own.abs() + 2.0 * cross.abs()) + f64::MIN_POSITIVE;
        if !value.is_finite() {
            Err(Error::ValueOverflows)
        } else if value < 0.0 && value >= -rounding {
            Ok(0.0)
        } else {
            Ok(value)
        }
    }

    /// 1/2.
    fn exponent(&self) -> f64 {
        0.5
    }
}

impl<G: GroundCost> EventMetric<ParticleSets> for Mmd<G> {
    /// The [`metric`](Divergence::metric) of the events' transverse momenta at their rapidities and azimuths.
    fn distance(&self, a: ParticleSet<'_>, b: ParticleSet<'_>) -> hepml_core::Result<f64> {
        Ok(self.metric(&EnergyFlow::from_particles(a)?, &EnergyFlow::from_particles(b)?)?)
    }
}

/// The number of sums that are kept side by side, so that the compiler can take several at a time.
const LANES: usize = 4;

/// A sum and what rounding took from it (Knuth's two-sum, without branches), in several lanes.
#[derive(Debug, Clone, Copy, Default)]
struct LaneSum {
    sums: [f64; LANES],
    lost: [f64; LANES],
}

impl LaneSum {
    fn add(&mut self, terms: &[f64]) {
        let (chunks, rest) = terms.as_chunks::<LANES>();
        for chunk in chunks {
            self.add_chunk(chunk);
        }
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        self.add_chunk(&last);
    }

    fn add_chunk(&mut self, terms: &[f64; LANES]) {
        for ((sum, lost), term) in self.sums.iter_mut().zip(&mut self.lost).zip(terms) {
            let next = *sum + term;
            let of_term = next - *sum;
            *lost += (*sum - (next - of_term)) + (term - of_term);
            *sum = next;
        }
    }

    fn total(&self) -> f64 {
        crate::compensated::sum(self.sums.iter().chain(&self.lost).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_depend_on_the_order() {
        let terms: Vec<f64> = (0..1001).map(|i| (f64::from(i) * 0.7).sin() * 10_f64.powi(i % 13)).collect();
        let of = |terms: &[f64]| {
            let mut sum = LaneSum::default();
            terms.chunks(7).for_each(|chunk| sum.add(chunk));
            sum.total()
        };
        let reversed: Vec<f64> = terms.iter().rev().copied().collect();
        assert_eq!(of(&terms), of(&reversed));
        assert_eq!(of(&terms), crate::compensated::sum(terms.iter().copied()));
        assert_ne!(of(&terms), terms.iter().sum::<f64>());
        assert_eq!(of(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(of(&[]), 0.0);
    }
}
