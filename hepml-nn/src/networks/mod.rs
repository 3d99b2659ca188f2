//! Networks: what is built of layers.

mod deep_sets;
mod efn;
mod mlp;
mod pfn;

pub use deep_sets::{DeepSets, DeepSetsConfig, Pooling};
pub use efn::{Efn, EfnConfig};
pub use mlp::{Mlp, MlpConfig};
pub use pfn::PfnConfig;
