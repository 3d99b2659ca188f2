//! Barycentres of events on points of one's choice.

use hepml_core::{Error as CoreError, finite};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use crate::compensated;
use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::exact::{Emd, EmdConfig, Workspace};
use crate::ground_cost::{AngularCost, GroundCost};
use crate::linear::barycentre::{Barycentre, checked_weights};

/// The first epsilon, in units of the largest cost: large enough that a few iterations find the rough shape.
const FIRST_EPSILON: f64 = 0.02;
/// The last one: below, hundreds of thousands of iterations would be needed.
const LAST_EPSILON: f64 = 1e-7;
/// The factor from one epsilon to the next.
const ANNEALING: f64 = 0.5;
/// Up to here epsilon is merely on its way: the gap is about 0.8 epsilon, and is not looked at while it cannot be small enough.
const GAP_PER_EPSILON: f64 = 0.5;
/// Values below this fraction of the largest cost need not be known more accurately than it.
const FLOOR: f64 = 1e-4;
/// The share of the energy by which the plans' marginals may still differ at the end of a stage, on the way and when the gap is
/// looked at.
const ROUGH: f64 = 1e-2;
const FINE: f64 = 1e-3;
/// How far the logarithms of factors go, in units of the way to where a plain projection would leave them. The fixed points are
/// the same below 2; jets take half of the iterations, small problems with a small gap less than a tenth.
const RELAXATION: f64 = 1.8;
/// Iterations of a stage, at most.
const STAGE: usize = 1000;
/// Shares of a cell's energy below this are left out until all costs are looked at again.
const SMALL: f64 = 1e-12;
/// Cells with less than this fraction of the energy of the fullest are left out likewise.
const EMPTY: f64 = 1e-14;
/// The change of a potential, in units of epsilon, after which costs are looked at again, as what was left out may matter.
const STALE: f64 = 6.0;
/// Iterations between two looks at all costs, at most.
const FRESH: usize = 100;

/// The parameters of a [`FixedSupportBarycentre`]: R = 1, beta = 2, azimuth not periodic, a gap of 2 % of the value, at most
/// 10000 iterations, unless set otherwise.
///
/// ```
/// use hepml_ot::FixedSupportBarycentreConfig;
///
/// let search = FixedSupportBarycentreConfig::new().beta(1.0).radius(0.8).tolerance(0.01).build()?;
/// assert!(FixedSupportBarycentreConfig::new().tolerance(0.0).build().is_err());
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedSupportBarycentreConfig {
    radius: f64,
    beta: f64,
    periodic_phi: bool,
    tolerance: f64,
    max_iterations: usize,
}

impl Default for FixedSupportBarycentreConfig {
    fn default() -> Self {
        Self { radius: 1.0, beta: 2.0, periodic_phi: false, tolerance: 0.02, max_iterations: 10_000 }
    }
}

impl FixedSupportBarycentreConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The unit R of angular distances.
    #[must_use]
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }

    /// The power beta of angular distances.
    #[must_use]
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// Whether azimuths are differences around a circle.
    #[must_use]
    pub fn periodic_phi(mut self, periodic_phi: bool) -> Self {
        self.periodic_phi = periodic_phi;
        self
    }

    /// The proven gap, as a fraction of the value, at which the search ends; of 1e-4 of the largest cost where the value is
    /// below that (events that are nearly equal, and nearly on the support).
    ///
    /// The time grows somewhat faster than in proportion to its inverse.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The iterations after which the best so far is returned, as not converged.
    #[must_use]
    pub fn max_iterations(mut self, iterations: usize) -> Self {
        self.max_iterations = iterations;
        self
    }

    /// The search with these parameters.
    ///
    /// # Errors
    /// A radius, a beta or a tolerance that is not positive and finite.
    pub fn build(self) -> Result<FixedSupportBarycentre> {
        let cost = AngularCost::new(self.radius, self.beta, self.periodic_phi)?;
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            let error = CoreError::out_of_range("tolerance", self.tolerance, "positive and finite");
            return Err(error.into());
        }
        let emd = EmdConfig::new().radius(self.radius).beta(self.beta).periodic_phi(self.periodic_phi);
        Ok(FixedSupportBarycentre { config: self, cost, emd: emd.normalise(true).build()? })
    }
}

