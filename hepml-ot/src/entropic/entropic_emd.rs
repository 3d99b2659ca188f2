//! The Energy Mover's Distance smoothed by entropy.

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::entropic::entropic_gradient::{self, EntropicGradient};
use crate::entropic::entropic_transport::EntropicTransport;
use crate::entropic::sinkhorn::Sinkhorn;
use crate::entropic::sinkhorn_workspace::{Masses, SinkhornWorkspace, Solved};
use crate::error::{Error, Result};
use crate::ground_cost::{AngularCost, GroundCost};

/// OT_eps between two events, with the cost (theta/R)^beta or another [`GroundCost`].
///
/// Balanced, each event's energies are divided by their sum, and the value tends to the normalised [`Emd`](crate::Emd) as
/// eps -> 0, from above: by at most eps times the smaller of the entropies -sum z ln z of the two events. Unbalanced
/// ([`SinkhornConfig::relaxation`](crate::SinkhornConfig::relaxation)), the energies are taken as they are, in units of
/// the [`mass_unit`](crate::SinkhornConfig::mass_unit). [`Sinkhorn`] states both problems.
///
/// It is not a distance: not 0 between an event and itself. [`SinkhornDivergence`](crate::SinkhornDivergence) is.
///
/// ```
/// use hepml_ot::{AngularCost, Divergence, EnergyFlow, EntropicEmd, Sinkhorn};
///
/// let emd = EntropicEmd::new(Sinkhorn::default(), AngularCost::new(1.0, 1.0, false)?);
/// let a = EnergyFlow::from_rows(&[[2.0, 0.0, 0.0]])?;
/// let b = EnergyFlow::from_rows(&[[1.0, 0.5, 0.0], [1.0, 0.0, 0.25]])?;
/// // A single particle leaves no choice of a plan.
/// assert!((emd.value(&a, &b)? - 0.375).abs() < 1e-15);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EntropicEmd<G = AngularCost> {
    sinkhorn: Sinkhorn,
    cost: G,
}

impl<G: GroundCost> EntropicEmd<G> {
    /// OT_eps solved by `sinkhorn` with the ground cost `cost`.
    pub fn new(sinkhorn: Sinkhorn, cost: G) -> Self {
        Self { sinkhorn, cost }
    }

    /// The algorithm and its parameters.
    pub fn sinkhorn(&self) -> &Sinkhorn {
        &self.sinkhorn
    }

    /// The cost of moving a unit of energy.
    pub fn ground_cost(&self) -> &G {
        &self.cost
    }

    /// OT_eps(a, b) with plan, potentials and residual; in units of the total energies if balanced.
    ///
    /// An iteration that has not converged is not an error here: see [`EntropicTransport::converged`].
    ///
    /// # Errors
    /// As [`value`](Divergence::value), but for [`Error::SinkhornNotConverged`]; [`Error::CostNotFinite`] also for particles without
    /// energy.
    pub fn solve(&self, a: &EnergyFlow, b: &EnergyFlow) -> Result<EntropicTransport> {
        let workspace = &mut SinkhornWorkspace::new();
        let solved = self.solve_in(workspace, a, b)?;
        workspace
            .transport(&solved, [masses(a), masses(b)], |i, j| self.cost.cost(a.points()[i], b.points()[j]))
    }

    /// OT_eps(a, b) and its derivatives by the energies and points of both events.
    ///
    /// By the envelope theorem they follow from the potentials f and the plan pi: by the energy of particle i of
    /// the first event (f_i - sum_k E_k f_k / E) / E balanced, with the total energy E, and rho - (rho + eps) exp(-f_i/rho) +
    /// eps m_b / M unbalanced; by its point, sum_j pi_ij ∂c(x_i, x'_j)/∂x_i. At a residual r they are off by about r times
    /// (max c)²/eps (energies) and (max c/eps) |∂c/∂x| (points).
    ///
    /// # Errors
    /// [`Error::NoCostGradient`] for a ground cost that does not know its derivative (a closure); a derivative that is not
    /// finite, naming the particle; as [`value`](Divergence::value).
    pub fn gradient(&self, a: &EnergyFlow, b: &EnergyFlow) -> Result<EntropicGradient> {
        let workspace = &mut SinkhornWorkspace::new();
        let solved = self.solve_in(workspace, a, b)?;
        let value = solved.converged(solved.value())?;
        let [f, g] = workspace
            .potentials(&solved, [a.len(), b.len()], |i, j| self.cost.cost(a.points()[i], b.points()[j]))?;
        let by_energy = |flow: &EnergyFlow, other: &EnergyFlow, potentials: &[f64]| {
            let constant = self.sinkhorn.epsilon() * (other.total_energy() / self.sinkhorn.mass_unit());
            let slopes: Vec<f64> = match self.sinkhorn.relaxation() {
                None => potentials.to_vec(),
                Some(rho) => potentials.iter().map(|f| self.slope(rho, *f) + constant).collect(),
            };
            if self.sinkhorn.relaxation().is_none() {
                entropic_gradient::of_shares(flow, &slopes)
            } else {
                slopes
            }
        };
        let mut gradient = EntropicGradient::new(value, by_energy(a, b, &f), by_energy(b, a, &g));
        gradient.add_plan(workspace, &solved, &self.cost, [a.points(), b.points()], [1.0, 1.0])?;
        gradient.checked()
    }

