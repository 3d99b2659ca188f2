//! The vector instructions that are computed with.

use hepml_core::SimdLevel;

use crate::error::{Error, Result};

/// A level that has been found to be available: what makes calling its functions sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel(SimdLevel);

impl Default for Kernel {
    fn default() -> Self {
        Self(SimdLevel::best())
    }
}

impl Kernel {
    /// A level for computing.
    pub(crate) fn new(level: SimdLevel) -> Result<Self> {
        if level.is_available() { Ok(Self(level)) } else { Err(Error::SimdNotAvailable { level }) }
    }

    /// The level.
    pub(crate) const fn level(self) -> SimdLevel {
        self.0
    }

    /// The bytes of a vector.
    pub(super) const fn vector_bytes(self) -> usize {
        match self.0 {
            SimdLevel::Avx512 => 64,
            SimdLevel::Avx2 => 32,
            _ => 16,
        }
    }
}
