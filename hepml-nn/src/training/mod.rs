//! Training.

mod loss;
mod objective;
mod optimiser;
mod schedule;
mod supervised;
mod training_config;

pub use loss::Loss;
pub use objective::Objective;
pub use optimiser::Optimiser;
pub use schedule::Schedule;
pub use supervised::{Supervised, SupervisedWorkspace};
pub use training_config::TrainingConfig;
