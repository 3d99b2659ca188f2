//! Likelihood ratios.
//!
//! # Conventions
//! A ratio is p_num/p_den of densities, each side normalised to its own sum of weights, and is carried as its natural
//! logarithm. A ratio that can be negative (signed weights) has a `ratio()` on its concrete type; its `log_ratio` is an
//! error naming the event where there is no logarithm.

use ndarray::Array1;
use rand::Rng;

use crate::error::Result;
use crate::event_set::EventSet;
use crate::fit_report::Fitted;
use crate::observer::Observer;
use crate::weighted::Weighted;

/// The logarithm of a likelihood ratio; the one method a user's own model has to have.
pub trait LogRatio<E: ?Sized>: Send + Sync {
    /// ln p_num/p_den, one an event.
    ///
    /// # Errors
    /// Events that the model cannot take, named.
    fn log_ratio(&self, events: &E) -> Result<Array1<f64>>;
}

impl<E: ?Sized, M: LogRatio<E> + ?Sized> LogRatio<E> for &M {
    fn log_ratio(&self, events: &E) -> Result<Array1<f64>> {
        (**self).log_ratio(events)
    }
}

impl<E: ?Sized, M: LogRatio<E> + ?Sized> LogRatio<E> for Box<M> {
    fn log_ratio(&self, events: &E) -> Result<Array1<f64>> {
        (**self).log_ratio(events)
    }
}

/// Learns a likelihood ratio from two weighted samples.
pub trait RatioEstimator<E: EventSet>: Send + Sync {
    /// What is learned; it keeps its own methods (save, plots).
    type Model: LogRatio<E>;

    /// Fits p_num/p_den.
    ///
    /// # Errors
    /// Samples from which nothing can be learned; [`Error::Stopped`](crate::Error::Stopped) where the observer stopped
    /// the fit before there was a usable model (else the model comes with `report.stopped`).
    fn fit(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Self::Model>>;
}

impl<E: EventSet, R: RatioEstimator<E> + ?Sized> RatioEstimator<E> for &R {
    type Model = R::Model;

    fn fit(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Self::Model>> {
        (**self).fit(numerator, denominator, rng, observer)
    }
}

/// A ratio estimator whose model type is erased: what collections of different learners and the C API hold.
///
/// `Box<dyn DynRatioEstimator<E>>` is itself a [`RatioEstimator`]; [`Erased`] makes one of any estimator.
pub trait DynRatioEstimator<E: EventSet>: Send + Sync {
    /// As [`RatioEstimator::fit`].
    ///
    /// # Errors
    /// As [`RatioEstimator::fit`].
    fn fit_dyn(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Box<dyn LogRatio<E>>>>;
}

/// Any estimator with its model boxed.
#[derive(Debug, Clone)]
pub struct Erased<R>(pub R);

impl<E, R> DynRatioEstimator<E> for Erased<R>
where
    E: EventSet,
    R: RatioEstimator<E>,
    R::Model: 'static,
{
    fn fit_dyn(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Box<dyn LogRatio<E>>>> {
        Ok(self
            .0
            .fit(numerator, denominator, rng, observer)?
            .map(|model| Box::new(model) as Box<dyn LogRatio<E>>))
    }
}

impl<E: EventSet> RatioEstimator<E> for Box<dyn DynRatioEstimator<E> + '_> {
    type Model = Box<dyn LogRatio<E>>;

    fn fit(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Self::Model>> {
        (**self).fit_dyn(numerator, denominator, rng, observer)
    }
}
