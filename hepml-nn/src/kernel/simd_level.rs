//! The vector instructions that there are.

use crate::error::{Error, Result};

/// The vector instructions that networks compute with, chosen when the program runs.
///
/// AVX2 and AVX-512 do the same operations in the same order: the same bits. The portable level rounds products before
/// it adds them, which the others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SimdLevel {
    /// What every processor of the target has (SSE2 on x86-64, NEON on AArch64).
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL).
    Avx512,
}

impl SimdLevel {
    /// The levels that this processor has, slowest first.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512].into_iter().filter(|level| level.is_available()).collect()
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }
}

/// A level that has been found to be available: what makes calling its functions sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel(SimdLevel);

impl Default for Kernel {
    fn default() -> Self {
        [SimdLevel::Avx512, SimdLevel::Avx2]
            .into_iter()
            .find(|level| level.is_available())
            .map_or(Self(SimdLevel::Portable), Self)
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
}
