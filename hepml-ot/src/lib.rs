#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod compensated;
mod divergence;
mod energy_flow;
mod entropic;
mod error;
mod exact;
mod ground_cost;
mod line;
mod linear;
mod memory;
mod pairwise;
mod shapes;

pub use divergence::Divergence;
pub use energy_flow::EnergyFlow;
pub use entropic::*;
pub use error::{Error, Result};
pub use exact::*;
pub use ground_cost::{AngularCost, GroundCost};
pub use line::*;
pub use linear::*;
pub use pairwise::*;
pub use shapes::*;
