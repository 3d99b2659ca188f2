//! Learning without targets.

use std::marker::PhantomData;

use hepml_core::rand::Rng;
use hepml_core::{Fitted, Observer, Weighted};

use super::preparation::{Part, Preparation};
use super::{Head, Model};
use crate::error::Result;
use crate::inputs::Inputs;
use crate::matrix::Matrix;
use crate::network::{Architecture, EncodedOf, EventsOf, Network};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;
use crate::training::{Objective, TrainingConfig, scaled_weights};

/// A network that knows what it is to minimise: an autoencoder, a density.
pub trait Unsupervised<T: Scalar>: Network<T> {
    /// The loss of each event, [events, 1], of a batch that is on the tape.
    ///
    /// # Errors
    /// As [`forward`](Network::forward).
    fn losses(&self, pass: &mut Pass<'_, T>, input: &<Self::Input as Inputs<T>>::Vars) -> Result<Var>;
}

/// The losses of an [`Unsupervised`] network, summed over weighted events; weights are scaled to a mean of |w| of 1.
#[derive(Debug)]
pub struct UnsupervisedLoss<'a, T: Scalar, N: Network<T>> {
    network: &'a N,
    inputs: &'a N::Input,
    weights: Vec<f64>,
    precision: PhantomData<T>,
}

impl<'a, T: Scalar, N: Unsupervised<T>> UnsupervisedLoss<'a, T, N> {
    /// The losses of these inputs, with a weight each.
    ///
    /// # Errors
    /// No events; another number of weights; a weight that is not finite; weights that are all 0.
    pub fn new(network: &'a N, inputs: &'a N::Input, weights: &[f64]) -> Result<Self> {
        if inputs.count() == 0 {
            return Err(hepml_core::Error::Empty { what: "list of events".into() }.into());
        }
        let weights = scaled_weights(weights, inputs.count())?;
        Ok(Self { network, inputs, weights, precision: PhantomData })
    }
}

impl<T: Scalar, N: Unsupervised<T>> Objective<T> for UnsupervisedLoss<'_, T, N> {
    type Workspace = (N::Input, Matrix<T>);

    fn count(&self) -> usize {
        self.weights.len()
    }

    fn cost(&self, event: usize) -> usize {
        self.inputs.rows_of(event)
    }

    fn loss(
        &self,
        pass: &mut Pass<'_, T>,
        (inputs, weights): &mut Self::Workspace,
        events: &[usize],
    ) -> Result<Var> {
        inputs.select_from(self.inputs, events)?;
        let input = inputs.record(pass, false)?;
        let losses = self.network.losses(pass, &input)?;
        weights.reset_zeros(events.len(), 1);
        for (row, &event) in events.iter().enumerate() {
            weights.row_mut(row)[0] = T::from_f64(self.weights[event]);
        }
        let weights = pass.constant(weights.view());
        let losses = pass.mul(losses, weights)?;
        pass.sum(losses)
    }

    fn weights(&self) -> Option<&[f64]> {
        Some(&self.weights)
    }
}

/// How an [`Unsupervised`] network is fitted: architecture, training, and the fraction of events that is held out.
///
/// The numbers it computes with are f32; [`precision`](Self::precision) changes that.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsupervisedConfig<A, T = f32> {
    architecture: A,
    training: TrainingConfig,
    validation: f64,
    precision: PhantomData<T>,
}

impl<A: Architecture> UnsupervisedConfig<A> {
    /// The default training of this architecture, with a tenth of the events held out.
    pub fn new(architecture: A) -> Self {
        Self { architecture, training: TrainingConfig::default(), validation: 0.1, precision: PhantomData }
    }
}

impl<A: Architecture, T: Scalar> UnsupervisedConfig<A, T> {
    /// How it is trained.
    #[must_use]
    pub fn training(mut self, training: TrainingConfig) -> Self {
        self.training = training;
        self
    }

    /// The fraction of events that training does not see, and that decide when it ends; 0 for none.
    #[must_use]
    pub fn validation(mut self, fraction: f64) -> Self {
        self.validation = fraction;
        self
    }

    /// The same with other numbers: `precision::<f64>()`.
    pub fn precision<U: Scalar>(self) -> UnsupervisedConfig<A, U> {
        let Self { architecture, training, validation, precision: _ } = self;
        UnsupervisedConfig { architecture, training, validation, precision: PhantomData }
    }

    /// A model fitted to weighted events.
    ///
    /// # Errors
    /// Events that cannot be encoded, naming event and column; a configuration that cannot be built; those of the training.
    pub fn fit(
        &self,
        events: &Weighted<EventsOf<A>>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Model<A, T>>>
    where
        A::Network: Unsupervised<T, Input = EncodedOf<A, T>>,
    {
        self.training.check()?;
        let prepared = Preparation::<A, T>::new(&self.architecture, events, self.validation, rng)?;
        let mut parameters = Parameters::new();
        let network = self.architecture.build(&prepared.encoder, &mut parameters, rng)?;
        let Part { inputs, weights, .. } = &prepared.training;
        let training = UnsupervisedLoss::new(&network, inputs, weights)?;
        let validation = match &prepared.validation {
            Some(Part { inputs, weights, .. }) => Some(UnsupervisedLoss::new(&network, inputs, weights)?),
            None => None,
        };
        let trained = self.training.train(parameters, &training, validation.as_ref(), rng, observer)?;
        drop((training, validation));
        let mut report = trained.report;
        prepared.report(&mut report);
        let model = Model::new(
            self.architecture.clone(),
            prepared.encoder,
            network,
            trained.parameters,
            Head::Identity,
        )?
        .with_summary(&report);
        Ok(Fitted { model, report })
    }
}
