//! The Energy Mover's Distance between events whose particles have flavours.
//!
//! A flavour is a number per particle that says what it is: a PDG id, a charge, a class of a particle-flow algorithm. It
//! enters the ground cost next to the angular distance, through a [`FlavourDistance`] d and a weight lambda, in one of two ways
//! ([`FlavourCombination`]):
//! - sum: (theta/R)^beta + lambda d(f, f');
//! - joint: ((theta/R)² + (lambda d(f, f'))²)^(beta/2), flavour as one more dimension of space.
//!
//! A flavoured EMD is not collinear safe in general: a splitting that changes flavours moves the event by a finite distance.

use hepml_core::{Error as CoreError, EventMetric, ParticleSet, ParticleSets, Table, finite};

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::exact::leftover::Leftover;
use crate::exact::transport::Transport;
use crate::exact::workspace::{Side, Solved, Workspace};
use crate::ground_cost::{AngularCost, GroundCost};

/// An event as energies at points of the (y, phi) plane, each with a flavour.
///
/// ```
/// use hepml_ot::{EnergyFlow, FlavouredFlow};
///
/// let flow = EnergyFlow::from_rows(&[[30.0, 0.1, -0.2], [12.0, 0.3, 0.1]])?;
/// let jet = FlavouredFlow::new(flow, [211.0, 22.0])?;
/// assert_eq!(jet.flavours(), [211.0, 22.0]);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlavouredFlow {
    flow: EnergyFlow,
    flavours: Vec<f64>,
}

impl FlavouredFlow {
    /// The event `flow` whose particle i has the flavour `flavours[i]`.
    ///
    /// # Errors
    /// Another number of flavours than particles; a flavour that is not finite, naming the particle.
    pub fn new(flow: EnergyFlow, flavours: impl Into<Vec<f64>>) -> Result<Self> {
        let flavours = flavours.into();
        if flavours.len() != flow.len() {
            return Err(CoreError::shape("flavours", flow.len(), flavours.len()).into());
        }
        for (particle, &flavour) in flavours.iter().enumerate() {
            finite("flavour", flavour).map_err(|error| error.at_particle(particle))?;
        }
        Ok(Self { flow, flavours })
    }

    /// All events of a batch, with the feature column called `feature` (`pdg_id`, `charge`, ...) as flavour: transverse
    /// momentum, rapidity and azimuth as [`EnergyFlow::from_sets`] has them.
    ///
    /// # Errors
    /// No such column; as [`EnergyFlow::from_sets`].
    pub fn from_sets(sets: &ParticleSets, feature: &str) -> Result<Vec<Self>> {
        Self::of_flows(EnergyFlow::from_sets(sets)?, sets, feature)
    }

    /// The jets of a batch, each about its axis as [`EnergyFlow::from_jets`] has them, with the feature column called
    /// `feature` as flavour.
    ///
    /// # Errors
    /// No such column; as [`EnergyFlow::from_jets`].
    pub fn from_jets(jets: &ParticleSets, feature: &str) -> Result<Vec<Self>> {
        Self::of_flows(EnergyFlow::from_jets(jets)?, jets, feature)
    }

    fn of_flows(flows: Vec<EnergyFlow>, sets: &ParticleSets, feature: &str) -> Result<Vec<Self>> {
        let flavours = sets.feature(feature)?.to_vec();
        let ranges = sets.offsets().windows(2).map(|ends| ends[0]..ends[1]);
        flows.into_iter().zip(ranges).map(|(flow, range)| Self::new(flow, &flavours[range])).collect()
    }

    /// The energies and points.
    pub fn flow(&self) -> &EnergyFlow {
        &self.flow
    }

    /// The flavour of each particle.
    pub fn flavours(&self) -> &[f64] {
        &self.flavours
    }
}

/// How different two flavours are.
///
/// Closures are flavour distances, e.g. `|q: f64, r: f64| (q - r).abs()` for charges.
pub trait FlavourDistance: Send + Sync {
    /// The distance between two flavours; finite, or the computation that meets it fails with [`Error::CostNotFinite`].
    fn distance(&self, a: f64, b: f64) -> f64;

