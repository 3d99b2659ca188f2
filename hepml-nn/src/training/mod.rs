//! Training.

mod objective;

pub use objective::Objective;
