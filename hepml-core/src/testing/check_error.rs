//! Why a check failed.

use crate::Error;

/// Why a check failed; converts into proptest's `TestCaseError` through `?`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The deviation is larger than the tolerance.
    #[error("{property} fails at {item}: off by {deviation:e}, tolerance {tolerance:e}")]
    Exceeded {
        /// The property that was checked.
        property: &'static str,
        /// Where it is worst.
        item: String,
        /// How far off it is there.
        deviation: f64,
        /// How far off it may be.
        tolerance: f64,
    },
    /// The function returned a NaN or an infinity.
    #[error("{property}: the value at {item} is not finite ({value})")]
    NotFinite {
        /// The property that was being checked.
        property: &'static str,
        /// Where.
        item: String,
        /// The value.
        value: f64,
    },
    /// The function returned another number of values for the transformed input.
    #[error("{property}: {before} values before the transformation, {after} after")]
    CountChanged {
        /// The property that was being checked.
        property: &'static str,
        /// How many values there were.
        before: usize,
        /// How many there are.
        after: usize,
    },
    /// The check itself was asked for something impossible.
    #[error("the check cannot be made: {0}")]
    Misuse(&'static str),
    /// The function, or the transformation, failed.
    #[error("the function under test failed")]
    Function(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        Self::Function(Box::new(error))
    }
}

impl CheckError {
    /// The measured deviation, if the check failed by one.
    pub fn deviation(&self) -> Option<f64> {
        match self {
            Self::Exceeded { deviation, .. } => Some(*deviation),
            _ => None,
        }
    }
}

/// `Ok(deviation)` within the tolerance, else the error; NaN fails.
pub(super) fn judge(
    property: &'static str,
    item: impl FnOnce() -> String,
    deviation: f64,
    tolerance: f64,
) -> Result<f64, CheckError> {
    if deviation <= tolerance {
        Ok(deviation)
    } else {
        Err(CheckError::Exceeded { property, item: item(), deviation, tolerance })
    }
}
