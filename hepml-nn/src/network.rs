//! What a network is.

use hepml_core::rand::Rng;
use hepml_core::serde::Serialize;
use hepml_core::serde::de::DeserializeOwned;
use hepml_core::{EventSet, Weighted};

use crate::error::Result;
use crate::inputs::Inputs;
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;

/// A function with parameters: it holds their numbers, not their values, and knows how to compute on a tape.
///
/// What it gives for an event depends on no other event of the batch: batches are cut as it suits the machine.
pub trait Network<T: Scalar>: Send + Sync {
    /// What it takes: a [`Matrix`](crate::Matrix) of one row an event, or [`Sets`](crate::Sets).
    type Input: Inputs<T>;

    /// The outputs [events, outputs] for a batch that is on the tape.
    ///
    /// # Errors
    /// Inputs of another shape than the network was made for.
    fn forward(&self, pass: &mut Pass<'_, T>, input: &<Self::Input as Inputs<T>>::Vars) -> Result<Var>;

    /// The outputs [events, outputs] for a batch.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn evaluate(&self, pass: &mut Pass<'_, T>, input: &Self::Input) -> Result<Var> {
        let input = input.record(pass, false)?;
        self.forward(pass, &input)
    }
}

/// Turns events into what a network takes: preprocessing, with the numbers it has learned from the training events. It
/// travels inside the saved model.
pub trait Encoder: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The events.
    type Events: EventSet;
    /// What they become.
    type Encoded<T: Scalar>: Inputs<T>;

    /// The encoded events, each by itself: the other events change nothing.
    ///
    /// # Errors
    /// Events that cannot be encoded (other features than expected; a NaN), naming event and column.
    fn encode<T: Scalar>(&self, events: &Self::Events) -> Result<Self::Encoded<T>>;

    /// What its user should know of the events that it was fitted to (a column that never varies), for the report of a fit.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The configuration of a network: what can be built before a number is learned, and what a saved model says of itself.
pub trait Architecture: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind of a saved model of this architecture, such as `"hepml-nn/pfn"`.
    const KIND: &'static str;
    /// Its preprocessing.
    type Encoder: Encoder;
    /// What is built: a [`Network`] of the encoder's inputs, for f32, f64 or both.
    type Network: Clone + Send + Sync + 'static;

    /// The columns of what the network gives.
    fn outputs(&self) -> usize;

    /// The preprocessing, fitted to training events.
    ///
    /// # Errors
    /// Events from which it cannot be fitted (none; sums of weights that vanish).
    fn fit_encoder(&self, events: &Weighted<EventsOf<Self>>) -> Result<Self::Encoder>;

    /// The network for inputs encoded so, with first values of its parameters drawn from `rng`.
    ///
    /// # Errors
    /// A configuration that cannot be built, naming what is wrong.
    fn build<T: Scalar>(
        &self,
        encoder: &Self::Encoder,
        parameters: &mut Parameters<T>,
        rng: &mut dyn Rng,
    ) -> Result<Self::Network>;
}

/// The events of an architecture.
pub type EventsOf<A> = <<A as Architecture>::Encoder as Encoder>::Events;

/// What the network of an architecture takes.
pub type EncodedOf<A, T> = <<A as Architecture>::Encoder as Encoder>::Encoded<T>;
