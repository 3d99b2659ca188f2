#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod autocovariance;
mod bootstrap;
mod chi2;
mod correlated;
mod error;
mod estimate;
mod gamma_method;
mod histogram;
mod jackknife;
mod kolmogorov_smirnov;
mod madras_sokal;
mod mean;
mod permutation;
mod pulls;
mod quantile;
mod roc;
mod roc_bootstrap;
mod sample;
mod significance;
mod tail_index;

pub use autocovariance::autocorrelation;
pub use bootstrap::{BootstrapConfig, BootstrapEstimate, bootstrap, bootstrap_joint};
pub use chi2::{Chi2Test, chi2_covariance, chi2_errors, chi2_histograms, chi2_shapes};
pub use correlated::CorrelatedEstimates;
pub use error::{Error, Result};
pub use estimate::Estimate;
pub use gamma_method::{GammaConfig, GammaEstimate, gamma_method, gamma_method_chains, gamma_method_derived};
pub use histogram::{Binning, Histogram};
pub use jackknife::{JackknifeEstimate, jackknife};
pub use kolmogorov_smirnov::{KsTest, kolmogorov_sf, ks_one_sample, ks_two_sample};
pub use madras_sokal::{MadrasSokalConfig, MadrasSokalEstimate, madras_sokal};
pub use mean::{mean, weighted_mean};
pub use permutation::{PermutationTest, permutation_p_value, permutation_test};
pub use pulls::{PULL_SIGMAS, PullReport, check_pulls};
pub use quantile::{weighted_quantile, weighted_quantiles};
pub use roc::{MaxSic, Roc, RocPoint};
pub use roc_bootstrap::{RocMeasure, roc_bootstrap};
pub use significance::{p_value, significance};
pub use tail_index::{
    TailIndex, effective_sample_size, effective_sample_size_log, tail_index, tail_index_log,
};

// What appears in public signatures.
pub use hepml_core::{ndarray, rand};
