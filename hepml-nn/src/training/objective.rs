//! What is minimised.

use crate::error::Result;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;

/// A sum over events that training minimises the mean of.
///
/// Everything that can be trained is one of these: a network with data, targets, weights and a loss
/// ([`Supervised`](crate::Supervised)), or a loss of one's own, derivatives of networks included.
pub trait Objective<T: Scalar>: Send + Sync {
    /// What a worker keeps between batches (the memory of the batch's inputs).
    type Workspace: Default + Send;

    /// The number of events.
    fn count(&self) -> usize;

    /// What an event costs, about: the rows it takes.
    fn cost(&self, event: usize) -> usize;

    /// The sum [1, 1] of the losses of these events.
    ///
    /// # Errors
    /// Events that have none.
    fn loss(&self, pass: &mut Pass<'_, T>, workspace: &mut Self::Workspace, events: &[usize]) -> Result<Var>;

    /// The weights of the events, for the report of a fit; none where they are all the same.
    fn weights(&self) -> Option<&[f64]> {
        None
    }
}
