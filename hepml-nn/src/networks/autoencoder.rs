//! Autoencoders.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Table, Weighted};

use super::Mlp;
use crate::encoding::{TableConfig, TableEncoder};
use crate::error::{Error, Result};
use crate::layers::StackConfig;
use crate::matrix::Matrix;
use crate::models::{Model, Unsupervised};
use crate::network::{Architecture, Network};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;
use crate::training::Loss;

/// An autoencoder on tables (Hinton and Salakhutdinov, Science 313 (2006) 504; for anomalous jets arXiv:1808.08979 and
/// arXiv:1808.08992).
///
/// z = E(x), x' = D(z), with perceptrons E and D around a narrow z. What is minimised, and what the model
/// [observes](hepml_core::Observables) of an event, is the reconstruction error, the mean of (x - x')² over the columns as they
/// are prepared (standardised): a score of anomaly. Fitted by [`UnsupervisedConfig`](crate::UnsupervisedConfig).
///
/// Without hidden layers it is linear, and its optimum spans the first principal components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct AutoencoderConfig {
    latent: usize,
    encoder: StackConfig,
    decoder: StackConfig,
    table: TableConfig,
}

impl AutoencoderConfig {
    /// An autoencoder with so many latent numbers, default hidden layers on either side, on standardised tables.
    pub fn new(latent: usize) -> Self {
        Self {
            latent,
            encoder: StackConfig::default(),
            decoder: StackConfig::default(),
            table: TableConfig::default(),
        }
    }

    /// The hidden layers of E.
    #[must_use]
    pub fn encoder(mut self, hidden: StackConfig) -> Self {
        self.encoder = hidden;
        self
    }

    /// The hidden layers of D.
    #[must_use]
    pub fn decoder(mut self, hidden: StackConfig) -> Self {
        self.decoder = hidden;
        self
    }

    /// How tables are prepared.
    #[must_use]
    pub fn table(mut self, table: TableConfig) -> Self {
        self.table = table;
        self
    }
}

impl Architecture for AutoencoderConfig {
    const KIND: &'static str = "hepml-nn/autoencoder";
    type Encoder = TableEncoder;
    type Network = Autoencoder;

    fn outputs(&self) -> usize {
        1
    }

    fn fit_encoder(&self, events: &Weighted<Table>) -> Result<TableEncoder> {
        self.table.fit(events)
    }

    fn build<T: Scalar>(
        &self,
        encoder: &TableEncoder,
        parameters: &mut Parameters<T>,
        rng: &mut dyn Rng,
    ) -> Result<Autoencoder> {
        let columns = encoder.columns();
        Ok(Autoencoder {
            encoder: Mlp::new(parameters, "encoder", columns, &self.encoder, self.latent, rng)?,
            decoder: Mlp::new(parameters, "decoder", self.latent, &self.decoder, columns, rng)?,
        })
    }
}

/// An autoencoder, [built](AutoencoderConfig).
#[derive(Debug, Clone)]
pub struct Autoencoder {
    encoder: Mlp,
    decoder: Mlp,
}

impl Autoencoder {
    /// z [rows, latent] of x [rows, columns].
    ///
    /// # Errors
    /// Another number of columns.
    pub fn encode<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var) -> Result<Var> {
        self.encoder.forward(pass, &x)
    }

    /// x' [rows, columns] of z [rows, latent].
    ///
    /// # Errors
    /// Another number of columns.
    pub fn decode<T: Scalar>(&self, pass: &mut Pass<'_, T>, z: Var) -> Result<Var> {
        self.decoder.forward(pass, &z)
    }
}

impl<T: Scalar> Network<T> for Autoencoder {
    type Input = Matrix<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, x: &Var) -> Result<Var> {
        let z = self.encode(pass, *x)?;
        let reconstructed = self.decode(pass, z)?;
        Loss::MeanSquared.of(pass, reconstructed, *x)
    }
}

impl<T: Scalar> Unsupervised<T> for Autoencoder {
    fn losses(&self, pass: &mut Pass<'_, T>, x: &Var) -> Result<Var> {
        self.forward(pass, x)
    }
}

/// # Autoencoders
impl<T: Scalar> Model<AutoencoderConfig, T> {
    /// The latent numbers z [events, latent].
    ///
    /// # Errors
    /// Events that cannot be encoded, naming event and column.
    pub fn encode(&self, events: &Table) -> Result<Table> {
        self.for_events(events, self.architecture().latent, |pass, x, _| {
            let x = pass.constant(x.view());
            self.network().encode(pass, x)
        })
    }

    /// The events [points, columns] of latent numbers [points, latent], in the units of the events.
    ///
    /// # Errors
    /// Another number of columns; a number that is not finite.
    pub fn decode(&self, latents: &Table) -> Result<Table> {
        if latents.ncols() != self.architecture().latent {
            return Err(Error::shape("latent numbers", self.architecture().latent, latents.ncols()));
        }
        let columns = self.encoder().columns();
        let encoded =
            self.for_rows("latent numbers", latents, columns, |pass, z| self.network().decode(pass, z))?;
        self.encoder().decode(&encoded)
    }

    /// The events as they come out of the bottleneck, in their units.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn reconstruct(&self, events: &Table) -> Result<Table> {
        self.decode(&self.encode(events)?)
    }
}
