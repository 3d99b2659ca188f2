//! N-jettiness and N-subjettiness.

use std::f64::consts::{PI, TAU};

use hepml_core::{Error as CoreError, EventSet, Observables, ParticleSets, Table, finite};

use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::memory;
use crate::shapes::axis_search::{AxisSearch, MAX_CANDIDATES, Minimum};

/// How far a particle is from an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum JetMeasure {
    /// ΔR² = Δy² + Δphi².
    #[default]
    Conical,
    /// ΔR² = 2 (cosh Δy - cos Δphi) = 2 p · n / (pT nT) with light-like momenta p and n along particle and axis
    /// (arXiv:1508.01516): as above for small angles; for beta = 2, the best axis of particles is along the sum of their momenta.
    ConicalGeometric,
}

/// The parameters of an [`NSubjettiness`]: beta = 1, R0 = 1, normalised, no cutoff, azimuth periodic, up to 4 axes, conical
/// measure, unless set otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NSubjettinessConfig {
    pub(super) beta: f64,
    pub(super) radius: f64,
    normalise: bool,
    pub(super) cutoff: Option<f64>,
    pub(super) periodic_phi: bool,
    largest: usize,
    pub(super) measure: JetMeasure,
}

impl Default for NSubjettinessConfig {
    fn default() -> Self {
        Self {
            beta: 1.0,
            radius: 1.0,
            normalise: true,
            cutoff: None,
            periodic_phi: true,
            largest: 4,
            measure: JetMeasure::Conical,
        }
    }
}

impl NSubjettinessConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// N-jettiness as the XCone jet algorithm minimises it by default (arXiv:1508.01516; beta = 2, gamma = 1 there):
    /// [`ConicalGeometric`](JetMeasure::ConicalGeometric), beta = 2, cutoff R0 = `radius`, not normalised.
    ///
    /// [`NSubjettiness::axes`] of a whole event then gives N jets, and what belongs to none.
    ///
    /// ```
    /// use hepml_ot::{EnergyFlow, NSubjettinessConfig};
    ///
    /// let event = EnergyFlow::from_rows(&[[90.0, 0.5, 3.0], [10.0, 0.6, -3.1], [80.0, -0.4, 0.1], [1.0, 3.0, 1.5]])?;
    /// let jets = NSubjettinessConfig::xcone(0.5).build()?.axes(2, &event)?;
    /// assert_eq!(jets.assignment, [Some(0), Some(0), Some(1), None]);
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn xcone(radius: f64) -> Self {
        let measure = JetMeasure::ConicalGeometric;
        Self { beta: 2.0, radius, normalise: false, cutoff: Some(radius), measure, ..Self::default() }
    }

    /// How far a particle is from an axis.
    #[must_use]
    pub fn measure(mut self, measure: JetMeasure) -> Self {
        self.measure = measure;
        self
    }

    /// The power beta of the distance.
    #[must_use]
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// The distance R0 that others are divided by.
    #[must_use]
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }

    /// Whether tau is divided by the total energy.
    #[must_use]
    pub fn normalise(mut self, normalise: bool) -> Self {
        self.normalise = normalise;
        self
    }

    /// The distance beyond which a particle belongs to the beam: it costs (cutoff/R0)^beta wherever it is. For N-jettiness and jets
    /// in the manner of [XCone](Self::xcone).
    #[must_use]
    pub fn cutoff(mut self, cutoff: f64) -> Self {
        self.cutoff = Some(cutoff);
        self
    }

    /// Whether azimuths are differences around a circle.
    #[must_use]
    pub fn periodic_phi(mut self, periodic_phi: bool) -> Self {
        self.periodic_phi = periodic_phi;
        self
    }

    /// The number of columns of the [`Observables`]: tau_1 to tau_N.
    #[must_use]
    pub fn up_to(mut self, largest: usize) -> Self {
        self.largest = largest;
        self
    }

    /// The observable with these parameters.
    ///
    /// # Errors
    /// A beta, radius or cutoff that is not positive and finite; no axes; the conical geometric measure, which has cos Δphi in
    /// it, with an azimuth that is not periodic.
    pub fn build(self) -> Result<NSubjettiness> {
        let cutoff = self.cutoff.unwrap_or(1.0);
        for (what, value) in [("exponent beta", self.beta), ("radius R0", self.radius), ("cutoff", cutoff)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(CoreError::out_of_range(what, value, "positive and finite").into());
            }
        }
        check_count(self.largest)?;
        if self.measure == JetMeasure::ConicalGeometric && !self.periodic_phi {
            let (what, allowed) = ("periodic azimuth of the conical geometric measure", "on (1)");
            return Err(CoreError::out_of_range(what, 0.0, allowed).into());
        }
        Ok(NSubjettiness { config: self })
    }
}

