//! Transport made linear: events as vectors, and means of events.

mod barycentre;
mod fixed_support_barycentre;
mod free_support_barycentre;
mod grid;
mod hellinger_kantorovich;
mod linear_embedding;
mod soft_marginal;

pub use barycentre::Barycentre;
pub use fixed_support_barycentre::{FixedSupportBarycentre, FixedSupportBarycentreConfig};
pub use free_support_barycentre::{FreeBarycentre, FreeSupportBarycentre, FreeSupportBarycentreConfig};
pub use grid::Grid;
pub use hellinger_kantorovich::{
    HellingerKantorovich, HellingerKantorovichConfig, PreparedSoftFlow, SoftTransport, SoftWorkspace,
};
pub use linear_embedding::{Embedded, LinearEmbedding, LinearEmbeddingConfig};
