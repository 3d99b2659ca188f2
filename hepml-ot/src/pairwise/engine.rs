//! Events that are ready to be compared, each with each.

use std::sync::{Mutex, PoisonError};

use hepml_core::Observer;

use crate::divergence::Divergence;
use crate::error::{Error, Result};
use crate::pairwise::correlation_dimension::{CorrelationCounts, CorrelationDimension};
use crate::pairwise::handler::PairHandler;
use crate::pairwise::log_axis::LogAxis;
use crate::pairwise::neighbours::Neighbours;
use crate::pairwise::pairing::Pairing;
use crate::pairwise::values::PairValues;
use crate::pairwise::{nearest, parallel, stream};

/// The events of one list or of two, prepared to be compared each with each by a divergence.
///
/// Made by [`Divergence::pairwise`] and [`Divergence::cross`]. Within one list the divergence has to be symmetric, as each
/// pair is computed once, the event with the lower index first; an event is not compared with itself.
///
/// ```
/// use hepml_ot::{Divergence, Emd, EnergyFlow};
///
/// let events: Vec<EnergyFlow> = [0.0, 0.25, 1.0]
///     .map(|y| EnergyFlow::from_rows(&[[2.0, y, 0.0]])).into_iter().collect::<Result<_, _>>()?;
/// let emd = Emd::default();
/// let pairs = emd.pairwise(&events)?;
/// assert_eq!(pairs.values(&mut ())?.values(), [0.5, 2.0, 1.5]);
/// let (neighbours, _) = pairs.nearest(1, &mut ())?;
/// assert_eq!(neighbours.lists().iter().map(|list| list[0].index).collect::<Vec<_>>(), [1, 0, 1]);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug)]
pub struct Pairwise<'a, D: Divergence> {
    divergence: &'a D,
    rows: Vec<D::Prepared<'a>>,
    /// The second list, if there are two.
    columns: Option<Vec<D::Prepared<'a>>>,
    /// Workspaces that no thread is using.
    idle: Mutex<Vec<D::Workspace>>,
}

/// How much of the work of a pairwise computation was done, and how much of it was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PairReport {
    /// The pairs there are.
    pub total: usize,
    /// The pairs that were settled; fewer than `total` if the observer stopped the work.
    pub settled: usize,
    /// The values that were computed; for the other pairs a lower bound was enough. Of a computation that was stopped also
    /// those that were dropped.
    pub computed: usize,
}

impl PairReport {
    /// Whether all pairs were settled.
    pub fn is_complete(&self) -> bool {
        self.settled == self.total
    }
}

impl<'a, D: Divergence> Pairwise<'a, D> {
    pub(crate) fn within(divergence: &'a D, events: &'a [D::Event]) -> Result<Self> {
        let rows = prepared(divergence, events, "event")?;
        Ok(Self { divergence, rows, columns: None, idle: Mutex::default() })
    }

    pub(crate) fn between(divergence: &'a D, rows: &'a [D::Event], columns: &'a [D::Event]) -> Result<Self> {
        let rows = prepared(divergence, rows, "row")?;
        let columns = Some(prepared(divergence, columns, "column")?);
        Ok(Self { divergence, rows, columns, idle: Mutex::default() })
    }

    /// Which pairs there are.
    pub fn pairing(&self) -> Pairing {
        match &self.columns {
            None => Pairing::Within { events: self.rows.len() },
            Some(columns) => Pairing::Between { rows: self.rows.len(), columns: columns.len() },
        }
    }

    /// The [`value`](Divergence::value)s of all pairs, stored: 8 bytes each.
    ///
    /// The observer sees the pairs done (stage "pairwise") and may stop the work: the first pairs in packed order, up
    /// to 16 rows fewer than were begun, are then there.
    ///
    /// # Errors
    /// As [`stream`](Self::stream).
    pub fn values(&self, observer: &mut dyn Observer) -> Result<PairValues> {
        let mut values = Vec::with_capacity(self.pairing().pair_count()?);
        self.stream(&mut |_: usize, _: usize, value: f64| values.push(value), observer)?;
        Ok(PairValues::new(self.pairing(), self.divergence.exponent(), values))
    }

    /// Gives the [`value`](Divergence::value)s of all pairs to a handler, in packed order and from the calling thread,
    /// without storing them.
    ///
    /// The observer sees the pairs done (stage "pairwise") and may stop the work: the handler then has got the first pairs in packed
    /// order, as many as the report says, up to 16 rows fewer than were begun.
    ///
    /// # Errors
    /// [`Error::Pair`] with the first pair, in packed order, that has no value or one that is not finite, and why; the handler
    /// then has got all pairs before it. A pair that a lower bound shows to be beyond the handler's limit is not
    /// computed and so has no error. An error of [`PairHandler::begin`]; a limit that is NaN.
    pub fn stream(
        &self,
        handler: &mut (impl PairHandler + ?Sized),
        observer: &mut dyn Observer,
    ) -> Result<PairReport> {
        stream::stream(self, handler, observer)
    }

