//! The Hellinger-Kantorovich distance.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

use hepml_core::{EventMetric, ParticleSet, ParticleSets};

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::exact::Flow;
use crate::ground_cost::{AngularCost, GroundCost};
use crate::linear::soft_marginal::SoftMarginal;

/// The parameters of a [`HellingerKantorovich`] distance: kappa = 1, azimuth not periodic, unless set otherwise.
///
/// ```
/// use hepml_ot::HellingerKantorovichConfig;
///
/// let distance = HellingerKantorovichConfig::new().kappa(0.5).build()?;
/// assert_eq!(distance.kappa(), 0.5);
/// assert!(HellingerKantorovichConfig::new().kappa(0.0).build().is_err());
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HellingerKantorovichConfig {
    kappa: f64,
    periodic_phi: bool,
    max_steps: Option<usize>,
}

impl Default for HellingerKantorovichConfig {
    fn default() -> Self {
        Self { kappa: 1.0, periodic_phi: false, max_steps: None }
    }
}

impl HellingerKantorovichConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The length scale kappa: energy moves at most pi kappa / 2, and is rather destroyed and created beyond.
    #[must_use]
    pub fn kappa(mut self, kappa: f64) -> Self {
        self.kappa = kappa;
        self
    }

    /// Whether azimuths are differences around a circle.
    #[must_use]
    pub fn periodic_phi(mut self, periodic_phi: bool) -> Self {
        self.periodic_phi = periodic_phi;
        self
    }

    /// The steps after which a pair is given up with [`Error::NotConverged`]; by default 1000 + 100 (n + m) for n and m
    /// particles.
    #[must_use]
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.max_steps = Some(steps);
        self
    }

    /// The distance with these parameters.
    ///
    /// # Errors
    /// A kappa that is not positive and finite.
    pub fn build(self) -> Result<HellingerKantorovich> {
        if !(self.kappa > 0.0 && self.kappa.is_finite()) {
            let error =
                hepml_core::Error::out_of_range("length scale kappa", self.kappa, "positive and finite");
            return Err(error.into());
        }
        let angle = AngularCost::new(self.kappa, 1.0, self.periodic_phi)?;
        Ok(HellingerKantorovich { angle, max_steps: self.max_steps })
    }
}

/// The Hellinger-Kantorovich distance between events of any total energy, exact.
///
/// HK² = kappa² min_f [sum_ij f_ij c_ij + KL(sum_j f_ij | E_i) + KL(sum_i f_ij | E'_j)] with c_ij = -2 ln cos(theta_ij/kappa), infinite
/// from theta = pi kappa / 2 on, and KL(p | q) = sum p ln(p/q) - p + q (arXiv:1508.07941; arXiv:2102.08807;
/// for collider events arXiv:2111.03670). Energy is moved over short and destroyed and created over long distances: between
/// single particles HK² = kappa² [E + E' - 2 √(E E') cos(min(theta/kappa, pi/2))].
///
/// [`value`](Divergence::value) is HK², in units of energy times angle²; [`metric`](Divergence::metric) is HK, a metric on all
/// events without restriction. For kappa -> infinity HK² between events of the same total energy tends to theirs of optimal
/// transport with the cost theta², between others to infinity; for kappa -> 0, HK²/kappa² to the squared Hellinger distance.
///
/// Solved by an active-set method that ends at the exact optimum, with a duality gap that proves it (up to rounding), or an error.
/// Energies that are wrong by a rounding change HK² by some 1e-32 kappa² of them: from a kappa of some 1e14 times the size of the events
/// on, nothing is left of it, as the [`gap`](SoftTransport::gap) tells.
///
/// ```
/// use hepml_ot::{Divergence, EnergyFlow, HellingerKantorovichConfig};
///
/// let distance = HellingerKantorovichConfig::new().kappa(0.5).build()?;
/// let a = EnergyFlow::from_rows(&[[4.0, 0.0, 0.0]])?;
/// let b = EnergyFlow::from_rows(&[[9.0, 0.3, 0.0]])?;
/// let expected = 0.25 * (4.0 + 9.0 - 2.0 * 6.0 * 0.6_f64.cos());
/// assert!((distance.value(&a, &b)? - expected).abs() < 1e-13);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HellingerKantorovich {
    /// theta/kappa.
    angle: AngularCost,
    max_steps: Option<usize>,
}

/// The solution of a [`HellingerKantorovich`] problem.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SoftTransport {
    /// HK².
    pub value: f64,
    /// How much the value may exceed the minimum: the cost of the plan less what feasible potentials prove.
    pub gap: f64,
    /// The steps of the solver.
    pub steps: usize,
    /// What is moved, by `from`, then `to`.
    pub flows: Vec<Flow>,
    /// For each particle of the first event, the energy that is moved from it over its energy; 0 where it is destroyed.
    pub sent: Vec<f64>,
    /// For each particle of the second event, the energy that is moved to it over its energy; 0 where it is created.
    ///
    /// Between all particles with energy `sent[i] * received[j]` >= cos²(min(theta_ij/kappa, pi/2)), with equality where
    /// energy flows.
    pub received: Vec<f64>,
}

