//! Ratios of histograms: the oracle of everything that is built on top, exact where densities are constant within bins.
//!
//! # Conventions
//! Each feature is cut at the inner edges of its bins; an edge belongs to the bin above it, and the outermost bins reach to
//! infinity, so every finite event has a bin. The ratio of a bin is (N_b/N)/(D_b/D) with the sums of weights of the numerator
//! and of the denominator in the bin and in all. Weights may be negative, and so may the ratio be.
//!
//! | N_b | D_b | [`ratio`](HistogramRatio::ratio) | [`log_ratio`](LogRatio::log_ratio) |
//! |---|---|---|---|
//! | same sign as D_b | not 0 | positive | ln r |
//! | other sign | not 0 | negative | error |
//! | 0 | not 0 | 0 | error |
//! | any | 0 | error | error |
//!
//! The fit goes through in all cases where some bin has a ratio (an error would make the binning depend on the sample), and
//! warns of every kind of bin in which there is no logarithm; evaluating an event there is an error naming the event.

mod bins;
mod config;
mod model;

pub(crate) use bins::MOST_BINS;
pub use bins::RatioBins;
pub use config::HistogramConfig;
pub use model::HistogramRatio;
