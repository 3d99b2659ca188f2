//! The error of this crate.

use std::borrow::Cow;

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
    /// The training of a network ran into numbers that are not finite.
    #[error("{} is not finite in epoch {}, step {}{}", .divergence.what(), .divergence.epoch(), .divergence.step(), at(.event.as_ref()))]
    Diverged {
        /// The side and index of the first event whose loss by itself is not finite, if there is one.
        event: Option<(&'static str, usize)>,
        /// All that had been reached before; its own numbers of events are those of both sides' training events, joined.
        divergence: Box<hepml_nn::Divergence>,
    },
    /// A statistic could not be computed.
    #[error(transparent)]
    Statistics(#[from] hepml_stats::Error),
    /// A learner was given a loss that it cannot minimise.
    #[error("this learner needs a loss that is {needs}, which {loss:?} is not")]
    UnsuitableLoss {
        /// The loss.
        loss: crate::loss::RatioLoss,
        /// What the loss would have to be.
        needs: &'static str,
    },
    /// A log ratio cannot be calibrated on these samples.
    #[error("no calibration: {reason}")]
    Calibration {
        /// Why.
        reason: Cow<'static, str>,
    },
    /// A kernel logistic regression whose negative weights make its loss curve downwards.
    #[error(
        "the loss is not convex (curvature {curvature:e} at lambda = {lambda:e}): negative weights outweigh the positive ones somewhere; a larger lambda, a wider kernel or resampled weights help"
    )]
    NotConvex {
        /// The penalty at which it was found out.
        lambda: f64,
        /// The second derivative along the direction that was met.
        curvature: f64,
    },
}

fn at(event: Option<&(&'static str, usize)>) -> String {
    event.map_or_else(String::new, |(side, event)| format!(", at event {event} of the {side}"))
}

impl Error {
    /// An [`Error::Calibration`].
    pub(crate) fn calibration(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Calibration { reason: reason.into() }
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