    /// The derivative of the dual value, but for its constant, by a mass of potential f, all of whose terms depend on it.
    pub(crate) fn slope(&self, rho: f64, f: f64) -> f64 {
        // rho - (rho + eps) exp(-f/rho), without the difference of large numbers.
        let epsilon = self.sinkhorn.epsilon();
        -(rho + epsilon) * (-f / rho).exp_m1() - epsilon
    }

    /// Leaves the potentials in the workspace.
    pub(crate) fn solve_in(
        &self,
        workspace: &mut SinkhornWorkspace,
        a: &EnergyFlow,
        b: &EnergyFlow,
    ) -> Result<Solved> {
        let unit = self.checked_unit(a, b)?;
        self.run(workspace, a, b, |workspace, sinkhorn, cost_row| {
            workspace.solve([masses(a), masses(b)], sinkhorn, unit, cost_row)
        })
    }

    /// The same for an event with itself.
    pub(crate) fn solve_symmetric_in(
        &self,
        workspace: &mut SinkhornWorkspace,
        a: &EnergyFlow,
    ) -> Result<Solved> {
        let unit = self.checked_unit(a, a)?;
        self.run(workspace, a, a, |workspace, sinkhorn, cost_row| {
            workspace.solve_symmetric(masses(a), sinkhorn, unit, cost_row)
        })
    }

    /// The mass that counts as 1 in the value.
    fn checked_unit(&self, a: &EnergyFlow, b: &EnergyFlow) -> Result<f64> {
        if self.sinkhorn.relaxation().is_some() {
            return Ok(self.sinkhorn.mass_unit());
        }
        for (flow, event) in [(a, "first"), (b, "second")] {
            if flow.total_energy() == 0.0 {
                return Err(Error::NoEnergy { event });
            }
        }
        Ok(1.0)
    }

    fn run(
        &self,
        workspace: &mut SinkhornWorkspace,
        a: &EnergyFlow,
        b: &EnergyFlow,
        solve: impl FnOnce(
            &mut SinkhornWorkspace,
            &Sinkhorn,
            &mut dyn FnMut(usize, &[usize], &mut [f64]),
        ) -> Result<Solved>,
    ) -> Result<Solved> {
        let mut points = std::mem::take(&mut workspace.points);
        points.clear();
        let solved = solve(workspace, &self.sinkhorn, &mut |from, to, costs| {
            if points.is_empty() {
                points.extend(to.iter().map(|&j| b.points()[j]));
            }
            self.cost.cost_row(a.points()[from], &points, costs);
        });
        workspace.points = points;
        solved
    }
}

pub(crate) fn masses(flow: &EnergyFlow) -> Masses<'_> {
    Masses { masses: flow.energies(), total: flow.total_energy() }
}

impl<G: GroundCost> Divergence for EntropicEmd<G> {
    type Event = EnergyFlow;
    type Prepared<'a>
        = &'a EnergyFlow
    where
        Self: 'a;
    type Workspace = SinkhornWorkspace;

    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<&'a EnergyFlow> {
        Ok(event)
    }

    /// OT_eps(a, b).
    ///
    /// # Errors
    /// [`Error::NoEnergy`] for an event without energy if balanced; [`Error::CostNotFinite`]; [`Error::SinkhornNotConverged`] with
    /// the value and the residual there are; an epsilon that is too small, [`Error::ValueOverflows`] as [`Sinkhorn::solve`].
    fn prepared_value(
        &self,
        workspace: &mut SinkhornWorkspace,
        a: &&EnergyFlow,
        b: &&EnergyFlow,
    ) -> Result<f64> {
        let solved = self.solve_in(workspace, a, b)?;
        solved.converged(solved.value())
    }
}
