//! The error of this crate.

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a ratio cannot be learned or evaluated, and what is to blame.
///
/// Malformed input (lengths, NaN, values out of range) is reported through [`hepml_core::Error`]; what is specific to ratios
/// has variants of its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Malformed input.
    #[error(transparent)]
    Core(#[from] hepml_core::Error),
    /// A network could not be built or trained.
    #[error(transparent)]
    Network(#[from] hepml_nn::Error),
    /// A statistic could not be computed.
    #[error(transparent)]
    Statistics(#[from] hepml_stats::Error),
}

impl From<Error> for hepml_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            error => Self::other(error),
        }
    }
}