/// The search for the event on given points that is nearest on average to a set of events.
///
/// It minimises sum_s lambda_s EMD(a, b_s) over the energies a_k >= 0, sum_k a_k = 1, at points x_k of one's choice (a
/// [`Grid`](crate::Grid)). All events are normalised, and the EMD is the sum of f_ij (theta_ij/R)^beta: W2² for beta = 2, of
/// which the barycentre is the usual one, and W1 for beta = 1, a kind of median.
///
/// The method: entropic transport with a decreasing regularisation epsilon, where iterative Bregman projections (arXiv:1412.5154),
/// overrelaxed (arXiv:1711.01851), find the barycentre, in logarithms and on those pairs of points only between which anything flows. What counts is not the regularised
/// problem but the exact one. Its dual gives a lower bound for any potentials v_s of the events,
/// sum_s lambda_s sum_j b_sj v_sj + min_k sum_s lambda_s min_j (c_kj - v_sj), and exact EMDs give the value, so that
/// the gap is proven whatever the iterations did. It closes in proportion to epsilon.
///
/// ```
/// use hepml_ot::{EnergyFlow, FixedSupportBarycentreConfig, Grid};
///
/// let left = EnergyFlow::from_rows(&[[1.0, -0.375, 0.0]])?;
/// let right = EnergyFlow::from_rows(&[[2.0, 0.625, 0.0]])?;
/// let search = FixedSupportBarycentreConfig::new().build()?;
/// // Halfway between the two is a cell of the grid.
/// let barycentre = search.find(&[left, right], &[1.0, 1.0], Grid::square(1.125, 9)?.points())?;
/// assert!(barycentre.converged && (barycentre.value - 0.25 - 0.125 * 0.125).abs() < 0.01);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FixedSupportBarycentre {
    config: FixedSupportBarycentreConfig,
    cost: AngularCost,
    emd: Emd,
}

impl FixedSupportBarycentre {
    /// The barycentre on `support` of `events` with the weights lambda_s >= 0 `weights`, which are divided by their sum; on
    /// all threads with the feature `rayon`.
    ///
    /// Its energies add up to 1. If [`Barycentre::converged`] is false, it is the best there was when the iterations
    /// ran out or epsilon got too small; the gap says how good that is.
    ///
    /// # Errors
    /// No events, no support; another number of weights than events; weights that are negative or not finite, or all 0; an event
    /// without energy; a point that is not finite; [`Error::CostNotFinite`] for a cost that overflows.
    pub fn find(&self, events: &[EnergyFlow], weights: &[f64], support: &[[f64; 2]]) -> Result<Barycentre> {
        let weights = checked_weights(events, weights)?;
        for (particle, point) in support.iter().enumerate() {
            for x in point {
                finite("coordinate of the support", *x).map_err(|error| error.at_particle(particle))?;
            }
        }
        if support.is_empty() {
            return Err(CoreError::Empty { what: "support of the barycentre".into() }.into());
        }
        let parts = events.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0);
        let mut search = Search {
            cost: self.cost,
            support,
            unit: 1.0,
            epsilon: FIRST_EPSILON,
            energies: vec![0.0; support.len()],
            log_energies: vec![0.0; support.len()],
            parts: parts.map(|(event, &weight)| Part::new(event, weight, support.len())).collect(),
        };
        search.unit = search.largest_cost()?;
        if search.unit == 0.0 {
            // All points coincide: there is only one place to be.
            let anywhere = vec![1.0 / support.len() as f64; support.len()];
            let only = self.evaluate(events, &weights, support, &anywhere)?;
            return Ok(Barycentre { gap: 0.0, converged: true, ..only });
        }
        let mut best: Option<Barycentre> = None;
        let mut lower = search.look() * search.unit;
        let mut iterations = 0;
        loop {
            let unit = search.unit;
            let enough = |value: f64| self.config.tolerance * value.max(FLOOR * unit);
            let promising = GAP_PER_EPSILON * search.epsilon * search.unit <= enough(lower);
            let allowed = STAGE.min(self.config.max_iterations - iterations);
            iterations += search.stage(if promising { FINE } else { ROUGH }, allowed);
            lower = lower.max(search.look() * search.unit);
            let last = search.epsilon * ANNEALING < LAST_EPSILON || iterations >= self.config.max_iterations;
            if promising || last {
                let found = self.evaluate(events, &weights, support, &search.energies)?;
                let better = best.take().filter(|best| best.value <= found.value).unwrap_or(found);
                let gap = better.value - lower;
                let converged = gap <= enough(better.value);
                let better = Barycentre { gap, iterations, converged, ..better };
                if converged || last {
                    return Ok(better);
                }
                best = Some(better);
            }
            search.epsilon *= ANNEALING;
        }
    }

    /// The value of energies on the support, exact.
    fn evaluate(
        &self,
        events: &[EnergyFlow],
        weights: &[f64],
        support: &[[f64; 2]],
        energies: &[f64],
    ) -> Result<Barycentre> {
        let event = EnergyFlow::new(energies, support)?;
        let distance =
            |workspace: &mut Workspace, other: &EnergyFlow| self.emd.value_in(workspace, &event, other);
        // Into a `Result` in order: collected in parallel, any event's error could come out, not the first one's.
        #[cfg(feature = "rayon")]
        let distances: Vec<_> = events
            .par_iter()
            .map_init(Workspace::new, |workspace, other| distance(workspace, other))
            .collect();
        #[cfg(not(feature = "rayon"))]
        let distances: Vec<_> = {
            let mut workspace = Workspace::new();
            events.iter().map(|other| distance(&mut workspace, other)).collect()
        };
        let distances = distances.into_iter().collect::<Result<Vec<f64>>>()?;
        let value =
            compensated::sum(distances.iter().zip(weights).map(|(distance, weight)| distance * weight));
        Ok(Barycentre { event, value, gap: f64::INFINITY, distances, iterations: 0, converged: false })
    }
}

