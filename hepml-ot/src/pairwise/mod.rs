//! Divergences between all pairs of events, and what is made of them.

mod correlation_dimension;
mod engine;

pub use correlation_dimension::{CorrelationDimension, DimensionAt};
pub use engine::{CrossEmds, PairwiseEmds};
