//! What a fitted ratio says about itself on events that it has not seen.
//!
//! # Conventions
//! A mean E over a side is sum w x / sum w over its events, w of either sign, with the error
//! sqrt(sum w² (x - E)²)/|sum w| of independent weighted events. [`examine`] writes into a
//! [`FitReport`](hepml_core::FitReport)
//!
//! | measure | what it is |
//! | --- | --- |
//! | `ratio of densities` | 1: r is p_num/p_den, each side normalised to its own sum of weights; a ratio of yields has `ratio of yields` instead (see [`YieldRatioConfig`](crate::YieldRatioConfig)) |
//! | `normalisation` | E_den\[r\], 1 for the true ratio |
//! | `normalisation/renormalised` | E_den\[r\] over a random half of the denominator, after [`Renormalised`](crate::Renormalised) on the other half |
//! | `inverse normalisation` | E_num\[1/r\], 1 for the true ratio where the numerator covers the denominator |
//! | `tail index/denominator`, `tail index/numerator` | k-hat of the weights w r of the denominator, and w/r of the numerator |
//! | `effective sample size/numerator`, `.../denominator`, `.../reweighted denominator` | (sum w)²/sum w² of w, w, w r |
//! | `clipped events` | held-out events with abs(z) above [`CLIP`](crate::CLIP), where losses are clipped |
//! | `auc` | how well r separates the two sides |
//! | `closure auc` | the same for the numerator against the reweighted denominator: 1/2 if the reweighting by r is right as a function of r |
//! | `bins of negative net weight` | bins of the calibration curve in which the weights of a side do not sum to a positive number |
//!
//! and the curves `largest weights` (the ten largest abs(w r) of the denominator over sum abs(w r)) and `calibration/estimated`,
//! `calibration/observed`, `calibration/error` (see [`calibration_curve`]).
//!
//! The classifier of the `closure auc` is r itself, which has learned from other events. What r does not look at it cannot see: a
//! constant r passes. [`closure`] asks a classifier of one's own.
//!
//! # Tail index
//! The weights w r have a finite variance only if the index k of their tail is below 1/2 (Vehtari, Simpson, Gelman, Yao and
//! Gabry, arXiv:1507.02646, section 3). Above, the spread of the events at hand says nothing of the error of their mean: where
//! k-hat is not below 1/2, [`examine`] gives E_den\[r\], E_num\[1/r\] and the closure AUC without errors, and a warning.

mod auc;
mod calibration_curve;
mod closure;
mod examination;
mod exponential_mean;
#[cfg(test)]
mod fixtures;
mod normalisation;
mod reweighted;
mod scored;
mod tail;

pub use auc::auc;
pub use calibration_curve::{CalibrationCurve, CalibrationPoint, calibration_curve};
pub use closure::closure;
pub(crate) use examination::{can_examine, examine_part, of_densities};
pub use examination::{examine, examine_scores};
pub(crate) use exponential_mean::ExponentialMean;
pub(crate) use reweighted::{warn_of_side, warn_of_weights};
pub use scored::Scored;
pub(crate) use tail::Tail;

/// Standard deviations from which on a number that should be 1, 1/2 or positive is warned of: beyond chance in any number of fits.
const SIGMAS: f64 = 5.0;
/// The share of all weight from which on a single event is warned of.
const LARGE_SHARE: f64 = 0.1;
/// Events below which no tail can be fitted, and below which a large share of a single event is no surprise.
const FEWEST_FOR_A_TAIL: usize = 25;
/// The effective sample size below which a mean over a side is uncertain by a third or more.
const FEW_EFFECTIVE: f64 = 10.0;
