// The example of the README needs the toys.
#![cfg_attr(feature = "testing", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "testing"),
    doc = "Likelihood ratios from weighted samples, and how far to trust them."
)]
#![forbid(unsafe_code)]

mod calibration;
mod cross_fit;
mod divergence;
mod ensemble;
mod error;
mod falkon;
mod histogram;
mod linear;
mod loss;
mod network;
mod renormalised;
pub mod report;
mod resampling;
mod reweight;
mod signed_parts;
mod split;
mod standardisation;
#[cfg(feature = "testing")]
pub mod toys;
mod training_tables;
mod trees;
mod two_sample;
mod weight_sum;
mod yields;

pub use calibration::{
    Calibrated, CalibratedEstimator, Calibration, CalibrationMap, HeldOut, HeldOutSide, HistogramCalibration,
    IsotonicCalibration, PlattCalibration, Reliability,
};
pub use cross_fit::{CrossFitConfig, CrossFitted, OutOfFold};
pub use divergence::{Divergences, divergences};
pub use ensemble::{EnsembleConfig, EnsembleMean, EnsembleRatio, RatioSpread};
pub use error::{Error, Result};
pub use falkon::{CentreSampling, FalkonConfig, FalkonRatio, KernelWidth};
pub use histogram::{HistogramConfig, HistogramRatio, RatioBins};
pub use linear::{Degree, LinearConfig, LinearRatio};
pub use loss::{CLIP, RatioLoss};
pub use network::{NetworkConfig, NetworkRatio, ratio_training};
pub use renormalised::{RatioOf, Renormalised};
pub use resampling::{
    CellResampling, Euclid, NeuralResampler, NeuralResampling, Resampled, resample_by_moments,
};
pub use reweight::{Reweighted, Reweighting};
pub use signed_parts::{SignedPartsConfig, SignedRatio};
pub use trees::{TreesConfig, TreesRatio};
pub use two_sample::{ClassifierTest, ClassifierTestResult, TwoSamplePValue};
pub use yields::YieldRatioConfig;
