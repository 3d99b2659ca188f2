//! Densities and samplers, unconditional and conditional on a context.

use ndarray::Array1;
use rand::Rng;

use crate::error::Result;
use crate::event_set::EventSet;
use crate::fit_report::Fitted;
use crate::observer::Observer;
use crate::table::Table;
use crate::weighted::Weighted;

/// A normalised probability density.
pub trait Density<E>: Send + Sync {
    /// ln p(x), one an event; -infinity outside the support.
    ///
    /// # Errors
    /// Events that the density cannot take, named.
    fn log_prob(&self, events: &E) -> Result<Array1<f64>>;
}

/// Draws events.
pub trait Sampler<E>: Send + Sync {
    /// `n` independent events.
    ///
    /// # Errors
    /// What keeps the sampler from drawing.
    fn sample(&self, n: usize, rng: &mut dyn Rng) -> Result<E>;
}

/// A density given a context `C`, one context an event.
pub trait ConditionalDensity<E, C = Table>: Send + Sync {
    /// ln p(x_i | c_i), one an event.
    ///
    /// # Errors
    /// Another number of contexts than of events; events or contexts that the density cannot take, named.
    fn log_prob(&self, events: &E, context: &C) -> Result<Array1<f64>>;
}

/// Draws events given a context.
pub trait ConditionalSampler<E, C = Table>: Send + Sync {
    /// One event a context.
    ///
    /// # Errors
    /// Contexts that the sampler cannot take, named.
    fn sample(&self, context: &C, rng: &mut dyn Rng) -> Result<E>;
}

/// Learns a density from a weighted sample.
pub trait DensityEstimator<E: EventSet>: Send + Sync {
    /// What is learned: mostly a [`Density`], a [`Sampler`], or both.
    type Model;

    /// Fits the density of `data`.
    ///
    /// # Errors
    /// As [`RatioEstimator::fit`](crate::RatioEstimator::fit).
    fn fit(
        &self,
        data: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Self::Model>>;
}

/// Learns a conditional density from a weighted sample and its contexts.
pub trait ConditionalDensityEstimator<E: EventSet, C = Table>: Send + Sync {
    /// What is learned: mostly a [`ConditionalDensity`], a [`ConditionalSampler`], or both.
    type Model;

    /// Fits the density of `data` given `context`, one context an event.
    ///
    /// # Errors
    /// As [`RatioEstimator::fit`](crate::RatioEstimator::fit).
    fn fit(
        &self,
        data: &Weighted<E>,
        context: &C,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Self::Model>>;
}

/// Forwards the traits without associated types through references and boxes.
macro_rules! forward {
    ($pointer:ty, $inner:ident) => {
        impl<E, $inner: Density<E> + ?Sized> Density<E> for $pointer {
            fn log_prob(&self, events: &E) -> Result<Array1<f64>> {
                (**self).log_prob(events)
            }
        }
        impl<E, $inner: Sampler<E> + ?Sized> Sampler<E> for $pointer {
            fn sample(&self, n: usize, rng: &mut dyn Rng) -> Result<E> {
                (**self).sample(n, rng)
            }
        }
        impl<E, C, $inner: ConditionalDensity<E, C> + ?Sized> ConditionalDensity<E, C> for $pointer {
            fn log_prob(&self, events: &E, context: &C) -> Result<Array1<f64>> {
                (**self).log_prob(events, context)
            }
        }
        impl<E, C, $inner: ConditionalSampler<E, C> + ?Sized> ConditionalSampler<E, C> for $pointer {
            fn sample(&self, context: &C, rng: &mut dyn Rng) -> Result<E> {
                (**self).sample(context, rng)
            }
        }
    };
}

forward!(&M, M);
forward!(Box<M>, M);
