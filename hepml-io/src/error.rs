//! What goes wrong on reading and writing files.

use std::fmt;
use std::io;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong in a file, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The content is not what the format demands.
    #[error("{format}{position}: {reason}")]
    Malformed {
        /// The format that was being read (`"LHE"`, `"HepMC3"`, ...).
        format: &'static str,
        /// Where.
        position: Position,
        /// What was expected, and what was found.
        reason: String,
    },
    /// The file ends where more was promised.
    #[error("{format}{position}: the file ends, but {expected} was expected")]
    Truncated {
        /// The format that was being read.
        format: &'static str,
        /// Where.
        position: Position,
        /// What was still to come.
        expected: String,
    },
    /// No known format fits the content.
    #[error("unknown format: {0}")]
    UnknownFormat(String),
    /// The format is known, but this build (a missing feature) or this crate cannot read this variant of it.
    #[error("{format}: {reason}")]
    Unsupported {
        /// The format.
        format: &'static str,
        /// What is missing, and what to do.
        reason: String,
    },
    /// The file was read but its numbers are not valid events.
    #[error(transparent)]
    Core(#[from] hepml_core::Error),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// An error, with the file that it came from.
    #[error("{path}: {source}")]
    InFile {
        /// The file, as it was named.
        path: String,
        /// What went wrong.
        source: Box<Error>,
    },
}

impl Error {
    /// The same error, with the file that it came from.
    #[must_use]
    pub fn in_file(self, path: &str) -> Self {
        Self::InFile { path: path.to_owned(), source: Box::new(self) }
    }
}

/// Where in a file: lines count from 1, bytes (of the decompressed content) and events from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The line.
    pub line: Option<u64>,
    /// The byte.
    pub byte: Option<u64>,
    /// The event.
    pub event: Option<u64>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in [("line", self.line), ("byte", self.byte), ("event", self.event)] {
            if let Some(value) = value {
                write!(f, ", {name} {value}")?;
            }
        }
        Ok(())
    }
}

impl From<Error> for hepml_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            Error::Io(error) => Self::Io(error),
            error => Self::other(error),
        }
    }
}
