//! The debiased Sinkhorn divergence.

use crate::compensated;
use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::entropic::entropic_emd::EntropicEmd;
use crate::entropic::entropic_gradient::{self, EntropicGradient};
use crate::entropic::sinkhorn::Sinkhorn;
use crate::entropic::sinkhorn_workspace::{SinkhornWorkspace, Solved};
use crate::error::{Error, Result};
use crate::ground_cost::{AngularCost, GroundCost};

/// Costs from one particle to another and back may differ by this fraction of the largest: rounding does.
pub(crate) const ASYMMETRY: f64 = 1e-12;

/// S_eps(a, b) = OT_eps(a, b) - OT_eps(a, a)/2 - OT_eps(b, b)/2 + eps/(2M) (m_a - m_b)² with [`EntropicEmd`]'s OT_eps.
///
/// Without the bias of entropy: 0 between an event and itself (arXiv:1810.08278). The last term is there if marginals are
/// relaxed (arXiv:1910.12958, eps/2 (m_a - m_b)² for M = 1); balanced, energies are divided by their sum and the value is
/// between shapes of events.
///
/// For eps -> 0 it tends to the exact optimum (balanced, the normalised [`Emd`](crate::Emd)'s value); balanced, for eps -> infinity to
/// half of the [`Mmd`](crate::Mmd) of the kernel -c: <a ⊗ b, c> - <a ⊗ a, c>/2 - <b ⊗ b, c>/2.
///
/// Where exp(-c/eps) is a positive kernel (c = theta^beta in the plane, not periodic, with 0 < beta <= 2), S_eps >= 0, and 0
/// only between equal events (equal up to particles without energy and collinear splittings; balanced, up to a common
/// factor), also unbalanced. Elsewhere (a periodic azimuth, beta > 2, costs of your own) it can be negative. It is symmetric
/// and smooth in the events, but *not* a metric: the triangle inequality fails, at any power, for which the theory makes no promise;
/// so [`metric`](Divergence::metric) is the value itself. Values are known to about the residual times the largest cost, and
/// a value of 0 comes out as such a number, of either sign.
///
/// The terms of an event with itself are computed once, by [`prepare`](Divergence::prepare).
///
/// ```
/// use hepml_ot::{AngularCost, Divergence, EnergyFlow, Sinkhorn, SinkhornDivergence};
///
/// let divergence = SinkhornDivergence::new(Sinkhorn::default(), AngularCost::new(1.0, 2.0, false)?);
/// let a = EnergyFlow::from_rows(&[[2.0, 0.0, 0.0], [1.0, 0.3, 0.1]])?;
/// let b = EnergyFlow::from_rows(&[[2.0, 0.5, 0.0], [1.0, 0.8, 0.1]])?;
/// assert!(divergence.value(&a, &a)?.abs() < 1e-12);
/// // For beta = 2 a translation costs its square, whatever epsilon.
/// assert!((divergence.value(&a, &b)? - 0.25).abs() < 1e-9);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SinkhornDivergence<G = AngularCost> {
    transport: EntropicEmd<G>,
}

/// An event with its own term of the [`SinkhornDivergence`].
#[derive(Debug, Clone)]
pub struct PreparedSinkhorn<'a> {
    flow: &'a EnergyFlow,
    /// What each particle contributes to half of the term, per unit of its energy.
    halves: Vec<f64>,
    /// The rest of half of the term: -eps/2 times the total of the plan.
    rest: f64,
}

impl<G: GroundCost> SinkhornDivergence<G> {
    /// S_eps solved by `sinkhorn` with the ground cost `cost`, which must be symmetric.
    pub fn new(sinkhorn: Sinkhorn, cost: G) -> Self {
        Self { transport: EntropicEmd::new(sinkhorn, cost) }
    }

    /// OT_eps, of which it is made.
    pub fn transport(&self) -> &EntropicEmd<G> {
        &self.transport
    }