/// The regularised problem, in units of the largest cost.
struct Search<'a> {
    cost: AngularCost,
    support: &'a [[f64; 2]],
    unit: f64,
    epsilon: f64,
    /// Of the barycentre.
    energies: Vec<f64>,
    log_energies: Vec<f64>,
    parts: Vec<Part>,
}

/// An event, its potentials, and its plan as far as it matters: row k of `kernel` holds shares w of the energy of cell k by
/// particle, at the last look; since then the plan has become `scale[k]` w `factors[j]`.
struct Part {
    weight: f64,
    points: Vec<[f64; 2]>,
    shares: Vec<f64>,
    potentials: Vec<f64>,
    factors: Vec<f64>,
    received: Vec<f64>,
    starts: Vec<usize>,
    sinks: Vec<usize>,
    kernel: Vec<f64>,
    scale: Vec<f64>,
    /// What a cell sends per `scale`.
    sent: Vec<f64>,
    /// By cell: its least reduced cost; its soft minimum of them, or the logarithm of what it sends.
    least: Vec<f64>,
    soft: Vec<f64>,
    costs: Vec<f64>,
    /// The largest |ln factor|.
    moved: f64,
    /// By how much energy the plan's marginals are off.
    error: f64,
}

impl Part {
    fn new(event: &EnergyFlow, weight: f64, cells: usize) -> Self {
        let shares = event.energies().iter().map(|energy| energy / event.total_energy());
        let (points, shares): (Vec<[f64; 2]>, Vec<f64>) =
            event.points().iter().zip(shares).filter(|(_, share)| *share > 0.0).unzip();
        let (particles, zeros) = (points.len(), vec![0.0; cells]);
        Self {
            weight,
            points,
            shares,
            potentials: vec![0.0; particles],
            factors: vec![1.0; particles],
            received: vec![0.0; particles],
            starts: Vec::with_capacity(cells + 1),
            sinks: Vec::new(),
            kernel: Vec::new(),
            scale: zeros.clone(),
            sent: zeros.clone(),
            least: zeros.clone(),
            soft: zeros,
            costs: vec![0.0; particles],
            moved: 0.0,
            error: 0.0,
        }
    }

    fn row(&self, cell: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = self.starts[cell]..self.starts[cell + 1];
        self.sinks[range.clone()].iter().copied().zip(self.kernel[range].iter().copied())
    }

