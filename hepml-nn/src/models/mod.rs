//! Models: networks with everything around them, and how they are fitted.

mod fit_summary;
mod head;
mod learner;
mod model;
mod preparation;
mod unsupervised;

pub use fit_summary::FitSummary;
pub use head::Head;
pub use learner::LearnerConfig;
pub use model::Model;
pub use unsupervised::{Unsupervised, UnsupervisedConfig, UnsupervisedLoss};
