//! Ratios whose logarithm is a polynomial of first or second degree in the features.
//!
//! # Conventions
//! z = ln r = constant + b^T x + x^T Q x with a symmetric Q (zero at first degree). The parameters minimise a convex loss,
//! each side normalised to its own sum of weights, plus ridge/2 times the squares of the parameters but the constant, where
//! features are standardised to mean 0 and variance 1 over both sides (each counting the same, by |w|). With the BCE this is
//! logistic regression; Newton's method is then iteratively reweighted least squares.

mod config;
mod degree;
mod model;
mod newton;
mod objective;

pub use config::LinearConfig;
pub use degree::Degree;
pub use model::LinearRatio;
