//! Observables: events to tables, and table learners lifted to any events.

use rand::Rng;

use crate::error::Result;
use crate::event_set::EventSet;
use crate::fit_report::Fitted;
use crate::observer::Observer;
use crate::ratio::{LogRatio, RatioEstimator};
use crate::table::Table;
use crate::weighted::Weighted;

/// Numbers computed from each event: substructure, tagger scores, embeddings, distances to references.
pub trait Observables<E>: Send + Sync {
    /// The observables `[events, observables]`.
    ///
    /// # Errors
    /// Events for which an observable is not defined, named.
    fn observe(&self, events: &E) -> Result<Table>;
}

impl<E, O: Observables<E> + ?Sized> Observables<E> for &O {
    fn observe(&self, events: &E) -> Result<Table> {
        (**self).observe(events)
    }
}

impl<E, O: Observables<E> + ?Sized> Observables<E> for Box<O> {
    fn observe(&self, events: &E) -> Result<Table> {
        (**self).observe(events)
    }
}

/// Observables of a closure.
#[derive(Debug, Clone, Copy)]
pub struct ObserveWith<F>(pub F);

impl<E, F: Fn(&E) -> Result<Table> + Send + Sync> Observables<E> for ObserveWith<F> {
    fn observe(&self, events: &E) -> Result<Table> {
        (self.0)(events)
    }
}

/// A learner or model of tables, used on events through observables.
#[derive(Debug, Clone)]
pub struct OnObservables<O, M> {
    /// What the learner sees of the events.
    pub observables: O,
    /// The learner, or the model it returned.
    pub inner: M,
}

impl<E, O: Observables<E>, M: LogRatio<Table>> LogRatio<E> for OnObservables<O, M> {
    fn log_ratio(&self, events: &E) -> Result<ndarray::Array1<f64>> {
        self.inner.log_ratio(&self.observables.observe(events)?)
    }
}

impl<E, O, R> RatioEstimator<E> for OnObservables<O, R>
where
    E: EventSet,
    O: Observables<E> + Clone,
    R: RatioEstimator<Table>,
{
    type Model = OnObservables<O, R::Model>;

    fn fit(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Self::Model>> {
        let observe = |side: &Weighted<E>| {
            Weighted::new(self.observables.observe(side.events())?, side.weights().to_vec())
        };
        let fitted = self.inner.fit(&observe(numerator)?, &observe(denominator)?, rng, observer)?;
        Ok(fitted.map(|inner| OnObservables { observables: self.observables.clone(), inner }))
    }
}
