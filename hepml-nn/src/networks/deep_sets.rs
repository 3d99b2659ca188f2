//! Deep Sets.

use std::sync::Arc;

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, ParticleSets, Weighted};

use super::mlp::Mlp;
use crate::encoding::{JetEncoder, ParticleInput};
use crate::error::{Error, Result};
use crate::inputs::{SetVars, Sets};
use crate::layers::{Stack, StackConfig};
use crate::matrix::Matrix;
use crate::network::{Architecture, Network};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Tape, Var};

/// How the particles of an event are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum Pooling {
    /// The sum: extensive, so that numbers of particles are seen.
    #[default]
    Sum,
    /// The mean: blind to doubling each particle.
    Mean,
    /// The largest number of each column: blind to all other particles.
    Max,
    /// The sum with the pt fractions as weights.
    PtWeightedSum,
}

/// Deep Sets (arXiv:1703.06114): F(pool_i Phi(x_i)) for the particles x_i of an event.
///
/// Phi and F are dense networks with an activation after each layer, the last one of F excepted. Phi maps each particle
/// to a latent space, in which the particles are pooled (see [`Pooling`]); F maps the result to the outputs. Every continuous function of sets is of this form with a sum, given enough latent dimensions.
///
/// *Invariances*: the order of the particles changes nothing but rounding, and there is no padding: an event gives the same
/// outputs in any batch, bit for bit. An empty event has the pool 0 and gives F(0). Invariances in space are those of the
/// inputs (see [`JetEncoder`]).
///
/// The defaults are those of arXiv:1810.05165: Phi 100-100-256, F 100-100-100, ReLU, He's uniform first weights; the sum; and columns
/// are standardised.
///
/// ```
/// use hepml_core::ndarray::arr2;
/// use hepml_core::rand::SeedableRng;
/// use hepml_core::rand_chacha::ChaCha8Rng;
/// use hepml_core::{FourMomentum, ParticleSets, Weighted};
/// use hepml_nn::{Architecture, DeepSetsConfig, Parameters, ParticleInput, StackConfig};
///
/// // Hits without momenta: two events of a feature column.
/// let (hits, names) = (arr2(&[[0.1], [0.7], [0.4]]), vec!["time".to_owned()]);
/// let events = ParticleSets::new(vec![FourMomentum::ZERO; 3], hits, names, vec![0, 2, 3])?;
/// let config = DeepSetsConfig::new(vec![ParticleInput::Feature("time".into())], 1)
///     .phi(StackConfig::new([20, 10]))
///     .f(StackConfig::new([20]));
/// let encoder = config.fit_encoder(&Weighted::unit(events))?;
/// let mut parameters = Parameters::<f32>::new();
/// config.build(&encoder, &mut parameters, &mut ChaCha8Rng::seed_from_u64(1))?;
/// assert_eq!(parameters.size(), (1 + 1) * 20 + (20 + 1) * 10 + (10 + 1) * 20 + (20 + 1));
/// # Ok::<(), hepml_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct DeepSetsConfig {
    inputs: Vec<ParticleInput>,
    upright: bool,
    standardise: bool,
    pooling: Pooling,
    phi: StackConfig,
    f: StackConfig,
    outputs: usize,
}

impl DeepSetsConfig {
    /// The defaults, for what is to be seen of each particle, and so many outputs.
    pub fn new(inputs: Vec<ParticleInput>, outputs: usize) -> Self {
        Self {
            inputs,
            upright: false,
            standardise: true,
            pooling: Pooling::Sum,
            phi: StackConfig::new([100, 100, 256]),
            f: StackConfig::new([100, 100, 100]),
            outputs,
        }
    }

    /// What is seen of each particle.
    #[must_use]
    pub(super) fn inputs(mut self, inputs: Vec<ParticleInput>) -> Self {
        self.inputs = inputs;
        self
    }

    /// Whether jets are turned upright; see [`JetEncoder::upright`].
    #[must_use]
    pub fn upright(mut self, upright: bool) -> Self {
        self.upright = upright;
        self
    }

    /// Whether the inputs are standardised; see [`JetEncoder::standardised`].
    #[must_use]
    pub fn standardise(mut self, standardise: bool) -> Self {
        self.standardise = standardise;
        self
    }