    /// Whether the flavour is one that the distance knows.
    ///
    /// # Errors
    /// A flavour that is not.
    fn check(&self, _flavour: f64) -> Result<()> {
        Ok(())
    }
}

impl<F: Fn(f64, f64) -> f64 + Send + Sync> FlavourDistance for F {
    fn distance(&self, a: f64, b: f64) -> f64 {
        self(a, b)
    }
}

/// 1 between different flavours, 0 between equal ones: a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SameFlavour;

impl FlavourDistance for SameFlavour {
    fn distance(&self, a: f64, b: f64) -> f64 {
        if a == b { 0.0 } else { 1.0 }
    }
}

/// A table of distances between the flavours of a list.
///
/// ```
/// use hepml_core::ndarray::array;
/// use hepml_ot::FlavourTable;
///
/// // Charged pions of either sign are closer to each other than to photons.
/// let table = FlavourTable::new([211.0, -211.0, 22.0], array![[0.0, 0.5, 1.0], [0.5, 0.0, 1.0], [1.0, 1.0, 0.0]])?;
/// assert!(table.is_metric());
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FlavourTable {
    flavours: Vec<f64>,
    distances: Table,
}

impl FlavourTable {
    /// The distances `[n, n]` between the flavours `flavours[n]`.
    ///
    /// # Errors
    /// Shapes that do not fit; a flavour that is not finite; distances that are negative, not finite or not symmetric, or not 0
    /// between a flavour and itself; a flavour that comes twice.
    pub fn new(flavours: impl Into<Vec<f64>>, distances: Table) -> Result<Self> {
        let flavours = flavours.into();
        for (what, length) in [("rows of flavour distances", 0), ("columns of flavour distances", 1)]
            .map(|(what, axis)| (what, distances.shape()[axis]))
        {
            if length != flavours.len() {
                return Err(CoreError::shape(what, flavours.len(), length).into());
            }
        }
        for (i, &flavour) in flavours.iter().enumerate() {
            finite("flavour of a table", flavour)?;
            if flavours[..i].contains(&flavour) {
                return Err(CoreError::out_of_range("flavour of a table", flavour, "there once").into());
            }
        }
        for ((i, j), &value) in distances.indexed_iter() {
            let what = || format!("distance between flavours {} and {}", flavours[i], flavours[j]);
            let allowed = if !value.is_finite() {
                return Err(CoreError::not_finite(what(), value).into());
            } else if value < 0.0 {
                "zero or positive"
            } else if i == j && value != 0.0 {
                "zero"
            } else if value != distances[(j, i)] {
                "the same both ways"
            } else {
                continue;
            };
            return Err(CoreError::out_of_range(what(), value, allowed).into());
        }
        Ok(Self { flavours, distances })
    }

    /// Whether the distances are a metric: positive between different flavours, and none longer than a detour over a third
    /// flavour (by more than rounding).
    pub fn is_metric(&self) -> bool {
        let n = self.flavours.len();
        (0..n).all(|i| {
            (0..n).all(|j| {
                let direct = self.distances[(i, j)];
                let detour = |k| self.distances[(i, k)] + self.distances[(k, j)];
                (i == j || direct > 0.0) && (0..n).all(|k| direct <= detour(k) * (1.0 + 2.0 * f64::EPSILON))
            })
        })
    }

    fn position(&self, flavour: f64) -> Option<usize> {
        self.flavours.iter().position(|known| *known == flavour)
    }
}

impl FlavourDistance for FlavourTable {
    /// NaN for a flavour that is not in the table.
    fn distance(&self, a: f64, b: f64) -> f64 {
        match (self.position(a), self.position(b)) {
            (Some(a), Some(b)) => self.distances[(a, b)],
            _ => f64::NAN,
        }
    }

