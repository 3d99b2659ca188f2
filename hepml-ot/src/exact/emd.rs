//! The Energy Mover's Distance.

use hepml_core::{EventMetric, ParticleSet, ParticleSets, SimdLevel};

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::exact::bounds::Bounds;
use crate::exact::kernel::Kernel;
use crate::exact::leftover::Leftover;
use crate::exact::prepared_flow::PreparedFlow;
use crate::exact::transport::Transport;
use crate::exact::workspace::{Side, Solved, Workspace};
use crate::ground_cost::{AngularCost, GroundCost};

/// The parameters of an [`Emd`]: R = 1, beta = 1, energies as they are, azimuth not periodic, unless set otherwise.
///
/// ```
/// use hepml_ot::EmdConfig;
///
/// let emd = EmdConfig::new().radius(0.4).beta(2.0).normalise(true).periodic_phi(true).build()?;
/// assert_eq!(emd.ground_cost().radius(), 0.4);
/// assert!(EmdConfig::new().beta(0.0).build().is_err());
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmdConfig {
    radius: f64,
    beta: f64,
    normalise: bool,
    periodic_phi: bool,
    max_pivots: Option<usize>,
    simd: Option<SimdLevel>,
}

impl Default for EmdConfig {
    fn default() -> Self {
        Self { radius: 1.0, beta: 1.0, normalise: false, periodic_phi: false, max_pivots: None, simd: None }
    }
}

impl EmdConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The distance R at which moving a unit of energy costs as much as creating or destroying it.
    #[must_use]
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }

    /// The power beta of the angular distance.
    #[must_use]
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// Whether each event's energies are divided by their sum.
    #[must_use]
    pub fn normalise(mut self, normalise: bool) -> Self {
        self.normalise = normalise;
        self
    }

    /// Whether azimuths are differences around a circle.
    #[must_use]
    pub fn periodic_phi(mut self, periodic_phi: bool) -> Self {
        self.periodic_phi = periodic_phi;
        self
    }

    /// The pivots after which a pair is given up with [`Error::NotConverged`]; by default 10000 + 20 n m for n and m
    /// particles, some hundred times what is needed.
    #[must_use]
    pub fn max_pivots(mut self, pivots: usize) -> Self {
        self.max_pivots = Some(pivots);
        self
    }

    /// The vector instructions to be used; by default the best that the processor has. The numbers do not depend on it.
    #[must_use]
    pub fn simd(mut self, level: SimdLevel) -> Self {
        self.simd = Some(level);
        self
    }

    /// The distance with these parameters.
    ///
    /// # Errors
    /// A radius or a beta that is not positive and finite; [`Error::SimdNotAvailable`].
    pub fn build(self) -> Result<Emd> {
        let cost = AngularCost::new(self.radius, self.beta, self.periodic_phi)?;
        let kernel = self.simd.map_or_else(|| Ok(Kernel::default()), Kernel::new)?;
        Ok(Emd { cost, normalise: self.normalise, max_pivots: self.max_pivots, kernel })
    }
}

/// The Energy Mover's Distance of Komiske, Metodiev and Thaler, exact.
///
/// EMD(E, E') = min_f sum_ij f_ij (theta_ij/R)^beta + |sum_i E_i - sum_j E'_j|, where f_ij >= 0, sum_j f_ij <= E_i,
/// sum_i f_ij <= E'_j, sum_ij f_ij = min(sum_i E_i, sum_j E'_j) (arXiv:1902.02346; arXiv:2004.04159). Normalised, all E_i are
/// divided by their sum first and the second term vanishes. Another [`GroundCost`] stands in the place of (theta/R)^beta
/// if one is given.
///
/// [`value`](Divergence::value) is this quantity: in the unit of the energies, not divided by anything and *not* raised to 1/beta.
/// [`metric`](Divergence::metric) is its power min(1, 1/beta), and it is this that is symmetric, 0 only between equal events
/// (equal up to particles without energy and exactly collinear splittings; if normalised, up to a common factor) and
/// obeys the triangle inequality
/// - if normalised: always;
/// - otherwise: for beta >= 1 if no two particles are further apart than theta = 2R, for beta < 1 if none are further apart than
///   2^(1/beta) R. Beyond, moving is dearer than destroying and creating, so the way through an empty event is a short cut.
///
/// Every value is certified: potentials of the dual problem prove that it is the minimum up to rounding (about 1e-15
/// of the total energy times the largest cost), or the result is an error. See [`Transport`] for the proof itself, and its
/// [`gap`](Transport::gap) where the value is far below that size: nearly equal events and a large beta.
#[derive(Debug, Clone, PartialEq)]
pub struct Emd<G = AngularCost> {
    cost: G,
    normalise: bool,
    max_pivots: Option<usize>,
    kernel: Kernel,
}

impl Default for Emd {
    fn default() -> Self {
        EmdConfig::new().build().expect("the defaults are positive")
    }
}

impl<G: GroundCost> Emd<G> {
    /// The distance with a ground cost of your own, not normalised: a surplus of energy costs 1 per unit.
    pub fn with_cost(cost: G) -> Self {
        Self { cost, normalise: false, max_pivots: None, kernel: Kernel::default() }
    }

    /// The distance with a ground cost of your own between events whose energies are divided by their sum.
    pub fn normalised_with_cost(cost: G) -> Self {
        Self { cost, normalise: true, max_pivots: None, kernel: Kernel::default() }
    }

