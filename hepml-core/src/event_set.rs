//! What holds events.

use crate::error::{Error, Result};

/// A batch of events: a [`Table`](crate::Table) with one row an event, or ragged [`ParticleSets`](crate::ParticleSets).
///
/// The names are not `len` and `select`, which would shadow ndarray's own.
pub trait EventSet: Clone + Send + Sync + 'static {
    /// A zero-copy view of one event.
    type Event<'a>: Copy
    where
        Self: 'a;

    /// The number of events.
    fn event_count(&self) -> usize;

    /// Event `index`.
    ///
    /// # Panics
    /// If `index` is not below [`event_count`](Self::event_count), as slices do.
    fn event(&self, index: usize) -> Self::Event<'_>;

    /// The events at `indices`, in that order; an index may come more than once (bootstrap).
    ///
    /// # Errors
    /// [`Error::IndexOutOfBounds`].
    fn select_events(&self, indices: &[usize]) -> Result<Self>;

    /// All events of `parts`, one after another.
    ///
    /// # Errors
    /// [`Error::Empty`] without parts; parts whose columns differ.
    fn concat_events(parts: &[&Self]) -> Result<Self>;

    /// The events, one by one.
    fn events(&self) -> impl Iterator<Item = Self::Event<'_>> {
        (0..self.event_count()).map(|index| self.event(index))
    }
}

/// Checks indices of events against their number.
pub(crate) fn check_indices(indices: &[usize], count: usize) -> Result<()> {
    match indices.iter().find(|&&index| index >= count) {
        Some(&index) => Err(Error::IndexOutOfBounds { what: "events".into(), index, len: count }),
        None => Ok(()),
    }
}
