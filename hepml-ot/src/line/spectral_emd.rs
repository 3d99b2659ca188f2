//! The spectral Energy Mover's Distance.

use hepml_core::{Error as CoreError, EventMetric, ParticleSet, ParticleSets};

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::ground_cost::AngularCost;
use crate::line::quantiles::{FULL, Quantiles, Step, representable};
use crate::line::spectral_function::SpectralFunction;

/// The parameters of a [`SpectralEmd`]: beta = 1, energies normalised, azimuth not periodic, unless set otherwise.
///
/// ```
/// use hepml_ot::SpectralEmdConfig;
///
/// let semd = SpectralEmdConfig::new().beta(2.0).periodic_phi(true).build()?;
/// assert_eq!((semd.beta(), semd.omega_max()), (2.0, None));
/// assert!(SpectralEmdConfig::new().omega_max(-1.0).build().is_err());
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpectralEmdConfig {
    beta: f64,
    periodic_phi: bool,
    omega_max: Option<f64>,
}

impl Default for SpectralEmdConfig {
    fn default() -> Self {
        Self { beta: 1.0, periodic_phi: false, omega_max: None }
    }
}

impl SpectralEmdConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The power beta of omega = theta^beta / beta.
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

    /// Takes the energies as they are: what the spectral function of the event with less energy lacks of the other's is a
    /// line at `omega_max`, which no omega may exceed.
    #[must_use]
    pub fn omega_max(mut self, omega_max: f64) -> Self {
        self.omega_max = Some(omega_max);
        self
    }

    /// The distance with these parameters.
    ///
    /// # Errors
    /// A beta or an omega_max that is not positive and finite.
    pub fn build(self) -> Result<SpectralEmd> {
        let cost = AngularCost::new(1.0, self.beta, self.periodic_phi)?;
        if let Some(omega_max) = self.omega_max.filter(|&omega| !(omega > 0.0 && omega.is_finite())) {
            return Err(CoreError::out_of_range("omega_max", omega_max, "positive and finite").into());
        }
        Ok(SpectralEmd { cost, omega_max: self.omega_max })
    }
}

/// The spectral Energy Mover's Distance of Larkoski and Thaler for p = 2, in the closed form of Gambhir, Larkoski and Thaler.
///
/// SEMD(a, b) = W_2²(s_a, s_b) = integral over q of (S_a^-1(q) - S_b^-1(q))² between the [`SpectralFunction`]s of two events
/// (arXiv:2305.03751, arXiv:2410.05379). Particles are sorted by pairs once an event; a pair of events is then one merge of their
/// lines, O(N²). It is summed as it stands, from terms that are not negative, rather than as the difference of second moments.
///
/// Normalised, which is the default, s has the integral 1 and the value the unit of omega². Otherwise the integral is (sum E)²;
/// the spectral function of the lighter event gets a line at [`omega_max`](SpectralEmdConfig::omega_max) that makes them
/// equal, and the value is in units of energy² omega². An event may then be empty.
///
/// [`value`](Divergence::value) is W_2², *not* its root. [`metric`](Divergence::metric) is the root: symmetric, and obeying the triangle
/// inequality, also with omega_max (lines may be added there to both events until all events are as heavy as the
/// heaviest, and as no omega is larger, they stay where they are). It is 0 between events that
/// are the same up to a rotation, translation or reflection, as the distances between particles do not see these,
/// up to collinear splittings and particles without energy, and between rare events with the same distances and yet another
/// shape. With periodic azimuths also the translations by a turn are invisible.
///
/// Between nearly equal events: levels are counted in 2^-60 of the integral, so the value is right to about 1e-18 of the largest
/// omega² and the metric to 1e-9 of the largest omega (with omega_max and unequal energies, in 2^-53: to 1e-16 and 1e-8 of
/// omega_max). Events that are the same list of particles in any order are at exactly 0.
///
/// ```
/// use hepml_ot::{Divergence, EnergyFlow, SpectralEmd};
///
/// let a = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [1.0, 0.5, 0.0]])?;
/// let b = EnergyFlow::from_rows(&[[2.0, 1.0, 2.0], [2.0, 1.0, 3.0]])?;
/// // Half of each spectral function is at 0 and half at the distance.
/// assert_eq!(SpectralEmd::default().value(&a, &b)?, 0.5 * 0.5 * 0.5);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SpectralEmd {
    pub(crate) cost: AngularCost,
    omega_max: Option<f64>,
}

impl Default for SpectralEmd {
    fn default() -> Self {
        SpectralEmdConfig::new().build().expect("the default beta is positive")
    }
}

impl SpectralEmd {
    /// beta.
    pub fn beta(&self) -> f64 {
        self.cost.beta()
    }

    /// Where the missing line is put; `None` if energies are normalised.
    pub fn omega_max(&self) -> Option<f64> {
        self.omega_max
    }

    /// The value between two spectral functions, whatever they are made of: events on the sphere, closed forms.
    ///
    /// # Errors
    /// An omega above omega_max; as [`value`](Divergence::value).
    ///
    /// ```
    /// use hepml_core::FourMomentum;
    /// use hepml_ot::{SpectralEmd, SpectralFunction};
    ///
    /// let a = [FourMomentum::new(5.0, 3.0, 4.0, 0.0), FourMomentum::new(5.0, -3.0, -4.0, 0.0)];
    /// let b = [FourMomentum::new(5.0, 3.0, 4.0, 0.0), FourMomentum::new(5.0, -4.0, 3.0, 0.0)];
    /// let [a, b] = [a, b].map(|momenta| SpectralFunction::from_momenta(&momenta, 1.0));
    /// let value = SpectralEmd::default().between(&a?, &b?)?;
    /// assert!((value - 0.5 * (std::f64::consts::PI / 2.0).powi(2)).abs() < 1e-15);
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn between(&self, a: &SpectralFunction, b: &SpectralFunction) -> Result<f64> {
        self.check(a)?;
        self.check(b)?;
        self.prepared_value(&mut SpectralWorkspace::default(), a, b)
    }

