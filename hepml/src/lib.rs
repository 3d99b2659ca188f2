#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub use hepml_core as core;
#[cfg(feature = "io")]
pub use hepml_io as io;
#[cfg(feature = "nn")]
pub use hepml_nn as nn;
#[cfg(feature = "ot")]
pub use hepml_ot as ot;
#[cfg(feature = "ratio")]
pub use hepml_ratio as ratio;
#[cfg(feature = "stats")]
pub use hepml_stats as stats;