/// N-subjettiness and N-jettiness with the best axes that are found.
///
/// tau_N = min_{axes} sum_i pT_i min(ΔR_i1^beta, …, ΔR_iN^beta, cutoff^beta) / R0^beta, divided by sum_i pT_i if normalised, with
/// ΔR² = Δy² + Δphi² (arXiv:1011.2268, arXiv:1108.2701), or as its [`JetMeasure`] has it. Without cutoff it measures jets; with one, whole events
/// (N-jettiness, arXiv:1004.2489): what is further from every axis belongs to the beam.
///
/// It is a distance to a manifold of events (arXiv:2004.04159): not normalised, tau_N is the least [`Emd`](crate::Emd) with
/// R = R0 and the same beta (or with (ΔR/R0)^beta of the other measure as the cost) from the event to an event of N particles, whose total energy is that of the event (without
/// cutoff) or free (with cutoff R0, when the energy of the beam region is destroyed at 1 per unit). [`SubjetAxes::event`] is
/// that nearest event.
///
/// The axes are a local minimum, the best of several: axes on particles, for beta > 1 also between two of the hardest, are
/// exchanged until no exchange helps; from there, from
/// the hardest particles, and from the best N - 1 axes and one more, particles are assigned to the nearest axis and axes moved to the
/// mean (beta = 2), median (beta = 1) or centre of their particles in turn; then each axis is taken away and put where it
/// helps most, until that helps no more. For N = 1, beta >= 1, no cutoff, the conical measure and an azimuth that is not periodic,
/// this is the global minimum. tau_N never exceeds tau_(N-1).
///
/// ```
/// use hepml_ot::{EnergyFlow, NSubjettinessConfig};
///
/// let jet = EnergyFlow::from_rows(&[[50.0, 0.0, 0.0], [50.0, 0.3, 0.4], [1.0, 0.3, 0.1]])?;
/// let tau = NSubjettinessConfig::new().radius(0.8).normalise(false).build()?;
/// assert!((tau.tau(2, &jet)? - 0.3 / 0.8).abs() < 1e-12);
/// assert!(tau.ratio(2, 1, &jet)? < 0.02);
/// assert_eq!(tau.axes(2, &jet)?.assignment, [Some(1), Some(0), Some(0)]);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NSubjettiness {
    config: NSubjettinessConfig,
}

/// Axes, hardest first, and what belongs to them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SubjetAxes {
    /// tau_N.
    pub tau: f64,
    /// The axes (y, phi), with |phi| <= pi if the azimuth is periodic. There are fewer than N if these suffice for tau_N = 0.
    pub axes: Vec<[f64; 2]>,
    /// The energy that belongs to each axis.
    pub energies: Vec<f64>,
    /// For each particle the position of its axis; none in the beam region.
    pub assignment: Vec<Option<usize>>,
    /// Rounds of assigning particles and moving axes, from all seeds.
    pub iterations: usize,
    /// By how much an axis moved in the last round.
    pub residual: f64,
    /// Whether in the last round no particle changed its axis and no axis moved by more than 1e-9 R0.
    pub converged: bool,
}