/// The memory of a [`HellingerKantorovich`] computation, to be reused from pair to pair.
#[derive(Debug, Clone, Default)]
pub struct SoftWorkspace {
    solver: SoftMarginal,
}

/// An event with what [`HellingerKantorovich`] computes of it alone.
#[derive(Debug, Clone)]
pub struct PreparedSoftFlow<'a> {
    flow: &'a EnergyFlow,
    /// The particles with energy and their shares in the total.
    massive: Vec<usize>,
    shares: Vec<f64>,
}

impl HellingerKantorovich {
    /// kappa.
    pub fn kappa(&self) -> f64 {
        self.angle.radius()
    }

    /// HK² with the plan, the densities of its marginals, and the duality gap.
    ///
    /// # Errors
    /// As [`value`](Divergence::value).
    pub fn solve(&self, a: &EnergyFlow, b: &EnergyFlow) -> Result<SoftTransport> {
        self.solve_in(&mut SoftWorkspace::default(), &self.prepare(a)?, &self.prepare(b)?)
    }

    pub(crate) fn solve_in(
        &self,
        workspace: &mut SoftWorkspace,
        a: &PreparedSoftFlow<'_>,
        b: &PreparedSoftFlow<'_>,
    ) -> Result<SoftTransport> {
        let cost = |i: usize, j: usize| {
            let (from, to) = (a.flow.points()[a.massive[i]], b.flow.points()[b.massive[j]]);
            soft_cost(self.angle.cost(from, to))
        };
        let plan = workspace.solver.solve(&a.shares, &b.shares, cost, self.max_steps)?;
        let (total_a, total_b) = (a.flow.total_energy(), b.flow.total_energy());
        let (root_a, root_b) = (total_a.sqrt(), total_b.sqrt());
        // With shares in the place of energies, all flows are in units of the geometric mean of the totals.
        let (kappa, mean) = (self.kappa(), root_a * root_b);
        let difference = root_a - root_b;
        let mut transport = SoftTransport {
            value: kappa * kappa * (difference * difference + mean * plan.value),
            gap: kappa * kappa * mean * plan.gap,
            steps: plan.steps,
            flows: Vec::with_capacity(plan.flows.len()),
            sent: vec![0.0; a.flow.len()],
            received: vec![0.0; b.flow.len()],
        };
        if !transport.value.is_finite() {
            return Err(Error::ValueOverflows);
        }
        for (i, j, share) in plan.flows {
            let amount = share * mean;
            transport.flows.push(Flow { from: a.massive[i], to: b.massive[j], amount });
        }
        for (&i, density) in a.massive.iter().zip(plan.sent) {
            transport.sent[i] = density * (root_b / root_a);
        }
        for (&j, density) in b.massive.iter().zip(plan.received) {
            transport.received[j] = density * (root_a / root_b);
        }
        Ok(transport)
    }
}

/// -2 ln cos of an angle, infinite from a right angle on.
fn soft_cost(angle: f64) -> f64 {
    if angle >= FRAC_PI_2 {
        f64::INFINITY
    } else if angle > FRAC_PI_4 {
        -2.0 * angle.cos().ln()
    } else {
        let sine = angle.sin();
        -(-sine * sine).ln_1p()
    }
}

impl Divergence for HellingerKantorovich {
    type Event = EnergyFlow;
    type Prepared<'a> = PreparedSoftFlow<'a>;
    type Workspace = SoftWorkspace;

    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<PreparedSoftFlow<'a>> {
        let total = event.total_energy();
        let shares = event.energies().iter().map(|energy| energy / total).enumerate();
        // A share that underflows is no more than a rounding error of the total.
        let (massive, shares) = shares.filter(|(_, share)| *share > 0.0).unzip();
        Ok(PreparedSoftFlow { flow: event, massive, shares })
    }

    /// HK².
    ///
    /// # Errors
    /// [`Error::NotConverged`], [`Error::NotCertified`] if the solver fails; [`Error::ValueOverflows`].
    fn prepared_value(
        &self,
        workspace: &mut SoftWorkspace,
        a: &PreparedSoftFlow<'_>,
        b: &PreparedSoftFlow<'_>,
    ) -> Result<f64> {
        Ok(self.solve_in(workspace, a, b)?.value)
    }

    /// 1/2.
    fn exponent(&self) -> f64 {
        0.5
    }

    /// kappa² (√E - √E')² for the total energies E and E'.
    fn lower_bound(&self, a: &PreparedSoftFlow<'_>, b: &PreparedSoftFlow<'_>) -> f64 {
        let difference = self.kappa() * (a.flow.total_energy().sqrt() - b.flow.total_energy().sqrt());
        difference * difference
    }
}

impl EventMetric<ParticleSets> for HellingerKantorovich {
    /// HK of the events' transverse momenta at their rapidities and azimuths.
    fn distance(&self, a: ParticleSet<'_>, b: ParticleSet<'_>) -> hepml_core::Result<f64> {
        Ok(self.metric(&EnergyFlow::from_particles(a)?, &EnergyFlow::from_particles(b)?)?)
    }
}
