//! Transport made linear: events as vectors, and means of events.

mod grid;
mod hellinger_kantorovich;
mod linear_embedding;
mod soft_marginal;

pub use grid::Grid;
pub use hellinger_kantorovich::{
    HellingerKantorovich, HellingerKantorovichConfig, PreparedSoftFlow, SoftTransport, SoftWorkspace,
};
pub use linear_embedding::{Embedded, LinearEmbedding, LinearEmbeddingConfig};
