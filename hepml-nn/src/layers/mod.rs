//! Layers: parts of networks that own parameters.

mod dense;
mod dropout;
mod film;
mod initial;
mod layer_norm;
mod stack;
#[cfg(test)]
mod tests;

pub use dense::Dense;
pub use dropout::Dropout;
pub use film::Film;
pub use initial::Initial;
pub use layer_norm::LayerNorm;
pub use stack::{Stack, StackConfig};