    fn check(&self, flavour: f64) -> Result<()> {
        match self.position(flavour) {
            Some(_) => Ok(()),
            None => Err(Error::Core(CoreError::UnknownName {
                what: "flavour",
                name: flavour.to_string(),
                known: self.flavours.iter().map(f64::to_string).collect(),
            })),
        }
    }
}

/// How the flavour distance d enters the ground cost next to the angle theta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlavourCombination {
    /// (theta/R)^beta + lambda d.
    #[default]
    Sum,
    /// ((theta/R)² + (lambda d)²)^(beta/2).
    Joint,
}

/// The parameters of a [`FlavouredEmd`]: R = 1, beta = 1, lambda = 1, the sum, flavours either the same or not, energies as
/// they are, azimuth not periodic, flavours from feature column 0, unless set otherwise.
///
/// ```
/// use hepml_ot::{FlavourCombination, FlavouredEmdConfig};
///
/// let charges = |q: f64, r: f64| (q - r).abs();
/// let emd = FlavouredEmdConfig::new()
///     .radius(0.4)
///     .flavour_weight(0.5)
///     .combination(FlavourCombination::Joint)
///     .flavour_distance(charges)
///     .build()?;
/// assert_eq!(emd.flavour_weight(), 0.5);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlavouredEmdConfig<D = SameFlavour> {
    radius: f64,
    beta: f64,
    normalise: bool,
    periodic_phi: bool,
    weight: f64,
    combination: FlavourCombination,
    distance: D,
    feature_column: usize,
}

impl Default for FlavouredEmdConfig {
    fn default() -> Self {
        Self {
            radius: 1.0,
            beta: 1.0,
            normalise: false,
            periodic_phi: false,
            weight: 1.0,
            combination: FlavourCombination::Sum,
            distance: SameFlavour,
            feature_column: 0,
        }
    }
}

impl FlavouredEmdConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<D: FlavourDistance> FlavouredEmdConfig<D> {
    /// The distance R at which moving a unit of energy between particles of the same flavour costs as much as creating or
    /// destroying it.
    #[must_use]
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }

    /// The power beta of the distance.
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

    /// The weight lambda of the flavour distance.
    #[must_use]
    pub fn flavour_weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    /// How flavour and angle are put together.
    #[must_use]
    pub fn combination(mut self, combination: FlavourCombination) -> Self {
        self.combination = combination;
        self
    }

    /// The distance between flavours.
    #[must_use]
    pub fn flavour_distance<E: FlavourDistance>(self, distance: E) -> FlavouredEmdConfig<E> {
        FlavouredEmdConfig {
            radius: self.radius,
            beta: self.beta,
            normalise: self.normalise,
            periodic_phi: self.periodic_phi,
            weight: self.weight,
            combination: self.combination,
            distance,
            feature_column: self.feature_column,
        }
    }

    /// The feature column that holds the flavours where the events are [`ParticleSets`] (an [`EventMetric`] sees the columns
    /// without their names): 0 is `pdg_id` and 1 is `charge` in what [`Selection`](hepml_core::Selection) returns.
    #[must_use]
    pub fn feature_column(mut self, column: usize) -> Self {
        self.feature_column = column;
        self
    }

    /// The distance with these parameters.
    ///
    /// # Errors
    /// A radius or a beta that is not positive and finite; a weight that is negative or not finite.
    pub fn build(self) -> Result<FlavouredEmd<D>> {
        AngularCost::new(self.radius, self.beta, self.periodic_phi)?;
        if !(self.weight >= 0.0 && self.weight.is_finite()) {
            let error =
                CoreError::out_of_range("flavour weight lambda", self.weight, "zero or positive, and finite");
            return Err(error.into());
        }
        let beta = match self.combination {
            FlavourCombination::Sum => self.beta,
            FlavourCombination::Joint => 2.0,
        };
        let angular = AngularCost::new(self.radius, beta, self.periodic_phi)?;
        Ok(FlavouredEmd { angular, config: self })
    }
}

