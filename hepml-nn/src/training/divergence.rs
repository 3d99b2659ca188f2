//! Training that ran into numbers that are not finite.

use std::any::Any;
use std::fmt;

use super::TrainingState;
use crate::scalar::Scalar;

/// A loss, gradient or parameter that is not finite, and all that had been reached before.
#[derive(Debug)]
pub struct Divergence {
    what: &'static str,
    epoch: usize,
    step: u64,
    events: Vec<usize>,
    event: Option<usize>,
    /// A [`TrainingState`] of f32 or f64.
    state: Box<dyn Any + Send + Sync>,
}

/// The most events that a message lists.
const LISTED: usize = 16;
/// What is not finite where it is the loss of held-out events.
pub(super) const HELD_OUT_LOSS: &str = "the loss of held-out events";

impl Divergence {
    pub(super) fn new<T: Scalar>(
        what: &'static str,
        events: Vec<usize>,
        event: Option<usize>,
        state: TrainingState<T>,
    ) -> Self {
        let journal = &state.journal;
        // All batches of the epoch are done, or the next one failed.
        let step = if journal.batch == journal.batches { journal.step } else { journal.step + 1 };
        let epoch = journal.epoch + 1;
        Self { what, epoch, step, events, event, state: Box::new(state) }
    }

    /// What is not finite.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Whether it is the loss of held-out events: then [`event`](Self::event) and [`events`](Self::events) are among them, not
    /// among the training events.
    pub fn is_held_out(&self) -> bool {
        self.what == HELD_OUT_LOSS
    }

    /// The epoch, counted from 1.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// The step, counted from 1 over all epochs.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The events of the batch or part of it in which it happened, as indices.
    pub fn events(&self) -> &[usize] {
        &self.events
    }

    /// The first event whose loss by itself is not finite, if there is one.
    pub fn event(&self) -> Option<usize> {
        self.event
    }

    /// The state as it was before: the best parameters so far, from which to begin again (at a lower rate, with clipping),
    /// and the last ones. None if training was in another number type.
    pub fn state<T: Scalar>(&self) -> Option<&TrainingState<T>> {
        self.state.downcast_ref()
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not finite in epoch {}, step {}", self.what, self.epoch, self.step)?;
        match self.event {
            Some(event) => write!(f, ", at event {event}"),
            None if (1..=LISTED).contains(&self.events.len()) => write!(f, ", in events {:?}", self.events),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Divergence {}