impl SubjetAxes {
    /// Of an event without energy.
    fn none(event: &EnergyFlow) -> Self {
        Self {
            tau: 0.0,
            axes: Vec::new(),
            energies: Vec::new(),
            assignment: vec![None; event.len()],
            iterations: 0,
            residual: 0.0,
            converged: true,
        }
    }

    /// The nearest event of N particles: the energies at the axes.
    ///
    /// # Errors
    /// None: what an event may not hold has been refused before.
    pub fn event(&self) -> Result<EnergyFlow> {
        EnergyFlow::new(self.energies.clone(), self.axes.clone())
    }
}

impl NSubjettiness {
    /// tau_N with the best axes found.
    ///
    /// # Errors
    /// As [`axes`](Self::axes).
    pub fn tau(&self, n: usize, event: &EnergyFlow) -> Result<f64> {
        Ok(self.axes(n, event)?.tau)
    }

    /// The best N axes found.
    ///
    /// # Errors
    /// No axes asked for; more than 400 in an event of more particles; an event without energy if normalised;
    /// [`Error::ValueOverflows`] for points further apart than (ΔR/R0)^beta can tell; [`Error::NoMemory`].
    pub fn axes(&self, n: usize, event: &EnergyFlow) -> Result<SubjetAxes> {
        let (search, levels) = self.levels(n, event)?;
        levels.last().map_or_else(|| Ok(SubjetAxes::none(event)), |last| self.described(&search, last, event))
    }

    /// The best axes found for 1, 2, … N of them.
    ///
    /// # Errors
    /// As [`axes`](Self::axes).
    pub fn axes_up_to(&self, n: usize, event: &EnergyFlow) -> Result<Vec<SubjetAxes>> {
        let (search, levels) = self.levels(n, event)?;
        let described = levels.iter().map(|level| self.described(&search, level, event));
        let mut levels = described.collect::<Result<Vec<_>>>()?;
        let last = levels.last().cloned().unwrap_or_else(|| SubjetAxes::none(event));
        levels.resize(n, last);
        Ok(levels)
    }

    /// The best axes found for 1, 2, … of them, to N or to where more would be idle; none without energy.
    fn levels(&self, n: usize, event: &EnergyFlow) -> Result<(AxisSearch, Vec<Minimum>)> {
        check_count(n)?;
        let search = self.search(event)?;
        let particles = search.points.len();
        if n > MAX_CANDIDATES && particles > MAX_CANDIDATES {
            let allowed = "at most 400 in an event of more particles";
            return Err(CoreError::out_of_range("number of axes", n as f64, allowed).into());
        }
        let candidates = particles.min(MAX_CANDIDATES);
        let sizes = [candidates, particles];
        memory::check("candidates for axes and particles", sizes, memory::numbers(candidates, particles))?;
        let levels = search.up_to(n);
        Ok((search, levels))
    }

    /// The value with axes (y, phi) of one's own: what tau_N is the minimum of.
    ///
    /// # Errors
    /// No axes; an axis that is not finite; as [`axes`](Self::axes).
    pub fn value(&self, axes: &[[f64; 2]], event: &EnergyFlow) -> Result<f64> {
        check_count(axes.len())?;
        for axis in axes {
            finite("rapidity of an axis", axis[0])?;
            finite("azimuth of an axis", axis[1])?;
        }
        let search = self.search(event)?;
        let radius = self.config.radius;
        let fold = |phi: f64| if self.config.periodic_phi { phi % TAU } else { phi };
        let axes: Vec<[f64; 2]> = axes.iter().map(|[y, phi]| [y / radius, fold(*phi) / radius]).collect();
        self.tau_of(search.value(&axes), event)
    }

