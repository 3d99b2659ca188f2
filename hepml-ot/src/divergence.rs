//! What the exact EMD and its relatives have in common.

use crate::error::{Error, Result};

/// A number that says how different two events are, and a power of which may be a distance.
///
/// [`value`](Self::value) is the quantity of the literature, [`metric`](Self::metric) its power [`exponent`](Self::exponent):
/// the type says when that obeys the axioms of a metric. Everything that is computed from many pairs (matrices, streams,
/// neighbours, dimensions) takes any divergence. What can be computed of an event alone is done once, by
/// [`prepare`](Self::prepare).
pub trait Divergence: Send + Sync {
    /// What is compared.
    type Event: Sync;
    /// An event with what has been computed of it alone.
    type Prepared<'a>: Send + Sync
    where
        Self: 'a;
    /// Memory that is reused from pair to pair, one a thread.
    type Workspace: Default + Send;

    /// What can be computed of an event before its partner is known.
    ///
    /// # Errors
    /// An event that the divergence is not defined for.
    fn prepare<'a>(&'a self, event: &'a Self::Event) -> Result<Self::Prepared<'a>>;

    /// The value between two prepared events: the same number as [`value`](Self::value) up to rounding.
    ///
    /// # Errors
    /// As the type says.
    fn prepared_value(
        &self,
        workspace: &mut Self::Workspace,
        a: &Self::Prepared<'_>,
        b: &Self::Prepared<'_>,
    ) -> Result<f64>;

    /// The power of the value that is a distance.
    fn exponent(&self) -> f64 {
        1.0
    }

    /// A number that the value does not fall below, had far faster than the value.
    fn lower_bound(&self, _a: &Self::Prepared<'_>, _b: &Self::Prepared<'_>) -> f64 {
        f64::NEG_INFINITY
    }

    /// The value between two events.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare) and [`prepared_value`](Self::prepared_value).
    fn value(&self, a: &Self::Event, b: &Self::Event) -> Result<f64> {
        self.value_in(&mut Self::Workspace::default(), a, b)
    }

    /// The value between two events, computed in memory that is reused.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    fn value_in(&self, workspace: &mut Self::Workspace, a: &Self::Event, b: &Self::Event) -> Result<f64> {
        self.prepared_value(workspace, &self.prepare(a)?, &self.prepare(b)?)
    }

    /// The value between two events to the power [`exponent`](Self::exponent).
    ///
    /// # Errors
    /// As [`value`](Self::value); a value that is negative and so has no root.
    fn metric(&self, a: &Self::Event, b: &Self::Event) -> Result<f64> {
        metric_of(self.value(a, b)?, self.exponent())
    }
}

/// A value to a power, by which a distance is had of it.
pub(crate) fn metric_of(value: f64, exponent: f64) -> Result<f64> {
    if exponent == 1.0 {
        Ok(value)
    } else if value >= 0.0 {
        Ok(value.powf(exponent))
    } else {
        let error = hepml_core::Error::out_of_range("value whose root is taken", value, "zero or positive");
        Err(Error::Core(error))
    }
}
