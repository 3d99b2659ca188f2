//! Distances between events.

use crate::error::Result;
use crate::event_set::EventSet;

/// A distance between two events: symmetric, zero for equal events, with the triangle inequality where the type says so.
///
/// Where the field's quantity is a power of a distance (the EMD for beta > 1), `distance` is the root, and the type has a
/// method `value` for the quantity.
pub trait EventMetric<E: EventSet>: Send + Sync {
    /// The distance of two events.
    ///
    /// # Errors
    /// Events between which there is no distance.
    fn distance(&self, a: E::Event<'_>, b: E::Event<'_>) -> Result<f64>;
}

impl<E: EventSet, M: EventMetric<E> + ?Sized> EventMetric<E> for &M {
    fn distance(&self, a: E::Event<'_>, b: E::Event<'_>) -> Result<f64> {
        (**self).distance(a, b)
    }
}

impl<E: EventSet, M: EventMetric<E> + ?Sized> EventMetric<E> for Box<M> {
    fn distance(&self, a: E::Event<'_>, b: E::Event<'_>) -> Result<f64> {
        (**self).distance(a, b)
    }
}
