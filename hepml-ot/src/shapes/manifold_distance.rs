//! The distance from an event to a manifold of events.

use hepml_core::{Error as CoreError, EventSet, Observables, ParticleSets, Table};

use crate::energy_flow::EnergyFlow;
use crate::error::Result;
use crate::exact::{Emd, EmdConfig};
use crate::shapes::manifold::Manifold;
use crate::shapes::manifold_search::ManifoldSearch;

/// The parameters of a [`ManifoldDistance`]: R = 1, beta = 1, azimuth not periodic, at most 20000 evaluations, tolerance 1e-5, unless set
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ManifoldDistanceConfig {
    radius: f64,
    beta: f64,
    periodic_phi: bool,
    max_evaluations: usize,
    tolerance: f64,
}

impl Default for ManifoldDistanceConfig {
    fn default() -> Self {
        Self { radius: 1.0, beta: 1.0, periodic_phi: false, max_evaluations: 20_000, tolerance: 1e-5 }
    }
}

impl ManifoldDistanceConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The distance R that others are divided by.
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

    /// Whether azimuths are differences around a circle.
    #[must_use]
    pub fn periodic_phi(mut self, periodic_phi: bool) -> Self {
        self.periodic_phi = periodic_phi;
        self
    }

    /// The EMDs after which a search is ended as it stands, not converged.
    #[must_use]
    pub fn max_evaluations(mut self, evaluations: usize) -> Self {
        self.max_evaluations = evaluations;
        self
    }

    /// The step of a parameter, in its unit ([`Manifold::units`]), below which it is not refined.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The distance to a manifold with these parameters.
    ///
    /// # Errors
    /// A radius, beta or tolerance that is not positive and finite; no evaluations.
    pub fn build<M: Manifold>(self, manifold: M) -> Result<ManifoldDistance<M>> {
        let emd = EmdConfig::new()
            .radius(self.radius)
            .beta(self.beta)
            .normalise(true)
            .periodic_phi(self.periodic_phi)
            .build()?;
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            let error = CoreError::out_of_range("tolerance", self.tolerance, "positive and finite");
            return Err(error.into());
        }
        if self.max_evaluations == 0 {
            return Err(CoreError::out_of_range("number of evaluations", 0.0, "at least 1").into());
        }
        let Self { max_evaluations, tolerance, .. } = self;
        Ok(ManifoldDistance { manifold, emd, max_evaluations, tolerance })
    }
}

/// The distance from an event to the nearest event of a manifold: an event shape (arXiv:2004.04159, arXiv:2302.12266).
///
/// It is the least normalised [`Emd`], min over parameters of min_f sum_ij f_ij (theta_ij/R)^beta with both events of total energy
/// 1. For a ring it is called ringiness, for a disk diskiness, for an ellipse ellipsiness, for N points N-(sub)jettiness.
///
/// The EMD is exact, and so is its slope (envelope theorem: the optimal plan and its potentials), but as a function of the parameters
/// it has kinks and several minima. It is gone down on from several starts (quasi-Newton steps that bear kinks), and from the best of
/// the ends by steps of single parameters. The result is a local minimum; [`ManifoldFit`] tells how many starts agree on it,
/// and whether any step of one parameter was left that lowers it. A manifold that knows its nearest event ([`Manifold::nearest`]) is
/// not searched.
///
/// As [`Observables`] of jets, each about its axis, it has one column for the value and one for each parameter.
///
/// ```
/// use hepml_ot::{ManifoldDistanceConfig, Manifold, Ring};
///
/// let ring = Ring::new(24)?;
/// let event = ring.event(&[0.1, -0.2, 0.4])?;
/// let fit = ManifoldDistanceConfig::new().build(ring)?.fit(&event)?;
/// assert!(fit.value < 1e-5 && fit.converged);
/// assert!((fit.parameter("radius")? - 0.4).abs() < 1e-4);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ManifoldDistance<M> {
    manifold: M,
    emd: Emd,
    max_evaluations: usize,
    tolerance: f64,
}

/// The nearest event of a manifold that was found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ManifoldFit {
    /// The distance, of the unit 1.
    pub value: f64,
    /// The parameters of the nearest event, as [`Manifold::canonical`] puts them.
    pub parameters: Vec<f64>,
    /// The names of the parameters.
    pub names: Vec<String>,
    /// The nearest event.
    pub event: EnergyFlow,
    /// The number of EMDs computed.
    pub evaluations: usize,
    /// The number of starts; 1 if the manifold knew its nearest event.
    pub starts: usize,
    /// The number of starts from which the first descent led to the lowest value, to a thousandth of it. If it is 1 of many,
    /// another search might find a lower one.
    pub agreeing: usize,
    /// The step of a single parameter, in its unit, that no longer lowers the value.
    pub residual: f64,
    /// Whether the search ended because steps were as short as was asked for, not for want of evaluations.
    pub converged: bool,
}

impl ManifoldFit {
    /// The parameter with this name.
    ///
    /// # Errors
    /// A name that none has, with those there are.
    pub fn parameter(&self, name: &str) -> Result<f64> {
        match self.names.iter().position(|known| known == name) {
            Some(position) => Ok(self.parameters[position]),
            None => Err(CoreError::UnknownName {
                what: "parameter",
                name: name.to_owned(),
                known: self.names.clone(),
            }
            .into()),
        }
    }
}

impl<M: Manifold> ManifoldDistance<M> {
    /// The manifold.
    pub fn manifold(&self) -> &M {
        &self.manifold
    }

    /// The distance between events that is made least: normalised.
    pub fn emd(&self) -> &Emd {
        &self.emd
    }

    /// The nearest event and the distance to it.
    ///
    /// # Errors
    /// An event without energy; a manifold that gives no start, starts or units of another number of parameters, or events whose
    /// numbers of particles differ; [`Error::ValueOverflows`](crate::Error::ValueOverflows),
    /// [`Error::CostNotFinite`](crate::Error::CostNotFinite) for points too far apart; as [`Emd::gradient`].
    pub fn fit(&self, event: &EnergyFlow) -> Result<ManifoldFit> {
        if event.total_energy() == 0.0 {
            return Err(CoreError::out_of_range("total energy", 0.0, "positive").into());
        }
        ManifoldSearch::new(&self.emd, event, self.max_evaluations, self.tolerance).fit(&self.manifold)
    }
}

impl<M: Manifold> Observables<ParticleSets> for ManifoldDistance<M> {
    fn observe(&self, jets: &ParticleSets) -> hepml_core::Result<Table> {
        let mut table = Table::zeros((jets.event_count(), 1 + self.manifold.names().len()));
        for (index, jet) in jets.events().enumerate() {
            let fit = EnergyFlow::about_axis(jet)
                .and_then(|flow| self.fit(&flow))
                .map_err(|error| CoreError::from(error).at_event(index))?;
            table[(index, 0)] = fit.value;
            table.row_mut(index).iter_mut().skip(1).zip(fit.parameters).for_each(|(to, from)| *to = from);
        }
        Ok(table)
    }
}