    /// The rows of the kernel, from the potentials and all costs.
    fn look(&mut self, support: &[[f64; 2]], cost: &AngularCost, unit: f64, epsilon: f64) {
        let reach = -epsilon * SMALL.ln();
        self.starts.clear();
        self.sinks.clear();
        self.kernel.clear();
        self.starts.push(0);
        for (cell, point) in support.iter().enumerate() {
            cost.cost_row(*point, &self.points, &mut self.costs);
            let mut least = f64::INFINITY;
            for (cost, potential) in self.costs.iter_mut().zip(&self.potentials) {
                *cost = *cost / unit - potential;
                least = if *cost < least { *cost } else { least };
            }
            let first = self.kernel.len();
            let mut sum = 0.0;
            for (sink, cost) in self.costs.iter().enumerate().filter(|(_, cost)| **cost - least < reach) {
                let share = ((least - cost) / epsilon).exp();
                sum += share;
                self.sinks.push(sink);
                self.kernel.push(share);
            }
            self.kernel[first..].iter_mut().for_each(|share| *share /= sum);
            self.starts.push(self.kernel.len());
            self.least[cell] = least;
            self.soft[cell] = least - epsilon * sum.ln();
        }
    }

    /// New potentials for particles that no cell has anything left for: those with which they get their share.
    fn reattach(
        &mut self,
        support: &[[f64; 2]],
        energies: &[f64],
        log_energies: &[f64],
        cost: &AngularCost,
        unit: f64,
        epsilon: f64,
    ) -> bool {
        self.receive(energies);
        let lost: Vec<usize> = (0..self.points.len()).filter(|&j| self.received[j] == 0.0).collect();
        let mut row = vec![0.0; support.len()];
        for &particle in &lost {
            cost.cost_row(self.points[particle], support, &mut row);
            // The logarithm of what each cell would send at a potential of 0.
            for ((entry, soft), log) in row.iter_mut().zip(&self.soft).zip(log_energies) {
                *entry = (soft - *entry / unit) / epsilon + log;
            }
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|entry| (entry - most).exp()).sum();
            self.potentials[particle] = epsilon * (self.shares[particle].ln() - most - sum.ln());
        }
        !lost.is_empty()
    }

    /// What the particles get from cells of the given scales.
    fn receive(&mut self, scale: &[f64]) {
        let mut received = std::mem::take(&mut self.received);
        received.fill(0.0);
        for (cell, &scale) in scale.iter().enumerate().filter(|(_, scale)| **scale > 0.0) {
            for (sink, share) in self.row(cell) {
                received[sink] += share * scale;
            }
        }
        self.received = received;
    }

    /// Gives every particle its share, and notes what the cells send for it.
    fn serve(&mut self, relaxation: f64) {
        let scale = std::mem::take(&mut self.scale);
        self.receive(&scale);
        self.scale = scale;
        (self.moved, self.error) = (0.0, 0.0);
        for ((factor, share), received) in self.factors.iter_mut().zip(&self.shares).zip(&self.received) {
            // The share of a particle that is still without a cell is too small to matter before the next look.
            if *received > 0.0 {
                self.error += (*factor * received - share).abs();
                *factor = beyond(*factor, share / received, relaxation);
                self.moved = self.moved.max(factor.ln().abs());
            }
        }
        for cell in 0..self.scale.len() {
            if self.scale[cell] > 0.0 {
                let sent = self.row(cell).map(|(sink, share)| share * self.factors[sink]).sum();
                self.sent[cell] = sent;
                self.soft[cell] = (self.scale[cell] * sent).ln();
            }
        }
    }

    /// Makes every cell send what the barycentre has.
    fn agree(&mut self, energies: &[f64], relaxation: f64) {
        for (cell, energy) in energies.iter().enumerate() {
            if self.scale[cell] > 0.0 {
                self.error += (self.scale[cell] * self.sent[cell] - energy).abs();
                self.scale[cell] = beyond(self.scale[cell], energy / self.sent[cell], relaxation);
            }
        }
    }
}

/// From one factor to another, and further by their ratio to the power `relaxation` - 1.
fn beyond(from: f64, to: f64, relaxation: f64) -> f64 {
    if relaxation == 1.0 { to } else { to * (to / from).powf(relaxation - 1.0) }
}

