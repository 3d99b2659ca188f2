//! The error of this crate.

use std::borrow::Cow;

use crate::training::{Divergence, Loss};
use hepml_core::SimdLevel;

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and with which operation, parameter or event.
///
/// Converts into [`hepml_core::Error`], whose `downcast_ref` gets it back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the shared types: shapes, numbers that are not finite or out of range.
    #[error(transparent)]
    Core(#[from] hepml_core::Error),
    /// Two operands whose shapes do not fit together.
    #[error("{operation}: shapes {a:?} and {b:?} do not fit")]
    Shapes {
        /// The operation.
        operation: &'static str,
        /// Rows and columns of the first operand.
        a: (usize, usize),
        /// Rows and columns of the second.
        b: (usize, usize),
    },
    /// A variable of another tape, or of this tape before its last `begin`.
    #[error("the variable is not one of this tape since it was begun")]
    ForeignVariable,
    /// A parameter that is not one of those the tape was begun with.
    #[error("parameter {index} is none of the {count} of this tape")]
    UnknownParameter {
        /// The number of the parameter.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A derivative that an operation does not have.
    #[error("{operation} has no {what}")]
    NoDerivative {
        /// The operation.
        operation: Cow<'static, str>,
        /// Which derivative.
        what: &'static str,
    },
    /// A learner of classes whose loss, or number of outputs, is not one of classes.
    #[error(
        "classes want a binary cross-entropy of 1 output or a cross-entropy of at least 2, not {loss:?} of {outputs}"
    )]
    NotAClassifier {
        /// The loss.
        loss: Loss,
        /// The outputs of the network.
        outputs: usize,
    },
    /// Training ran into numbers that are not finite; what it had reached is kept.
    #[error(transparent)]
    Diverged(Box<Divergence>),
    /// A vector extension that this processor does not have.
    #[error("the vector instructions {level:?} are not available on this processor")]
    SimdNotAvailable {
        /// The level that was asked for.
        level: SimdLevel,
    },
}

impl From<Error> for hepml_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            error => Self::other(error),
        }
    }
}

impl Error {
    /// An [`Error::Core`] of a shape mismatch.
    pub(crate) fn shape(what: impl Into<Cow<'static, str>>, expected: usize, got: usize) -> Self {
        hepml_core::Error::shape(what, expected, got).into()
    }
}
