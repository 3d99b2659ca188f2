//! Likelihood ratios p_num/p_den of densities from weighted samples, and how far to trust them.
//!
//! # Conventions
//! - A model carries z = ln r, r = p_num/p_den, never a classifier's output; each side is normalised to its own sum of weights.
//! - The numerator is label 1, the denominator label 0.
//! - Weights are finite and may be negative; what that means for a loss is said at the loss.

#![forbid(unsafe_code)]

mod cross_fit;
mod ensemble;
mod error;
mod loss;
mod network;
mod parallel_fits;
mod renormalised;
pub mod report;
mod signed_parts;

pub use cross_fit::{CrossFitConfig, CrossFitted, OutOfFold};
pub use ensemble::{EnsembleConfig, EnsembleMean, EnsembleRatio, RatioSpread};
pub use error::{Error, Result};
pub use loss::{CLIP, RatioLoss};
pub use network::{NetworkConfig, NetworkRatio};
pub use renormalised::Renormalised;
pub use signed_parts::{SignedPartsConfig, SignedRatio};