impl Search<'_> {
    fn largest_cost(&mut self) -> Result<f64> {
        let mut largest = 0.0_f64;
        for part in &mut self.parts {
            for (to, point) in self.support.iter().enumerate() {
                self.cost.cost_row(*point, &part.points, &mut part.costs);
                for (from, &value) in part.costs.iter().enumerate() {
                    if !value.is_finite() {
                        return Err(Error::CostNotFinite { from, to, value });
                    }
                    largest = largest.max(value);
                }
            }
        }
        Ok(largest)
    }

    /// Looks at all costs: the barycentre of the present potentials, what of the plans matters, and the lower bound that
    /// the potentials prove.
    fn look(&mut self) -> f64 {
        let (support, cost, unit, epsilon) = (self.support, self.cost, self.unit, self.epsilon);
        let lower = self.look_once();
        let (energies, logs) = (&self.energies, &self.log_energies);
        let lost =
            self.parts.iter_mut().map(|part| part.reattach(support, energies, logs, &cost, unit, epsilon));
        if lost.fold(false, |any, lost| any | lost) { self.look_once() } else { lower }
    }

    fn look_once(&mut self) -> f64 {
        let (support, cost, unit, epsilon) = (self.support, self.cost, self.unit, self.epsilon);
        for_each(&mut self.parts, |part| part.look(support, &cost, unit, epsilon));
        let cells = 0..self.energies.len();
        let mean = |of: fn(&Part) -> &[f64], cell: usize| -> f64 {
            self.parts.iter().map(|part| part.weight * of(part)[cell]).sum()
        };
        let logs: Vec<f64> = cells.clone().map(|cell| -mean(|part| &part.soft, cell) / epsilon).collect();
        let least = cells.map(|cell| mean(|part| &part.least, cell)).fold(f64::INFINITY, f64::min);
        let carried = self.parts.iter().map(|part| {
            let products = part.shares.iter().zip(&part.potentials).map(|(share, v)| share * v);
            part.weight * compensated::sum(products)
        });
        let lower = compensated::sum(carried) + least;
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| (log - most).exp()).sum();
        for ((energy, log_energy), log) in self.energies.iter_mut().zip(&mut self.log_energies).zip(logs) {
            *log_energy = log - most - sum.ln();
            *energy = log_energy.exp();
        }
        lower
    }

    /// Iterates at the present epsilon until the marginals agree to `tolerance`; returns the number of iterations.
    fn stage(&mut self, tolerance: f64, allowed: usize) -> usize {
        let mut iterations = 0;
        while iterations < allowed {
            self.look();
            let fullest = self.energies.iter().copied().fold(0.0, f64::max);
            for part in &mut self.parts {
                part.scale.copy_from_slice(&self.energies);
                part.scale
                    .iter_mut()
                    .filter(|scale| **scale < EMPTY * fullest)
                    .for_each(|scale| *scale = 0.0);
                part.factors.fill(1.0);
            }
            // A plain one first, which alone may end the stage: what it leaves behind is exact on one side.
            let (first, mut moved) = self.iterate(1.0);
            iterations += 1;
            let mut error = first;
            let last = allowed.min(iterations + FRESH);
            while iterations < last && error >= tolerance && moved <= STALE {
                (error, moved) = self.iterate(RELAXATION);
                iterations += 1;
            }
            for part in &mut self.parts {
                for (potential, factor) in part.potentials.iter_mut().zip(&part.factors) {
                    *potential += self.epsilon * factor.ln();
                }
            }
            if first < tolerance {
                break;
            }
        }
        iterations
    }

    /// One projection on each marginal: (share of the energy by which they were off, largest move of a potential).
    fn iterate(&mut self, relaxation: f64) -> (f64, f64) {
        for_each(&mut self.parts, |part| part.serve(relaxation));
        for cell in 0..self.energies.len() {
            // A cell that is left out is left out for all.
            self.energies[cell] = if self.parts[0].scale[cell] > 0.0 {
                self.parts.iter().map(|part| part.weight * part.soft[cell]).sum::<f64>().exp()
            } else {
                0.0
            };
        }
        let energies = &self.energies;
        for_each(&mut self.parts, |part| part.agree(energies, relaxation));
        let error = self.parts.iter().map(|part| part.weight * part.error).sum();
        (error, self.parts.iter().map(|part| part.moved).fold(0.0, f64::max))
    }
}

/// Does the same to all parts, on all threads with the feature `rayon`.
fn for_each(parts: &mut [Part], work: impl Fn(&mut Part) + Sync + Send) {
    #[cfg(feature = "rayon")]
    parts.par_iter_mut().for_each(work);
    #[cfg(not(feature = "rayon"))]
    parts.iter_mut().for_each(work);
}
