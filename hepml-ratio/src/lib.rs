//! Likelihood ratios p_num/p_den of densities from weighted samples, and how far to trust them.
//!
//! # Conventions
//! - A model carries z = ln r, r = p_num/p_den, never a classifier's output; each side is normalised to its own sum of weights.
//! - The numerator is label 1, the denominator label 0.
//! - Weights are finite and may be negative; what that means for a loss is said at the loss.

#![forbid(unsafe_code)]

mod error;
mod loss;
mod network;
mod renormalised;
pub mod report;

pub use error::{Error, Result};
pub use loss::{CLIP, RatioLoss};
pub use network::{NetworkConfig, NetworkRatio};
pub use renormalised::Renormalised;
