//! Preprocessing: what turns events into the inputs of networks, and travels with them.

mod image;
mod jet;
mod particle_input;
mod table;

pub use image::ImageEncoder;
pub use jet::JetEncoder;
pub use particle_input::ParticleInput;
pub use table::{ColumnFunction, TableConfig, TableEncoder};
