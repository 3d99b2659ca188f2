//! The events that are closest to an event.

use hepml_core::Error as CoreError;

use crate::error::Result;
use crate::pairwise::handler::PairHandler;
use crate::pairwise::pairing::Pairing;

/// An event and how far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The index of the event, in the second list if there are two.
    pub index: usize,
    /// The value of the pair.
    pub value: f64,
}

/// The k nearest neighbours of each event, by value, and by index where values are equal.
///
/// [`Pairwise::nearest`](crate::Pairwise::nearest) finds them without computing all values. As a [`PairHandler`] they come of values
/// that are computed or stored anyway, and are those among the pairs that have been delivered. Within one list neighbours
/// are the other events; between two they are the events of the second list, those of the first having them.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    k: usize,
    within: bool,
    lists: Vec<Vec<Neighbour>>,
}

impl Neighbours {
    /// A handler that keeps the `k` nearest of each event.
    ///
    /// # Errors
    /// `k` = 0.
    pub fn new(k: usize) -> Result<Self> {
        if k == 0 {
            return Err(CoreError::out_of_range("number of neighbours", 0.0, "at least 1").into());
        }
        Ok(Self { k, within: true, lists: Vec::new() })
    }

    /// k.
    pub fn k(&self) -> usize {
        self.k
    }

    /// For each event its nearest neighbours, the nearest first: k of them, or all if there are fewer.
    pub fn lists(&self) -> &[Vec<Neighbour>] {
        &self.lists
    }

    /// The list of an event, and k.
    pub(crate) fn list_mut(&mut self, event: usize) -> (&mut Vec<Neighbour>, usize) {
        (&mut self.lists[event], self.k)
    }

    /// Keeps the lists of the first events.
    pub(crate) fn truncate(&mut self, events: usize) {
        self.lists.truncate(events);
    }
}

impl PairHandler for Neighbours {
    /// Starts anew.
    fn begin(&mut self, pairing: Pairing) -> Result<()> {
        self.within = matches!(pairing, Pairing::Within { .. });
        self.lists.clear();
        self.lists.resize(pairing.rows(), Vec::new());
        Ok(())
    }

    fn pair(&mut self, first: usize, second: usize, value: f64) {
        insert(&mut self.lists[first], self.k, Neighbour { index: second, value });
        if self.within {
            insert(&mut self.lists[second], self.k, Neighbour { index: first, value });
        }
    }
}

/// Inserts a neighbour into a list of the nearest if it is one of the `k`.
pub(crate) fn insert(list: &mut Vec<Neighbour>, k: usize, new: Neighbour) {
    let key = |one: &Neighbour| (one.value, one.index);
    // Not by a total order of f64: 0 and -0 are equal values.
    let position = list.partition_point(|one| key(one) < key(&new));
    if position < k {
        if list.len() == k {
            list.pop();
        }
        list.insert(position, new);
    }
}
