//! Models: networks with everything around them, and how they are fitted.

mod ensemble;
mod fit_summary;
mod head;
mod learner;
mod model;
mod posterior;
mod preparation;
mod spread;
mod unsupervised;

pub use ensemble::{Ensemble, EnsembleConfig};
pub use fit_summary::FitSummary;
pub use head::Head;
pub use learner::LearnerConfig;
pub use model::Model;
pub use posterior::Variational;
pub use spread::{Spread, Uncertainty};
pub use unsupervised::{Unsupervised, UnsupervisedConfig, UnsupervisedLoss};
