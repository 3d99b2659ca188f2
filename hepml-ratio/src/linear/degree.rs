//! The degree of a polynomial ln r.

use hepml_core::serde::{Deserialize, Serialize};

/// The degree of the polynomial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum Degree {
    /// ln r = constant + b^T x.
    #[default]
    Linear,
    /// ln r = constant + b^T x + x^T Q x.
    Quadratic,
}

impl Degree {
    /// The number of terms in `features` features.
    pub(super) fn terms(self, features: usize) -> usize {
        match self {
            Self::Linear => 1 + features,
            Self::Quadratic => 1 + features + features.saturating_mul(features.saturating_add(1)) / 2,
        }
    }
}