    /// tau_`numerator` / tau_`denominator`: `ratio(2, 1, jet)` is tau_21.
    ///
    /// # Errors
    /// A denominator that is 0, for which the ratio is not defined; as [`axes`](Self::axes).
    pub fn ratio(&self, numerator: usize, denominator: usize, event: &EnergyFlow) -> Result<f64> {
        check_count(numerator.min(denominator))?;
        let (_, levels) = self.levels(numerator.max(denominator), event)?;
        let tau = |n: usize| match levels.get(n.min(levels.len()).saturating_sub(1)) {
            Some(level) => self.tau_of(level.value, event),
            None => Ok(0.0),
        };
        let (above, below) = (tau(numerator)?, tau(denominator)?);
        if below == 0.0 {
            return Err(CoreError::out_of_range("tau in the denominator", 0.0, "positive").into());
        }
        Ok(above / below)
    }

    fn search(&self, event: &EnergyFlow) -> Result<AxisSearch> {
        let config = &self.config;
        if config.normalise && event.total_energy() == 0.0 {
            return Err(CoreError::out_of_range("total energy", 0.0, "positive").into());
        }
        let (energies, points) = (event.energies(), event.points());
        let search = AxisSearch::new(energies, points, config);
        if search.points.iter().flatten().all(|x| x.is_finite()) {
            Ok(search)
        } else {
            Err(Error::ValueOverflows)
        }
    }

    /// tau of the unnormalised value.
    fn tau_of(&self, value: f64, event: &EnergyFlow) -> Result<f64> {
        let tau = if self.config.normalise { value / event.total_energy() } else { value };
        if tau.is_finite() { Ok(tau) } else { Err(Error::ValueOverflows) }
    }

    fn described(&self, search: &AxisSearch, found: &Minimum, event: &EnergyFlow) -> Result<SubjetAxes> {
        let config = &self.config;
        let tau = self.tau_of(found.value, event)?;
        let fold = |phi: f64| {
            let phi = phi * config.radius;
            if config.periodic_phi && phi.abs() > PI { phi - TAU * (phi / TAU).round() } else { phi }
        };
        let all = AxisSearch::new(&vec![1.0; event.len()], event.points(), config);
        let assign = |point: &[f64; 2]| {
            let (k, cost) = search.nearest(&found.axes, *point);
            (cost < search.cutoff).then_some(k)
        };
        let assignment: Vec<Option<usize>> = all.points.iter().map(assign).collect();
        let mut energies = vec![0.0; found.axes.len()];
        for (axis, energy) in assignment.iter().zip(event.energies()) {
            if let Some(k) = axis {
                energies[*k] += energy;
            }
        }
        let mut order: Vec<usize> = (0..energies.len()).collect();
        order.sort_by(|a, b| energies[*b].total_cmp(&energies[*a]));
        let mut position = vec![0; order.len()];
        order.iter().enumerate().for_each(|(new, &old)| position[old] = new);
        Ok(SubjetAxes {
            tau,
            axes: order.iter().map(|&k| [found.axes[k][0] * config.radius, fold(found.axes[k][1])]).collect(),
            energies: order.iter().map(|&k| energies[k]).collect(),
            assignment: assignment.iter().map(|axis| axis.map(|k| position[k])).collect(),
            iterations: found.iterations,
            residual: found.residual * config.radius,
            converged: found.converged,
        })
    }
}

impl Observables<ParticleSets> for NSubjettiness {
    /// tau_1 to tau_N of the events' transverse momenta at their rapidities and azimuths.
    fn observe(&self, events: &ParticleSets) -> hepml_core::Result<Table> {
        let mut table = Table::zeros((events.event_count(), self.config.largest));
        for (index, event) in events.events().enumerate() {
            let levels = EnergyFlow::from_particles(event)
                .and_then(|flow| self.axes_up_to(self.config.largest, &flow))
                .map_err(|error| CoreError::from(error).at_event(index))?;
            table.row_mut(index).iter_mut().zip(levels).for_each(|(tau, level)| *tau = level.tau);
        }
        Ok(table)
    }
}

fn check_count(n: usize) -> Result<()> {
    if n == 0 {
        return Err(CoreError::out_of_range("number of axes", 0.0, "at least 1").into());
    }
    Ok(())
}
