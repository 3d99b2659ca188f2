//! Kernel logistic regression for likelihood ratios; [`FalkonConfig`] says what is computed, and how.

mod centres;
mod cholesky;
mod config;
mod kernel;
mod model;
mod newton;
mod problem;

pub use config::{CentreSampling, FalkonConfig, KernelWidth};
pub use model::FalkonRatio;
