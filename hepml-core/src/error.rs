//! The error that every shared trait returns.

use std::borrow::Cow;
use std::fmt;

/// The result of everything fallible in this crate and of every shared trait.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and with which event, particle or parameter.
///
/// The other hepml crates have an error of their own that holds this one (`Core(#[from] hepml_core::Error)`) and converts
/// into it as [`Error::Other`], so that trait methods speak one language and `downcast_ref` gets the original back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two things that must have the same length (or number of rows, or columns) do not.
    #[error("{what}: expected {expected}, got {got}")]
    ShapeMismatch {
        /// What was counted.
        what: Cow<'static, str>,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// A number is NaN or infinite.
    #[error("{what}{item} is not finite ({value})")]
    NotFinite {
        /// The quantity.
        what: Cow<'static, str>,
        /// Where it is.
        item: Item,
        /// Its value.
        value: f64,
    },
    /// A number lies outside the values it may take.
    #[error("{what}{item} is {value}, but must be {allowed}")]
    OutOfRange {
        /// The quantity.
        what: Cow<'static, str>,
        /// Where it is.
        item: Item,
        /// Its value.
        value: f64,
        /// The values it may take, in words that follow "must be".
        allowed: &'static str,
    },
    /// Something that needs at least one element has none.
    #[error("{what} is empty")]
    Empty {
        /// What is empty.
        what: Cow<'static, str>,
    },
    /// An index points past the end.
    #[error("{what}: index {index} is out of bounds for a length of {len}")]
    IndexOutOfBounds {
        /// What was indexed.
        what: Cow<'static, str>,
        /// The index.
        index: usize,
        /// The length.
        len: usize,
    },
    /// A name (of a column, a weight, ...) that nothing here has.
    #[error("there is no {what} named {name:?}; known are {known:?}")]
    UnknownName {
        /// What was looked up.
        what: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Two batches whose columns differ cannot be put together.
    #[error("columns differ: {expected:?} and {got:?}")]
    ColumnMismatch {
        /// The columns of the first.
        expected: Vec<String>,
        /// The columns of the other.
        got: Vec<String>,
    },
    /// A matrix that was offered as a Lorentz transformation is none.
    #[error(
        "not a proper orthochronous Lorentz transformation: {reason} is off by {deviation:e} (tolerance {tolerance:e})"
    )]
    NotLorentz {
        /// The property that fails.
        reason: &'static str,
        /// By how much.
        deviation: f64,
        /// How much is allowed.
        tolerance: f64,
    },
    /// A list of indices is not a permutation.
    #[error("not a permutation of {len} elements: position {position} holds {index}")]
    NotPermutation {
        /// The length of the list.
        len: usize,
        /// The first position at which it fails.
        position: usize,
        /// What stands there.
        index: usize,
    },
    /// The observer stopped the work before there was anything to return.
    #[error("stopped by the observer during {stage}")]
    Stopped {
        /// The stage that was running.
        stage: String,
    },
    /// A saved model cannot be read.
    #[error("saved model: {0}")]
    Model(String),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// An error of another crate, reachable through `source` and [`Error::downcast_ref`].
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps an error of another crate.
    pub fn other(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Other(Box::new(error))
    }

    /// The wrapped error, if this is an [`Error::Other`] that holds a `T`.
    pub fn downcast_ref<T: std::error::Error + 'static>(&self) -> Option<&T> {
        match self {
            Self::Other(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// A [`Error::ShapeMismatch`].
    pub fn shape(what: impl Into<Cow<'static, str>>, expected: usize, got: usize) -> Self {
        Self::ShapeMismatch { what: what.into(), expected, got }
    }

    /// A [`Error::NotFinite`] of a parameter, which belongs to no event.
    pub fn not_finite(what: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self::NotFinite { what: what.into(), item: Item::NONE, value }
    }

    /// A [`Error::OutOfRange`] of a parameter, which belongs to no event.
    pub fn out_of_range(what: impl Into<Cow<'static, str>>, value: f64, allowed: &'static str) -> Self {
        Self::OutOfRange { what: what.into(), item: Item::NONE, value, allowed }
    }

    /// The same error, placed at an event: fills in [`Item::event`] where it is open.
    #[must_use]
    pub fn at_event(mut self, index: usize) -> Self {
        if let Self::NotFinite { item, .. } | Self::OutOfRange { item, .. } = &mut self {
            item.event.get_or_insert(index);
        }
        self
    }

    /// The same error, placed at a particle: fills in [`Item::particle`] where it is open.
    #[must_use]
    pub fn at_particle(mut self, index: usize) -> Self {
        if let Self::NotFinite { item, .. } | Self::OutOfRange { item, .. } = &mut self {
            item.particle.get_or_insert(index);
        }
        self
    }
}

/// Which event and particle an error is about; indices count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Item {
    /// The event (or row).
    pub event: Option<usize>,
    /// The particle within the event.
    pub particle: Option<usize>,
}

impl Item {
    /// No event, no particle: a parameter.
    pub const NONE: Self = Self { event: None, particle: None };

    /// An event.
    pub const fn event(index: usize) -> Self {
        Self { event: Some(index), particle: None }
    }

    /// A particle of an event.
    pub const fn particle(event: usize, particle: usize) -> Self {
        Self { event: Some(event), particle: Some(particle) }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.event, self.particle) {
            (None, None) => Ok(()),
            (Some(event), None) => write!(f, " of event {event}"),
            (None, Some(particle)) => write!(f, " of particle {particle}"),
            (Some(event), Some(particle)) => write!(f, " of event {event}, particle {particle}"),
        }
    }
}

/// `value` if it is finite, else [`Error::NotFinite`] naming the parameter.
///
/// # Errors
/// [`Error::NotFinite`] for NaN and infinities.
pub fn finite(what: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() { Ok(value) } else { Err(Error::not_finite(what, value)) }
}