    /// S_eps(a, b) and its derivatives by the energies and points of both events.
    ///
    /// As for [`EntropicEmd::gradient`], with the potentials and plans of the events' own terms subtracted: between an event and
    /// itself they are 0.
    ///
    /// # Errors
    /// [`Error::NoCostGradient`] for a ground cost that does not know its derivative (a closure); a derivative that is not
    /// finite, naming the particle; as [`value`](Divergence::value).
    pub fn gradient(&self, a: &EnergyFlow, b: &EnergyFlow) -> Result<EntropicGradient> {
        let workspace = &mut SinkhornWorkspace::new();
        let (prepared_a, prepared_b) = (self.prepare(a)?, self.prepare(b)?);
        let cost = self.transport.ground_cost();
        let between =
            |a: &EnergyFlow, b: &EnergyFlow, i: usize, j: usize| cost.cost(a.points()[i], b.points()[j]);
        let solved = self.transport.solve_in(workspace, a, b)?;
        let value = solved.converged(self.difference(workspace, &solved, &prepared_a, &prepared_b))?;
        let [f, g] = workspace.potentials(&solved, [a.len(), b.len()], |i, j| between(a, b, i, j))?;
        let mut gradient = EntropicGradient::new(value, vec![0.0; a.len()], vec![0.0; b.len()]);
        gradient.add_plan(workspace, &solved, cost, [a.points(), b.points()], [1.0, 1.0])?;
        for (event, is_first) in [(a, true), (b, false)] {
            let solved = self.transport.solve_symmetric_in(workspace, event)?;
            solved.converged(solved.value())?;
            let [own_f, own_g] =
                workspace.potentials(&solved, [event.len(); 2], |i, j| between(event, event, i, j))?;
            let own = own_f.iter().zip(&own_g).map(|(f, g)| 0.5 * (f + g));
            let slopes: Vec<f64> = own
                .zip(if is_first { &f } else { &g })
                .map(|(own, cross)| match self.transport.sinkhorn().relaxation() {
                    None => cross - own,
                    Some(rho) => self.transport.slope(rho, *cross) - self.transport.slope(rho, own),
                })
                .collect();
            let balanced = self.transport.sinkhorn().relaxation().is_none();
            let slopes = if balanced { entropic_gradient::of_shares(event, &slopes) } else { slopes };
            // Both sides of the plan move with the event, each with half of the term.
            let mut own = EntropicGradient::new(0.0, slopes, vec![0.0; event.len()]);
            own.add_plan(workspace, &solved, cost, [event.points(); 2], [-0.5, -0.5])?;
            let into = if is_first { &mut gradient.first } else { &mut gradient.second };
            into.energies = own.first.energies;
            for (into, (from, to)) in
                into.points.iter_mut().zip(own.first.points.iter().zip(&own.second.points))
            {
                *into = [into[0] + from[0] + to[0], into[1] + from[1] + to[1]];
            }
        }
        gradient.checked()
    }

    /// The value from the potentials in the workspace and those of the events' own terms, particle by particle: what is
    /// subtracted nearly cancels.
    fn difference(
        &self,
        workspace: &SinkhornWorkspace,
        solved: &Solved,
        a: &PreparedSinkhorn<'_>,
        b: &PreparedSinkhorn<'_>,
    ) -> f64 {
        let ([of_a, of_b], rest) = workspace.contributions(solved, [a.flow.len(), b.flow.len()]);
        let balanced = self.transport.sinkhorn().relaxation().is_none();
        let terms = [(a, of_a), (b, of_b)].into_iter().flat_map(|(event, cross)| {
            let unit = if balanced { event.flow.total_energy() } else { 1.0 };
            let term = move |((cross, own), energy): ((f64, &f64), &f64)| energy / unit * (cross - own);
            cross.into_iter().zip(&event.halves).zip(event.flow.energies()).map(term)
        });
        compensated::sum(terms.chain([rest - a.rest - b.rest]))
    }
}

impl<G: GroundCost> Divergence for SinkhornDivergence<G> {
    type Event = EnergyFlow;
    type Prepared<'a>
        = PreparedSinkhorn<'a>
    where
        Self: 'a;
    type Workspace = SinkhornWorkspace;

    /// Computes the event's own term.
    ///
    /// # Errors
    /// [`Error::CostNotSymmetric`]; as [`prepared_value`](Self::prepared_value), but for [`Error::NoEnergy`].
    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<PreparedSinkhorn<'a>> {
        let mut prepared = PreparedSinkhorn { flow: event, halves: vec![0.0; event.len()], rest: 0.0 };
        if event.total_energy() == 0.0 {
            // An empty event has no term; balanced, it is known only later which of the two it is.
            return Ok(prepared);
        }
        let workspace = &mut SinkhornWorkspace::new();
        let solved = self.transport.solve_symmetric_in(workspace, event)?;
        solved.converged(solved.value())?;
        if let Some((from, to)) = workspace.asymmetric_cost(ASYMMETRY) {
            return Err(Error::CostNotSymmetric { from, to });
        }
        let ([first, second], rest) = workspace.contributions(&solved, [event.len(); 2]);
        prepared.halves = first.iter().zip(&second).map(|(f, g)| 0.5 * (f + g)).collect();
        prepared.rest = 0.5 * rest;
        Ok(prepared)
    }

    /// S_eps(a, b).
    ///
    /// # Errors
    /// [`Error::NoEnergy`] for an event without energy if balanced; [`Error::CostNotFinite`]; [`Error::SinkhornNotConverged`] with
    /// the value and the residual there are; an epsilon that is too small, [`Error::ValueOverflows`] as [`Sinkhorn::solve`].
    fn prepared_value(
        &self,
        workspace: &mut SinkhornWorkspace,
        a: &PreparedSinkhorn<'_>,
        b: &PreparedSinkhorn<'_>,
    ) -> Result<f64> {
        let solved = self.transport.solve_in(workspace, a.flow, b.flow)?;
        solved.converged(self.difference(workspace, &solved, a, b))
    }
}