    /// How particles are put together.
    #[must_use]
    pub fn pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = pooling;
        self
    }

    /// The layers of Phi; the width of the last one is the number of latent dimensions.
    #[must_use]
    pub fn phi(mut self, layers: StackConfig) -> Self {
        self.phi = layers;
        self
    }

    /// The hidden layers of F.
    #[must_use]
    pub fn f(mut self, layers: StackConfig) -> Self {
        self.f = layers;
        self
    }

    /// The encoder before anything is learned from events.
    fn encoder(&self) -> JetEncoder {
        JetEncoder::new(self.inputs.clone())
            .weighted(self.pooling == Pooling::PtWeightedSum)
            .upright(self.upright)
    }
}

impl Architecture for DeepSetsConfig {
    const KIND: &'static str = "hepml-nn/deep-sets";
    type Encoder = JetEncoder;
    type Network = DeepSets;

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn fit_encoder(&self, events: &Weighted<ParticleSets>) -> Result<JetEncoder> {
        if events.is_empty() {
            return Err(CoreError::Empty { what: "set of training events".into() }.into());
        }
        if self.standardise { self.encoder().standardised(events) } else { Ok(self.encoder()) }
    }

    fn build<T: Scalar>(
        &self,
        encoder: &JetEncoder,
        parameters: &mut Parameters<T>,
        rng: &mut dyn Rng,
    ) -> Result<DeepSets> {
        let columns = encoder.columns().len();
        if encoder.is_weighted() != (self.pooling == Pooling::PtWeightedSum) {
            let what = "the encoder's weights are not those that the pooling asks for";
            return Err(CoreError::Model(what.to_owned()).into());
        }
        if columns == 0 {
            return Err(CoreError::out_of_range("number of inputs of Phi", 0.0, "at least 1").into());
        }
        let phi = self.phi.build(parameters, "phi", columns, rng)?;
        let f = Mlp::new(parameters, "f", phi.outputs(), &self.f, self.outputs, rng)?;
        Ok(DeepSets { columns, pooling: self.pooling, phi, f })
    }
}

/// The network of a [`DeepSetsConfig`].
#[derive(Debug, Clone)]
pub struct DeepSets {
    columns: usize,
    pooling: Pooling,
    phi: Stack,
    f: Mlp,
}

impl DeepSets {
    /// Phi [particles, latent].
    fn latent<T: Scalar>(&self, pass: &mut Pass<'_, T>, particles: Var) -> Result<Var> {
        let (_, columns) = pass.shape(particles)?;
        if columns != self.columns {
            return Err(Error::shape("columns of the particles", self.columns, columns));
        }
        self.phi.forward(pass, particles)
    }

    /// Phi [particles, latent] of particles [particles, inputs], outside of any event.
    ///
    /// # Errors
    /// Another number of columns; parameters of another network.
    pub fn latent_of<T: Scalar>(
        &self,
        parameters: &Arc<Parameters<T>>,
        particles: &Matrix<T>,
    ) -> Result<Matrix<T>> {
        let mut tape = Tape::new();
        tape.begin(parameters);
        let particles = tape.constant(particles.view());
        let latent = self.latent(&mut Pass::evaluation(&mut tape), particles)?;
        Ok(tape.value(latent)?.to_matrix())
    }
}

impl<T: Scalar> Network<T> for DeepSets {
    type Input = Sets<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, input: &SetVars) -> Result<Var> {
        if let Some(globals) = input.globals {
            return Err(Error::shape("columns of the events' features", 0, pass.shape(globals)?.1));
        }
        let latent = self.latent(pass, input.rows)?;
        let pooled = match self.pooling {
            Pooling::Sum => pass.segment_sum(latent, &input.segments)?,
            Pooling::Mean => pass.segment_mean(latent, &input.segments)?,
            Pooling::Max => pass.segment_max(latent, &input.segments)?,
            Pooling::PtWeightedSum => {
                let weights =
                    input.weights.ok_or_else(|| Error::shape("columns of the particles' weights", 1, 0))?;
                pass.segment_weighted_sum(latent, weights, &input.segments)?
            }
        };
        self.f.forward(pass, &pooled)
    }
}
