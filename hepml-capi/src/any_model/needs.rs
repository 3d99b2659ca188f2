//! What a model needs of the events that it is given.

use hepml::nn::{Encoder, ImageEncoder, JetEncoder, TableEncoder};

/// The events that a network evaluates at once; more are shared out among threads.
const BLOCK_EVENTS: usize = 256;

/// What a model needs of events.
#[derive(Debug, Clone)]
pub(crate) struct Needs {
    /// The columns of a table, with their names where they have any; nothing for sets.
    pub(crate) columns: Option<Vec<Option<String>>>,
    /// The features that particles of sets must have.
    pub(crate) features: Vec<String>,
    /// So many events are evaluated by the thread that asks, more by several.
    pub(crate) events_of_a_thread: usize,
}

impl Needs {
    /// Those of a learner of tables whose columns have no names.
    pub(super) fn columns(count: usize, events_of_a_thread: usize) -> Self {
        Self { columns: Some(vec![None; count]), features: Vec::new(), events_of_a_thread }
    }

    fn particles(features: Vec<String>) -> Self {
        Self { columns: None, features, events_of_a_thread: BLOCK_EVENTS }
    }

    /// Those of models of the same events, each with its own; there is at least one.
    pub(super) fn of_all<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = all.cloned();
        let first = all.next().expect("composed models have members");
        all.fold(first, |mut needs, other| {
            needs.features.extend(other.features);
            needs.features.sort_unstable();
            needs.features.dedup();
            needs.events_of_a_thread = needs.events_of_a_thread.min(other.events_of_a_thread);
            needs
        })
    }
}

/// Preprocessing that can say what it needs.
pub(crate) trait Needing: Encoder {
    fn needs(&self) -> Needs;
}

impl Needing for TableEncoder {
    fn needs(&self) -> Needs {
        let names = (0..self.columns()).map(|column| self.name(column).map(str::to_owned));
        Needs { columns: Some(names.collect()), features: Vec::new(), events_of_a_thread: BLOCK_EVENTS }
    }
}

impl Needing for JetEncoder {
    fn needs(&self) -> Needs {
        Needs::particles(self.feature_names().into_iter().map(str::to_owned).collect())
    }
}

impl Needing for ImageEncoder {
    fn needs(&self) -> Needs {
        Needs::particles(self.feature_name().into_iter().map(str::to_owned).collect())
    }
}
