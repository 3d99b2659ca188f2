//! Layers: parts of networks that own parameters.

mod bayesian_dense;
mod conv2d;
mod dense;
mod dropout;
mod film;
mod initial;
mod layer_norm;
mod noise;
mod pool2d;
mod prior;
mod stack;
#[cfg(test)]
mod tests;

pub use bayesian_dense::BayesianDense;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use dropout::Dropout;
pub use film::Film;
pub use initial::Initial;
pub use layer_norm::LayerNorm;
pub(crate) use noise::{fill_normal, normal_matrix};
pub use pool2d::{ImagePooling, Pool2d};
pub use prior::Prior;
pub use stack::{Stack, StackConfig};
