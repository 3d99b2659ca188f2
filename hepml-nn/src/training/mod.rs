//! Training.

mod crew;
mod divergence;
mod loss;
mod objective;
mod optimiser;
#[cfg(test)]
mod reference;
mod schedule;
mod supervised;
mod trained;
mod trainer;
mod training_config;
mod training_state;

pub use divergence::Divergence;
pub use loss::Loss;
pub use objective::Objective;
pub use optimiser::Optimiser;
pub use schedule::Schedule;
pub(crate) use supervised::scaled_weights;
pub use supervised::{Supervised, SupervisedWorkspace};
pub use trained::Trained;
pub use training_config::TrainingConfig;
pub use training_state::TrainingState;
