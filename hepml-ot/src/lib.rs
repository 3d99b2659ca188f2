#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod compensated;
mod correlation_dimension;
mod emd;
mod energy_flow;
mod error;
mod ground_cost;
mod leftover;
mod pairwise;
mod simplex;
mod transport;
mod transport_problem;
mod tree;
mod workspace;

pub use correlation_dimension::{CorrelationDimension, DimensionAt};
pub use emd::{Emd, EmdConfig};
pub use energy_flow::EnergyFlow;
pub use error::{Error, Result};
pub use ground_cost::{AngularCost, GroundCost};
pub use pairwise::{CrossEmds, PairwiseEmds};
pub use transport::{Flow, Transport};
pub use transport_problem::TransportProblem;
pub use workspace::Workspace;
