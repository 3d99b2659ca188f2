//! Transport smoothed by entropy: Sinkhorn's algorithm, its debiased divergence, and their kernel limit.

mod entropic_emd;
mod entropic_gradient;
mod entropic_transport;
mod exponential;
mod mmd;
mod sinkhorn;
mod sinkhorn_divergence;
mod sinkhorn_workspace;
mod solver;

pub use entropic_emd::EntropicEmd;
pub use entropic_gradient::EntropicGradient;
pub use entropic_transport::EntropicTransport;
pub use mmd::{Mmd, PreparedMmd};
pub use sinkhorn::{Sinkhorn, SinkhornConfig};
pub use sinkhorn_divergence::{PreparedSinkhorn, SinkhornDivergence};
pub use sinkhorn_workspace::SinkhornWorkspace;
