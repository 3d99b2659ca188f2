//! Toys whose likelihood ratio is known exactly (feature `testing`): what learners are measured against.
//!
//! A toy is itself a [`LogRatio`](hepml_core::LogRatio), the exact one, so it stands wherever a fitted model does. Those with a
//! `maximum_likelihood` can be fitted to two samples: what a learner would know that were told the right family.
//!
//! | toy | events | ln r |
//! |---|---|---|
//! | [`Gaussians`] | tables | quadratic in x; linear for equal covariances |
//! | [`Exponentials`] | tables | linear in x |
//! | [`BetaUniform`] | tables | (a - 1) ln x + (b - 1) ln(1 - x) - ln B(a, b) |
//! | [`PointProcess`] | particle sets | a sum over the particles and a term of the multiplicity |
//! | [`MuonPairs`] | tables | of the polar angle, symmetric under A -> -A with c -> -c |
//! | [`QuadraticEft`] | tables | of a rate quadratic in a coupling, with interference |

mod beta_uniform;
mod exponentials;
mod gaussians;
mod likelihood;
mod muon_pairs;
mod point_process;
mod quadratic_eft;
mod toy;
mod variates;

pub use beta_uniform::BetaUniform;
pub use exponentials::Exponentials;
pub use gaussians::{Gaussian, Gaussians};
pub use muon_pairs::MuonPairs;
pub use point_process::{Emissions, PointProcess};
pub use quadratic_eft::QuadraticEft;
pub use toy::Toy;