    /// The cost of moving a unit of energy.
    pub fn ground_cost(&self) -> &G {
        &self.cost
    }

    /// Whether each event's energies are divided by their sum.
    pub fn is_normalised(&self) -> bool {
        self.normalise
    }

    /// EMD(a, b) with the optimal plan, the dual potentials and the duality gap; in units of the total energies if
    /// normalised.
    ///
    /// # Errors
    /// As [`value`](Divergence::value).
    ///
    /// ```
    /// use hepml_ot::{Emd, EnergyFlow};
    ///
    /// let a = EnergyFlow::from_rows(&[[3.0, 0.0, 0.0]])?;
    /// let b = EnergyFlow::from_rows(&[[1.0, 0.5, 0.0], [1.0, 0.0, 0.25]])?;
    /// let solution = Emd::default().solve(&a, &b)?;
    /// assert_eq!(solution.value, 0.5 + 0.25 + 1.0);
    /// assert_eq!(solution.removed, [1.0]);
    /// // One more unit of energy on the left is one more to destroy; on the right, one more to move instead.
    /// assert_eq!(solution.source_potentials, [1.0]);
    /// assert_eq!(solution.sink_potentials, [0.5 - 1.0, 0.25 - 1.0]);
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn solve(&self, a: &EnergyFlow, b: &EnergyFlow) -> Result<Transport> {
        let workspace = &mut Workspace::new();
        let (sides, leftover) = self.sides(a, b)?;
        let solved =
            self.solve_in(workspace, &PreparedFlow::new(a), &PreparedFlow::new(b), sides, leftover)?;
        let cost = |i: usize, j: usize| self.cost.cost(a.points()[i], b.points()[j]);
        workspace.transport(solved, sides, leftover, cost)
    }

    fn sides<'a>(&self, a: &'a EnergyFlow, b: &'a EnergyFlow) -> Result<([Side<'a>; 2], Leftover)> {
        let side = |flow: &'a EnergyFlow, event| {
            let total = flow.total_energy();
            if self.normalise && total == 0.0 {
                return Err(Error::NoEnergy { event });
            }
            Ok(Side { masses: flow.energies(), total })
        };
        let leftover = if self.normalise { Leftover::Normalised } else { Leftover::OfHeavier(1.0) };
        Ok(([side(a, "first")?, side(b, "second")?], leftover))
    }

    fn solve_in(
        &self,
        workspace: &mut Workspace,
        a: &PreparedFlow<'_>,
        b: &PreparedFlow<'_>,
        sides: [Side<'_>; 2],
        leftover: Leftover,
    ) -> Result<Solved> {
        workspace.use_kernel(self.kernel);
        if let Some(cost) = self.cost.angular()
            && let Some(solved) = workspace.solve_angular([a, b], leftover, self.max_pivots, cost)?
        {
            return Ok(solved);
        }
        let mut points = std::mem::take(&mut workspace.points);
        points.clear();
        points.extend((0..b.cloud.len()).map(|i| b.cloud.point(i)));
        let solved = workspace.solve(sides, leftover, self.max_pivots, |from, _, costs| {
            self.cost.cost_row(a.flow.points()[from], &points, costs);
        });
        workspace.points = points;
        solved
    }
}

impl<G: GroundCost> Divergence for Emd<G> {
    type Event = EnergyFlow;
    type Prepared<'a>
        = PreparedFlow<'a>
    where
        Self: 'a;
    type Workspace = Workspace;

    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<PreparedFlow<'a>> {
        Ok(PreparedFlow::new(event))
    }

    /// EMD(a, b).
    ///
    /// # Errors
    /// [`Error::NoEnergy`] for an event without energy if normalised; [`Error::CostNotFinite`] naming the particles between
    /// which (theta/R)^beta overflows; [`Error::NoMemory`] for events of more than some 21 000 particles each;
    /// [`Error::NotConverged`], [`Error::NotCertified`] if the solver fails; [`Error::ValueOverflows`].
    fn prepared_value(
        &self,
        workspace: &mut Workspace,
        a: &PreparedFlow<'_>,
        b: &PreparedFlow<'_>,
    ) -> Result<f64> {
        let (sides, leftover) = self.sides(a.flow, b.flow)?;
        Ok(self.solve_in(workspace, a, b, sides, leftover)?.value)
    }

    /// A bound from projections of the events, for a cost that is an [`AngularCost`]: typically 0.9 of the EMD for beta = 1.
    fn lower_bound(&self, a: &PreparedFlow<'_>, b: &PreparedFlow<'_>) -> f64 {
        let Some(cost) = self.cost.angular() else { return f64::NEG_INFINITY };
        let [a, b] = [a, b].map(|x| x.bounds.get_or_init(|| Bounds::new(x.flow, cost, self.normalise)));
        a.lower_bound(b, cost, self.normalise)
    }

    /// [`GroundCost::exponent`], min(1, 1/beta) for [`AngularCost`].
    fn exponent(&self) -> f64 {
        self.cost.exponent()
    }
}

impl<G: GroundCost> EventMetric<ParticleSets> for Emd<G> {
    /// The [`metric`](Divergence::metric) of the events' transverse momenta at their rapidities and azimuths.
    fn distance(&self, a: ParticleSet<'_>, b: ParticleSet<'_>) -> hepml_core::Result<f64> {
        Ok(self.metric(&EnergyFlow::from_particles(a)?, &EnergyFlow::from_particles(b)?)?)
    }
}