/// The Energy Mover's Distance with flavours in the ground cost, exact.
///
/// min_f sum_ij f_ij c_ij + |sum_i E_i - sum_j E'_j| over the same plans as those of [`Emd`](crate::Emd), with the cost c of
/// the [`FlavourCombination`]. In units of energy, and not raised to 1/beta; normalised, without the second term.
///
/// If the flavour distance d is a metric, c to the power [`exponent`](Divergence::exponent) = min(1, 1/beta) is a metric on
/// points with flavours for either combination: Minkowski's inequality for beta >= 1, of theta/R with lambda d (joint) or with the
/// metric (lambda d)^(1/beta) (sum). [`metric`](Divergence::metric) is then a metric
/// if energies are normalised, or if no two particles cost more than 2^max(1, beta). With lambda = 0, or a d that is 0 between
/// different flavours, it does not tell them apart and is a pseudometric. With a d that is no metric the value is still
/// the exact minimum.
///
/// It is not collinear safe: a splitting that changes flavours moves an event by a finite distance.
///
/// With lambda = 0 it is the [`Emd`](crate::Emd). For the sum with [`SameFlavour`], a lambda above the largest
/// (theta/R)^beta moves energy between flavours only as far as the flavours' energies differ.
///
/// ```
/// use hepml_ot::{Divergence, EnergyFlow, FlavouredEmdConfig, FlavouredFlow};
///
/// let emd = FlavouredEmdConfig::new().flavour_weight(0.25).build()?;
/// let pion = FlavouredFlow::new(EnergyFlow::from_rows(&[[2.0, 0.0, 0.0]])?, [211.0])?;
/// let photon = FlavouredFlow::new(EnergyFlow::from_rows(&[[2.0, 0.5, 0.0]])?, [22.0])?;
/// assert_eq!(emd.value(&pion, &photon)?, 2.0 * (0.5 + 0.25));
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlavouredEmd<D = SameFlavour> {
    /// theta/R to the power beta (sum) or 2 (joint).
    angular: AngularCost,
    config: FlavouredEmdConfig<D>,
}

impl<D: FlavourDistance> FlavouredEmd<D> {
    /// lambda.
    pub fn flavour_weight(&self) -> f64 {
        self.config.weight
    }

    /// Whether each event's energies are divided by their sum.
    pub fn is_normalised(&self) -> bool {
        self.config.normalise
    }

    /// The cost of moving a unit of energy from one point and flavour to another.
    pub fn cost(&self, from: ([f64; 2], f64), to: ([f64; 2], f64)) -> f64 {
        self.combined(self.angular.cost(from.0, to.0), from.1, to.1)
    }

    fn combined(&self, angular: f64, from: f64, to: f64) -> f64 {
        let flavour = self.config.weight * self.config.distance.distance(from, to);
        match self.config.combination {
            FlavourCombination::Sum => angular + flavour,
            FlavourCombination::Joint => {
                let square = angular + flavour * flavour;
                if self.config.beta == 2.0 {
                    square
                } else if self.config.beta == 1.0 {
                    square.sqrt()
                } else {
                    square.powf(0.5 * self.config.beta)
                }
            }
        }
    }

