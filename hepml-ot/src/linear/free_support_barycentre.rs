//! Barycentres of events whose particles find their own places.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

use hepml_core::Error as CoreError;

use crate::compensated;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::exact::{Emd, EmdConfig, Transport};
use crate::ground_cost::{AngularCost, GroundCost};
use crate::linear::barycentre::checked_weights;

/// The parameters of a [`FreeSupportBarycentre`]: azimuth not periodic, until an iteration gains less than 1e-6 of the value, at
/// most 1000 iterations, unless set otherwise.
///
/// ```
/// use hepml_ot::FreeSupportBarycentreConfig;
///
/// let search = FreeSupportBarycentreConfig::new().tolerance(1e-9).build()?;
/// assert!(FreeSupportBarycentreConfig::new().tolerance(-1.0).build().is_err());
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FreeSupportBarycentreConfig {
    periodic_phi: bool,
    tolerance: f64,
    max_iterations: usize,
}

impl Default for FreeSupportBarycentreConfig {
    fn default() -> Self {
        Self { periodic_phi: false, tolerance: 1e-6, max_iterations: 1000 }
    }
}

impl FreeSupportBarycentreConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether azimuths are differences around a circle.
    #[must_use]
    pub fn periodic_phi(mut self, periodic_phi: bool) -> Self {
        self.periodic_phi = periodic_phi;
        self
    }

    /// The gain of an iteration, as a fraction of the value, at or below which the search ends; 0 is allowed.
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
    /// A tolerance that is negative or not finite.
    pub fn build(self) -> Result<FreeSupportBarycentre> {
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            let error = CoreError::out_of_range("tolerance", self.tolerance, "zero or positive, and finite");
            return Err(error.into());
        }
        let emd = EmdConfig::new().beta(2.0).normalise(true).periodic_phi(self.periodic_phi).build()?;
        let square = AngularCost::new(1.0, 2.0, self.periodic_phi)?;
        Ok(FreeSupportBarycentre { config: self, emd, square })
    }
}

/// The search for points at which given energies are nearest on average to a set of events.
///
/// It lowers sum_s lambda_s W2²(a, b_s), W2² being the normalised EMD with beta = 2 and R = 1, by moving the points x_k of an
/// event whose energies a_k stay (arXiv:1310.4375): each point moves to the mean, over the events and their exact optimal plans, of where
/// its energy goes. No iteration raises the value, but the end is a local minimum that depends on the start: begin
/// with the event that is nearest to the others, or from several. [`FixedSupportBarycentre`](crate::FixedSupportBarycentre)
/// has a proof of how good it is, and a grid.
///
/// ```
/// use hepml_ot::{EnergyFlow, FreeSupportBarycentreConfig};
///
/// let left = EnergyFlow::from_rows(&[[1.0, -0.5, 0.0], [1.0, -0.5, 0.25]])?;
/// let right = EnergyFlow::from_rows(&[[2.0, 0.5, 0.0], [2.0, 0.5, 0.25]])?;
/// let barycentre = FreeSupportBarycentreConfig::new().build()?.find(&[left.clone(), right], &[3.0, 1.0], &left)?;
/// assert_eq!(barycentre.event.points(), [[-0.25, 0.0], [-0.25, 0.25]]);
/// assert!((barycentre.value - (0.75 * 0.25_f64.powi(2) + 0.25 * 0.75_f64.powi(2))).abs() < 1e-14);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FreeSupportBarycentre {
    config: FreeSupportBarycentreConfig,
    emd: Emd,
    square: AngularCost,
}

/// An event whose points have been moved to be nearest on average to a set of events.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FreeBarycentre {
    /// The barycentre; its energies add up to 1.
    pub event: EnergyFlow,
    /// sum_s lambda_s W2²(barycentre, event s), exact.
    pub value: f64,
    /// By how much the last iteration lowered the value (infinite if there was none): no bound of the distance to a minimum.
    pub gain: f64,
    /// W2² of the barycentre to each event.
    pub distances: Vec<f64>,
    /// The iterations made.
    pub iterations: usize,
    /// Whether the gain is as small as was asked for.
    pub converged: bool,
}

impl FreeSupportBarycentre {
    /// The barycentre of `events` with the weights lambda_s >= 0 `weights`, which are divided by their sum, of the shape that
    /// the energies of `start` give it, from its points; on all threads with the feature `rayon`.
    ///
    /// # Errors
    /// No events; another number of weights than events; weights that are negative or not finite, or all 0; an event or a start
    /// without energy; [`Error::CostNotFinite`] for a cost that overflows; [`Error::NotConverged`], [`Error::NotCertified`] if
    /// the solver of the transport problems fails.
    pub fn find(&self, events: &[EnergyFlow], weights: &[f64], start: &EnergyFlow) -> Result<FreeBarycentre> {
        let weights = checked_weights(events, weights)?;
        let total = start.total_energy();
        if total == 0.0 {
            return Err(CoreError::out_of_range("total energy of the start", 0.0, "positive").into());
        }
        let shares: Vec<f64> = start.energies().iter().map(|energy| energy / total).collect();
        let mut event = EnergyFlow::new(shares, start.points())?;
        let mut last = f64::INFINITY;
        let mut iterations = 0;
        loop {
            let plans = self.plans(&event, events)?;
            let distances: Vec<f64> = plans.iter().map(|plan| plan.value).collect();
            let value = compensated::sum(distances.iter().zip(&weights).map(|(distance, w)| distance * w));
            // Without bound before the first iteration, when nothing has been gained yet.
            let gain = last - value;
            let converged = gain <= self.config.tolerance * value;
            if converged || iterations >= self.config.max_iterations {
                return Ok(FreeBarycentre { event, value, gain, distances, iterations, converged });
            }
            event = self.moved(&event, events, &weights, &plans)?;
            last = value;
            iterations += 1;
        }
    }

    fn plans(&self, event: &EnergyFlow, events: &[EnergyFlow]) -> Result<Vec<Transport>> {
        // Into a `Result` in order: collected in parallel, any event's error could come out, not the first one's.
        #[cfg(feature = "rayon")]
        let plans: Vec<_> = events.par_iter().map(|other| self.emd.solve(event, other)).collect();
        #[cfg(not(feature = "rayon"))]
        let plans: Vec<_> = events.iter().map(|other| self.emd.solve(event, other)).collect();
        plans.into_iter().collect()
    }

    /// Each point at the mean of where its energy goes.
    fn moved(
        &self,
        event: &EnergyFlow,
        events: &[EnergyFlow],
        weights: &[f64],
        plans: &[Transport],
    ) -> Result<EnergyFlow> {
        let mut ways = vec![[0.0; 2]; event.len()];
        for ((other, weight), plan) in events.iter().zip(weights).zip(plans) {
            for flow in &plan.flows {
                let ends = (event.points()[flow.from], other.points()[flow.to]);
                // theta² grows by twice the difference, the shorter way round if there are two.
                let growth = self.square.cost_gradient(ends.0, ends.1).ok_or(Error::NoCostGradient)?;
                let share = weight * (flow.amount / event.energies()[flow.from]);
                for axis in 0..2 {
                    ways[flow.from][axis] -= 0.5 * share * growth[axis];
                }
            }
        }
        let points: Vec<[f64; 2]> =
            event.points().iter().zip(&ways).map(|(x, way)| [x[0] + way[0], x[1] + way[1]]).collect();
        EnergyFlow::new(event.energies(), points)
    }
}
