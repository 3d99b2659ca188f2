//! Calibration of a log ratio on held-out samples.
//!
//! # Conventions
//! - A calibration replaces z by a function of z alone, fitted on events that the model was not trained on; each side is
//!   normalised to its own sum of weights, so that the label fraction of a slice of z is num/(num + den) and its ratio num/den.
//! - No calibrated z is infinite: what a method does with a slice of z that holds events of one side only is said there.
//! - Samples whose z do not overlap at all are an error: no finite ratio describes them.
//! - Weights may be negative where the method says so.
//! - What a calibration reports after itself is measured on the events it was fitted on; [`Reliability::measure`] takes any others.

mod calibrated;
mod calibrated_estimator;
mod held_out;
mod histogram;
mod isotonic;
mod map;
mod method;
mod platt;
mod reliability;

pub use calibrated::Calibrated;
pub use calibrated_estimator::CalibratedEstimator;
pub use held_out::{HeldOut, HeldOutSide};
pub use histogram::HistogramCalibration;
pub use isotonic::IsotonicCalibration;
pub use map::CalibrationMap;
pub use method::Calibration;
pub use platt::PlattCalibration;
pub use reliability::Reliability;