    /// The value with the optimal plan, the dual potentials and the duality gap; in units of the total energies if
    /// normalised.
    ///
    /// # Errors
    /// As [`value`](Divergence::value).
    pub fn solve(&self, a: &FlavouredFlow, b: &FlavouredFlow) -> Result<Transport> {
        let workspace = &mut Workspace::new();
        let (a, b) = (self.prepare(a)?, self.prepare(b)?);
        let (sides, leftover) = self.sides(&a, &b)?;
        let solved = self.solve_in(workspace, &a, &b)?;
        let particle = |event: &PreparedFlavouredFlow<'_>, i: usize| {
            (event.event.flow.points()[i], event.event.flavours[i])
        };
        workspace.transport(solved, sides, leftover, |i, j| self.cost(particle(&a, i), particle(&b, j)))
    }

    fn sides<'a>(
        &self,
        a: &PreparedFlavouredFlow<'a>,
        b: &PreparedFlavouredFlow<'a>,
    ) -> Result<([Side<'a>; 2], Leftover)> {
        let side = |flow: &'a EnergyFlow, event| {
            let total = flow.total_energy();
            if self.config.normalise && total == 0.0 {
                return Err(Error::NoEnergy { event });
            }
            Ok(Side { masses: flow.energies(), total })
        };
        let leftover = if self.config.normalise { Leftover::Normalised } else { Leftover::OfHeavier(1.0) };
        Ok(([side(&a.event.flow, "first")?, side(&b.event.flow, "second")?], leftover))
    }

    fn solve_in(
        &self,
        workspace: &mut Workspace,
        a: &PreparedFlavouredFlow<'_>,
        b: &PreparedFlavouredFlow<'_>,
    ) -> Result<Solved> {
        let (sides, leftover) = self.sides(a, b)?;
        workspace.solve(sides, leftover, None, |from, _, costs| {
            self.angular.cost_row(a.event.flow.points()[from], &b.points, costs);
            let flavour = a.event.flavours[from];
            for (cost, to) in costs.iter_mut().zip(&b.flavours) {
                *cost = self.combined(*cost, flavour, *to);
            }
        })
    }
}

/// An event with what [`FlavouredEmd`] computes of it alone.
#[derive(Debug, Clone)]
pub struct PreparedFlavouredFlow<'a> {
    event: &'a FlavouredFlow,
    /// Of the particles with energy.
    points: Vec<[f64; 2]>,
    flavours: Vec<f64>,
}

impl<D: FlavourDistance> Divergence for FlavouredEmd<D> {
    type Event = FlavouredFlow;
    type Prepared<'a>
        = PreparedFlavouredFlow<'a>
    where
        Self: 'a;
    type Workspace = Workspace;

    /// # Errors
    /// A flavour that the flavour distance does not know.
    fn prepare<'a>(&'a self, event: &'a FlavouredFlow) -> Result<PreparedFlavouredFlow<'a>> {
        event.flavours.iter().try_for_each(|flavour| self.config.distance.check(*flavour))?;
        let massive = || (0..event.flow.len()).filter(|&i| event.flow.energies()[i] > 0.0);
        Ok(PreparedFlavouredFlow {
            event,
            points: massive().map(|i| event.flow.points()[i]).collect(),
            flavours: massive().map(|i| event.flavours[i]).collect(),
        })
    }

    /// The flavoured EMD of a and b.
    ///
    /// # Errors
    /// [`Error::NoEnergy`] for an event without energy if normalised; [`Error::CostNotFinite`] naming the particles between
    /// which the cost is not finite; [`Error::NotConverged`], [`Error::NotCertified`] if the solver fails;
    /// [`Error::ValueOverflows`].
    fn prepared_value(
        &self,
        workspace: &mut Workspace,
        a: &PreparedFlavouredFlow<'_>,
        b: &PreparedFlavouredFlow<'_>,
    ) -> Result<f64> {
        Ok(self.solve_in(workspace, a, b)?.value)
    }

    /// min(1, 1/beta).
    fn exponent(&self) -> f64 {
        1.0 / self.config.beta.max(1.0)
    }
}

impl<D: FlavourDistance> EventMetric<ParticleSets> for FlavouredEmd<D> {
    /// The [`metric`](Divergence::metric) of the events' transverse momenta at their rapidities and azimuths, with the
    /// flavours of the configured feature column.
    fn distance(&self, a: ParticleSet<'_>, b: ParticleSet<'_>) -> hepml_core::Result<f64> {
        let column = self.config.feature_column;
        let flow = |event: ParticleSet<'_>| {
            let len = event.features().ncols();
            if column >= len {
                return Err(CoreError::IndexOutOfBounds {
                    what: "feature column of flavours".into(),
                    index: column,
                    len,
                });
            }
            let flavours = event.features().column(column).to_vec();
            Ok(FlavouredFlow::new(EnergyFlow::from_particles(event)?, flavours)?)
        };
        Ok(self.metric(&flow(a)?, &flow(b)?)?)
    }
}
