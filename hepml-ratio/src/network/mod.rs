//! Ratios by networks: any architecture of hepml-nn with one output.

mod config;
mod model;
mod objective;
mod parts;
mod ratio_training;
mod tape_loss;

pub use config::NetworkConfig;
pub use model::NetworkRatio;
pub use ratio_training::ratio_training;
