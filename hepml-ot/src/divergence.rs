//! What the exact EMD and its relatives have in common.

use hepml_core::Error as CoreError;

use crate::error::{Error, Result};
use crate::pairwise::Pairwise;

/// A number that says how different two events are, and a power of which may be a distance.
///
/// [`value`](Self::value) is the quantity of the literature, [`metric`](Self::metric) its power [`exponent`](Self::exponent):
/// the type says when that obeys the axioms of a metric. Everything that is computed from many pairs (matrices, streams,
/// neighbours, dimensions) takes any divergence, your own too. What can be computed of an event alone is done once, by
/// [`prepare`](Self::prepare).
///
/// ```
/// use hepml_ot::{Divergence, Result};
///
/// /// How much the numbers of particles differ.
/// struct CountDifference;
///
/// impl Divergence for CountDifference {
///     type Event = Vec<f64>;
///     type Prepared<'a> = f64;
///     type Workspace = ();
///
///     fn prepare<'a>(&'a self, event: &'a Vec<f64>) -> Result<f64> {
///         Ok(event.len() as f64)
///     }
///
///     fn prepared_value(&self, _: &mut (), a: &f64, b: &f64) -> Result<f64> {
///         Ok((a - b).abs())
///     }
/// }
///
/// let events = [vec![1.0, 2.0], vec![], vec![3.0]];
/// assert_eq!(CountDifference.pairwise(&events)?.values(&mut ())?.values(), [2.0, 1.0, 1.0]);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
pub trait Divergence: Send + Sync {
    /// What is compared.
    type Event: Sync;
    /// An event with what has been computed of it alone.
    type Prepared<'a>: Send + Sync
    where
        Self: 'a;
    /// Memory that is reused from pair to pair, one a thread; nothing in it may change a value.
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

    /// A number that the value, as it is computed, does not fall below, had far faster than the value.
    ///
    /// It is what spares most values in [`value_if_below`](Self::value_if_below), in the search for neighbours and in streams
    /// with a limit. A NaN bounds nothing.
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

    /// The value between two prepared events if it is below `threshold`, else `None`; not computed if the
    /// [`lower_bound`](Self::lower_bound) is not below it either.
    ///
    /// # Errors
    /// A threshold that is NaN; as [`prepared_value`](Self::prepared_value), unless the lower bound is enough.
    ///
    /// ```
    /// use hepml_ot::{Divergence, Emd, EnergyFlow};
    ///
    /// let emd = Emd::default();
    /// let (a, b) = (EnergyFlow::from_rows(&[[2.0, 0.0, 0.0]])?, EnergyFlow::from_rows(&[[2.0, 0.25, 0.0]])?);
    /// let (a, b) = (emd.prepare(&a)?, emd.prepare(&b)?);
    /// let mut workspace = Default::default();
    /// assert_eq!(emd.value_if_below(&mut workspace, &a, &b, 0.75)?, Some(0.5));
    /// assert_eq!(emd.value_if_below(&mut workspace, &a, &b, 0.5)?, None);
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    fn value_if_below(
        &self,
        workspace: &mut Self::Workspace,
        a: &Self::Prepared<'_>,
        b: &Self::Prepared<'_>,
        threshold: f64,
    ) -> Result<Option<f64>> {
        if threshold.is_nan() {
            return Err(CoreError::out_of_range("threshold", threshold, "a number").into());
        }
        if self.lower_bound(a, b) >= threshold {
            return Ok(None);
        }
        let value = self.prepared_value(workspace, a, b)?;
        Ok((value < threshold).then_some(value))
    }

    /// All pairs of a list of events, each pair once: the divergence has to be symmetric.
    ///
    /// The events are prepared, on all threads.
    ///
    /// # Errors
    /// [`Error::Event`] with the first event that cannot be prepared, and why.
    fn pairwise<'a>(&'a self, events: &'a [Self::Event]) -> Result<Pairwise<'a, Self>>
    where
        Self: Sized,
    {
        Pairwise::within(self, events)
    }

    /// Each event of one list with each of another.
    ///
    /// # Errors
    /// As [`pairwise`](Self::pairwise).
    fn cross<'a>(&'a self, rows: &'a [Self::Event], columns: &'a [Self::Event]) -> Result<Pairwise<'a, Self>>
    where
        Self: Sized,
    {
        Pairwise::between(self, rows, columns)
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
        let error = CoreError::out_of_range("value whose root is taken", value, "zero or positive");
        Err(Error::Core(error))
    }
}
