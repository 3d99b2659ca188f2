//! Layers: parts of networks that own parameters.

mod dense;
mod initial;

pub use dense::Dense;
pub use initial::Initial;
