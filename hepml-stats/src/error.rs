//! The error of this crate.

use std::borrow::Cow;

use crate::pulls::PullReport;

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a statistic cannot be computed, and which number is to blame.
///
/// Malformed input (lengths, NaN, values out of range) is reported through [`hepml_core::Error`]; what is specific to
/// statistics has variants of its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Malformed input.
    #[error(transparent)]
    Core(#[from] hepml_core::Error),
    /// Not enough of something.
    #[error("{what}: at least {needed} are needed, got {got}")]
    TooFew {
        /// What was counted.
        what: Cow<'static, str>,
        /// How many are needed.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// A series that does not fluctuate has no autocorrelation.
    #[error("{what} does not fluctuate (every value is {value})")]
    Constant {
        /// What is constant.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The series is too short for its autocorrelation: no summation window closes below the longest usable lag.
    #[error(
        "no summation window up to lag {longest}: the series is too short for its autocorrelation time (> {tau_int})"
    )]
    NoWindow {
        /// The longest lag that was tried.
        longest: usize,
        /// The integrated autocorrelation time summed up to there, an underestimate.
        tau_int: f64,
    },
    /// The autocorrelation function sums to a variance that is not positive.
    #[error(
        "the autocorrelation function summed up to lag {window} gives a variance of {value}, not positive"
    )]
    NegativeVariance {
        /// The summation window.
        window: usize,
        /// The variance.
        value: f64,
    },
    /// One of the two classes has no events.
    #[error("there are no {class} events")]
    MissingClass {
        /// `"signal"` or `"background"`.
        class: &'static str,
    },
    /// Weights whose sum must be positive sum to something else.
    #[error("the sum of the {what} is {sum}, not positive")]
    NonPositiveSum {
        /// Which weights.
        what: &'static str,
        /// Their sum.
        sum: f64,
    },
    /// A quantity has no finite value for this input.
    #[error("{what} is undefined: {reason}")]
    Undefined {
        /// The quantity.
        what: Cow<'static, str>,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// A quantity failed in one of the resamplings.
    #[error("in resampling {replica}: {source}")]
    Replica {
        /// The number of the resampling, from 0.
        replica: usize,
        /// What happened.
        source: Box<Error>,
    },
    /// A covariance matrix is not symmetric.
    #[error("the covariance matrix is not symmetric: entry ({row}, {column}) differs from its mirror image")]
    NotSymmetric {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
    },
    /// A covariance matrix is not positive definite.
    #[error("the covariance matrix is not positive definite")]
    NotPositiveDefinite,
    /// Two histograms do not have the same bins.
    #[error("the histograms do not have the same bins")]
    BinningMismatch,
    /// Pulls do not follow the standard normal distribution.
    #[error("pulls are not standard normal: {0}")]
    Pulls(PullReport),
}

impl Error {
    /// An [`Error::Undefined`].
    pub(crate) fn undefined(
        what: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Undefined { what: what.into(), reason: reason.into() }
    }

    /// The same error, placed in a resampling.
    pub(crate) fn in_replica(self, replica: usize) -> Self {
        Self::Replica { replica, source: Box::new(self) }
    }
}

impl From<Error> for hepml_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            error => Self::other(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_into_the_error_of_the_traits_and_back() {
        let core = hepml_core::Error::from(Error::NotPositiveDefinite);
        assert!(matches!(core.downcast_ref::<Error>(), Some(Error::NotPositiveDefinite)));
        // An error that came from the core is unwrapped, not nested.
        let core = hepml_core::Error::from(Error::from(hepml_core::Error::shape("weights", 2, 3)));
        assert!(matches!(core, hepml_core::Error::ShapeMismatch { expected: 2, got: 3, .. }));
    }
}
