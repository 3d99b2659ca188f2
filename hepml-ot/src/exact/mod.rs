//! The exact optimum of a transport problem, and the distance that is one.

mod angular_pairs;
mod bounds;
mod cloud;
mod emd;
mod flavoured;
mod gradient;
mod kernel;
mod leftover;
mod nearest;
mod prepared_flow;
mod rounded;
mod simplex;
mod transport;
mod transport_problem;
mod tree;
mod workspace;

pub use emd::{Emd, EmdConfig};
pub use flavoured::{
    FlavourCombination, FlavourDistance, FlavourTable, FlavouredEmd, FlavouredEmdConfig, FlavouredFlow,
    PreparedFlavouredFlow, SameFlavour,
};
pub use gradient::{EmdGradient, EventGradient};
pub use hepml_core::SimdLevel;
pub use prepared_flow::PreparedFlow;
pub use transport::{Flow, Transport};
pub use transport_problem::TransportProblem;
pub use workspace::Workspace;
