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
pub trait Network<T: Scalar>: Send + Sync {
    /// What it takes: a [`Matrix`](crate::Matrix) of one row an event, or [`Sets`](crate::Sets).
    type Input: Inputs;

    /// The outputs [events, outputs] for a batch.
    ///
    /// # Errors
    /// Inputs of another shape than the network was made for.
    fn forward(&self, pass: &mut Pass<'_, T>, input: &Self::Input) -> Result<Var>;
}

/// Turns events into what a network takes: preprocessing, with the numbers it has learned from the training events. It
/// travels inside the saved model.
pub trait Encoder: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The events.
    type Events: EventSet;
    /// What they become.
    type Encoded<T: Scalar>: Inputs;

    /// The encoded events.
    ///
    /// # Errors
    /// Events that cannot be encoded (other features than expected; a NaN), naming event and column.
    fn encode<T: Scalar>(&self, events: &Self::Events) -> Result<Self::Encoded<T>>;
}

/// The configuration of a network: what can be built before a number is learned, and what a saved model says of itself.
pub trait Architecture: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind of a saved model of this architecture, such as `"hepml-nn/pfn"`.
    const KIND: &'static str;
    /// Its preprocessing.
    type Encoder: Encoder;
    /// What is built.
    type Network: Send + Sync;

    /// The preprocessing, fitted to training events.
    ///
    /// # Errors
    /// Events from which it cannot be fitted (none; sums of weights that vanish).
    fn fit_encoder(&self, events: &Weighted<<Self::Encoder as Encoder>::Events>) -> Result<Self::Encoder>;

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