    /// Whether no omega is above omega_max.
    pub(crate) fn check(&self, spectrum: &SpectralFunction) -> Result<()> {
        match (self.omega_max, spectrum.largest_omega()) {
            (Some(most), Some(omega)) if omega > most => {
                Err(CoreError::out_of_range("largest omega", omega, "at most omega_max").into())
            }
            _ => Ok(()),
        }
    }

    /// The quantiles that are compared, those of the lighter event with its missing line, and the root of the integral of s they
    /// share; `None` if there is no energy in either.
    pub(crate) fn sides<'s>(
        &self,
        workspace: &'s mut SpectralWorkspace,
        a: &'s SpectralFunction,
        b: &'s SpectralFunction,
    ) -> Result<Option<([&'s Quantiles; 2], f64)>> {
        let Some(omega_max) = self.omega_max else {
            for (event, spectrum) in [("first", a), ("second", b)] {
                if spectrum.is_empty() {
                    return Err(Error::NoEnergy { event });
                }
            }
            return Ok(Some(([&a.quantiles, &b.quantiles], 1.0)));
        };
        let (from, to) = (a.total_energy(), b.total_energy());
        let heavier = from.max(to);
        if heavier == 0.0 {
            return Ok(None);
        }
        let mut sides = [&a.quantiles, &b.quantiles];
        if from != to {
            let lighter = usize::from(from > to);
            let share = (from.min(to) / heavier).powi(2);
            workspace.padded =
                padded(std::mem::take(&mut workspace.padded), sides[lighter], share, omega_max);
            sides[lighter] = &workspace.padded;
        }
        Ok(Some((sides, heavier)))
    }
}

/// Memory for [`SpectralEmd`] that is reused from pair to pair.
#[derive(Debug, Clone, Default)]
pub struct SpectralWorkspace {
    /// The lighter event with its missing line.
    padded: Quantiles,
}

/// `quantiles` as `share` of the whole, the rest a step at `position` above it.
fn padded(memory: Quantiles, quantiles: &Quantiles, share: f64, position: f64) -> Quantiles {
    let mut steps = memory.into_steps();
    steps.clear();
    #[expect(clippy::cast_possible_truncation, reason = "not above 2^60")]
    let level = |level: i64| (level as f64 * share).round() as i64;
    steps.extend(quantiles.steps().iter().map(|s| Step { position: s.position, level: level(s.level) }));
    steps.push(Step { position, level: FULL });
    Quantiles::from_steps(steps)
}

impl Divergence for SpectralEmd {
    type Event = EnergyFlow;
    type Prepared<'a> = SpectralFunction;
    type Workspace = SpectralWorkspace;

    /// The spectral function of the event.
    ///
    /// # Errors
    /// [`Error::CostNotFinite`] naming two particles whose omega overflows; an omega above omega_max.
    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<SpectralFunction> {
        let spectrum = SpectralFunction::with_cost(event, &self.cost)?;
        self.check(&spectrum)?;
        Ok(spectrum)
    }

    /// SEMD(a, b).
    ///
    /// # Errors
    /// [`Error::NoEnergy`] for an event without energy if normalised; [`Error::ValueOverflows`].
    fn prepared_value(
        &self,
        workspace: &mut SpectralWorkspace,
        a: &SpectralFunction,
        b: &SpectralFunction,
    ) -> Result<f64> {
        match self.sides(workspace, a, b)? {
            // One factor after the other: their square may overflow where the value does not.
            Some(([a, b], energy)) => representable(energy * (energy * a.power_cost(b, 2.0))),
            None => Ok(0.0),
        }
    }

    /// 1/2.
    fn exponent(&self) -> f64 {
        0.5
    }

    /// (mean - mean')² + (sigma - sigma')² of the omegas if normalised, which no transport can fall below.
    fn lower_bound(&self, a: &SpectralFunction, b: &SpectralFunction) -> f64 {
        if self.omega_max.is_some() || a.is_empty() || b.is_empty() {
            return f64::NEG_INFINITY;
        }
        let ((mean_a, spread_a), (mean_b, spread_b)) = (a.mean_and_spread(), b.mean_and_spread());
        let bound = (mean_a - mean_b).powi(2) + (spread_a - spread_b).powi(2);
        // Less the rounding of the moments and of the value, whose errors are about 1e-16 of their sizes and grow with the number of
        // terms, with a large margin; and of squares that are subnormal numbers.
        let relative = 1e-12 + f64::EPSILON * (a.len() + b.len()) as f64;
        let size = (mean_a + mean_b + spread_a + spread_b) * relative;
        let rounding = size * (size + 2.0 * bound.sqrt()) + f64::MIN_POSITIVE;
        if bound.is_finite() { bound - rounding } else { f64::NEG_INFINITY }
    }
}

impl EventMetric<ParticleSets> for SpectralEmd {
    /// The [`metric`](Divergence::metric) of the events' transverse momenta at their rapidities and azimuths.
    fn distance(&self, a: ParticleSet<'_>, b: ParticleSet<'_>) -> hepml_core::Result<f64> {
        Ok(self.metric(&EnergyFlow::from_particles(a)?, &EnergyFlow::from_particles(b)?)?)
    }
}