    /// The `k` nearest neighbours of each event of the list among the others; of each event of the first list in the second,
    /// if there are two.
    ///
    /// The lists are those that all values would give, but only the values are computed that the divergence's
    /// [`lower_bound`](Divergence::lower_bound) does not make needless; the report says how many. Within a list of n events one
    /// bit per pair is kept.
    ///
    /// The observer sees the events done (stage "neighbours") and may stop the work: the lists of the first events are then there.
    ///
    /// # Errors
    /// `k` = 0; [`Error::Pair`] for a pair that had to be computed and has no value or one that is not finite.
    pub fn nearest(&self, k: usize, observer: &mut dyn Observer) -> Result<(Neighbours, PairReport)> {
        nearest::nearest(self, k, observer)
    }

    /// The correlation dimension of the events of the list, of whose values only those below the axis' highest scale are computed
    /// unless the lower bound leaves it open.
    ///
    /// # Errors
    /// Two lists; fewer than 3 events; [`Error::Incomplete`] if the observer stopped the work; [`Error::NoPairsBelow`] if no
    /// bin has a dimension; as [`stream`](Self::stream).
    ///
    /// ```
    /// use hepml_ot::{Divergence, Emd, EnergyFlow, LogAxis};
    ///
    /// // Events of one particle each, along a line.
    /// let events: Vec<EnergyFlow> = (0..200_u8)
    ///     .map(|i| EnergyFlow::from_rows(&[[1.0, f64::from(i) / 200.0, 0.0]])).collect::<Result<_, _>>()?;
    /// let emd = Emd::default();
    /// let dimension = emd.pairwise(&events)?.correlation_dimension(&LogAxis::new(0.0475, 0.0975, 1)?, &mut ())?;
    /// assert!((dimension.points()[0].dimension - 1.0).abs() < 0.1);
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn correlation_dimension(
        &self,
        scales: &LogAxis,
        observer: &mut dyn Observer,
    ) -> Result<CorrelationDimension> {
        let mut counts = CorrelationCounts::new(scales.clone());
        self.stream(&mut counts, observer)?;
        counts.dimension()
    }

    /// The value of a pair, or `None` if it is not below the limit, and whether it was computed.
    pub(crate) fn value(
        &self,
        workspace: &mut D::Workspace,
        (first, second): (usize, usize),
        limit: f64,
    ) -> (bool, Result<Option<f64>>) {
        let (a, b) = (&self.rows[first], self.column(second));
        // Without a limit there is nothing that a bound could spare.
        if limit < f64::INFINITY && self.divergence.lower_bound(a, b) >= limit {
            return (false, Ok(None));
        }
        let value = self.divergence.prepared_value(workspace, a, b).and_then(|value| {
            if value.is_finite() {
                Ok(value)
            } else {
                Err(hepml_core::Error::not_finite("value", value).into())
            }
        });
        let value = value.map_err(|source| Error::Pair { first, second, source: source.into() });
        (true, value.map(|value| (value < limit).then_some(value)))
    }

    pub(crate) fn lower_bound(&self, (first, second): (usize, usize)) -> f64 {
        self.divergence.lower_bound(&self.rows[first], self.column(second))
    }

    fn column(&self, index: usize) -> &D::Prepared<'a> {
        &self.columns.as_ref().unwrap_or(&self.rows)[index]
    }

    /// Runs `work` with a workspace that no other thread has; of workspaces there are as many as there ever were threads at
    /// work, so their memory is reused from call to call.
    pub(crate) fn with_workspace<R>(&self, work: impl FnOnce(&mut D::Workspace) -> R) -> R {
        // A panic elsewhere cannot leave a list of workspaces half changed.
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut workspace = idle().pop().unwrap_or_default();
        let result = work(&mut workspace);
        idle().push(workspace);
        result
    }
}

/// The events, prepared on all threads, or the first error.
fn prepared<'a, D: Divergence>(
    divergence: &'a D,
    events: &'a [D::Event],
    list: &'static str,
) -> Result<Vec<D::Prepared<'a>>> {
    let prepared = parallel::map(events, |event| divergence.prepare(event));
    let place = |index| move |source: Error| Error::Event { list, index, source: source.into() };
    prepared.into_iter().enumerate().map(|(index, event)| event.map_err(place(index))).collect()
}
