//! Networks: what is built of layers.

mod autoencoder;
mod bayesian_mlp;
mod cnn;
mod deep_sets;
mod efn;
mod mlp;
mod pfn;
mod residual_mlp;
mod variational_autoencoder;

pub use autoencoder::{Autoencoder, AutoencoderConfig};
pub use bayesian_mlp::{BayesianMlp, BayesianMlpConfig};
pub use cnn::{Cnn, CnnConfig, ConvBlock};
pub use deep_sets::{DeepSets, DeepSetsConfig, Pooling};
pub use efn::{Efn, EfnConfig};
pub use mlp::{Mlp, MlpConfig};
pub use pfn::PfnConfig;
pub use residual_mlp::{ResidualMlp, ResidualMlpConfig};
pub use variational_autoencoder::{
    DecoderDeviation, LatentPrior, VariationalAutoencoder, VariationalAutoencoderConfig,
};
