//! Divergences between all pairs of events, and what is made of them.
//!
//! [`Divergence::pairwise`](crate::Divergence::pairwise) and [`Divergence::cross`](crate::Divergence::cross) prepare the
//! events, each once; the [`Pairwise`] they return computes the values, stores or streams them, and finds neighbours.
//!
//! Conventions. Pairs are in *packed order*, that of SciPy's `squareform`: row after row, and within one list each pair once,
//! (0, 1), (0, 2), ..., (0, n-1), (1, 2), ... With the feature `rayon` they are shared out among the threads of the current
//! pool; numbers, their order and the error that is reported do not depend on how many there are, nor on the feature. An
//! observer is called from the calling thread, at points that do not depend on it either.

mod correlation_dimension;
mod engine;
mod handler;
mod histogram;
mod log_axis;
mod nearest;
mod neighbours;
mod pairing;

mod parallel;
mod stream;
mod values;

pub use correlation_dimension::{CorrelationCounts, CorrelationDimension, DimensionAt};
pub use engine::{PairReport, Pairwise};
pub use handler::PairHandler;
pub use histogram::{PairBin, PairHistogram};
pub use log_axis::LogAxis;
pub use neighbours::{Neighbour, Neighbours};
pub use pairing::Pairing;
pub use values::PairValues;
