//! Resampling: the same distribution from events with fewer or no negative weights.
//!
//! # Conventions
//! - Cell resampling (arXiv:2109.07851, 2303.15246) moves weight between neighbouring events: the sum of weights of each cell
//!   is kept, and distributions that are wider than the cells with it.
//! - Neural resampling (arXiv:2007.11586) draws events by learned moments of the weight at x: the sums of w and of w^2 of
//!   every region are kept in expectation.

mod cell;
mod euclid;
mod kd_tree;
mod moments;
mod nearest;
mod neural;
mod resampled;

pub use cell::CellResampling;
pub use euclid::Euclid;
pub use moments::resample_by_moments;
pub use neural::{NeuralResampler, NeuralResampling};
pub use resampled::Resampled;
