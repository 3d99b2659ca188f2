//! Events in the order of their distance from a seed.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use hepml_core::{Error as CoreError, EventMetric, EventSet, Item};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use crate::error::Result;

/// Sees an event and its distance from the seed; `Break` ends the search.
pub(super) type Visit<'a> = dyn FnMut(usize, f64) -> ControlFlow<()> + 'a;

/// A candidate of a search; the greatest in a heap is the nearest, of equally near ones that of the lowest index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) distance: f64,
    pub(super) index: usize,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then(other.index.cmp(&self.index))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

/// Visits all other events from the nearest to the farthest, in any distance.
pub(super) fn visit_all<E, M>(events: &E, metric: &M, seed: usize, visit: &mut Visit<'_>) -> Result<()>
where
    E: EventSet,
    M: EventMetric<E> + ?Sized,
{
    let candidate = |index: usize| {
        let distance = metric
            .distance(events.event(seed), events.event(index))
            .map_err(|error| error.at_event(index))?;
        if !(distance >= 0.0 && distance.is_finite()) {
            return Err(bad_distance(seed, index, distance));
        }
        Ok(Candidate { distance, index })
    };
    let others = |index: &usize| *index != seed;
    #[cfg(feature = "rayon")]
    let candidates: Result<Vec<Candidate>, CoreError> =
        (0..events.event_count()).into_par_iter().filter(others).map(candidate).collect();
    // Which of several errors ends the parallel search depends on the threads: the first in order is looked for.
    #[cfg(feature = "rayon")]
    let candidates =
        candidates.or_else(|_| (0..events.event_count()).filter(others).map(candidate).collect());
    #[cfg(not(feature = "rayon"))]
    let candidates: Result<Vec<Candidate>, CoreError> =
        (0..events.event_count()).filter(others).map(candidate).collect();
    let mut heap = BinaryHeap::from(candidates?);
    while let Some(Candidate { distance, index }) = heap.pop() {
        if visit(index, distance).is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) fn bad_distance(seed: usize, index: usize, value: f64) -> CoreError {
    CoreError::OutOfRange {
        what: format!("distance from event {seed}").into(),
        item: Item::event(index),
        value,
        allowed: "non-negative and finite",
    }
}

#[cfg(all(test, feature = "rayon"))]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use hepml_core::Table;
    use hepml_core::ndarray::ArrayView1;

    use super::*;

    /// No distance from anything; of event 1 that takes longest to tell.
    struct Slow;

    impl EventMetric<Table> for Slow {
        fn distance(&self, _: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> Result<f64, CoreError> {
            sleep(Duration::from_millis(if b[0] == 1.0 { 100 } else { 1 }));
            Ok(f64::NAN)
        }
    }

    #[test]
    fn the_first_bad_distance_is_named_whatever_the_threads() {
        let events = Table::from_shape_fn((16, 1), |(event, _)| event as f64);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let visited = pool.install(|| visit_all(&events, &Slow, 0, &mut |_, _| ControlFlow::Break(())));
        let error = visited.unwrap_err().to_string();
        assert!(error.contains("of event 1 "), "{error}");
    }
}
