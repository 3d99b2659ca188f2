#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod density;
mod error;
mod event;
mod event_metric;
mod event_set;
mod exact;
mod fit_parts;
mod fit_report;
mod four_momentum;
mod lorentz;
#[cfg(feature = "models")]
mod model_file;
mod observables;
mod observer;
mod particle_sets;
mod pdg;
mod pdg_table;
mod permutation;
mod random;
mod ratio;
mod save;
mod simd_level;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod transformation;
mod weighted;

pub use density::{
    ConditionalDensity, ConditionalDensityEstimator, ConditionalSampler, Density, DensityEstimator, Sampler,
};
pub use error::{Error, Item, Result, finite};
pub use event::{Event, EventWeights, FINAL_STATE, MassHypothesis, Particle, Selection, Vertex};
pub use event_metric::EventMetric;
pub use event_set::EventSet;
pub use fit_parts::fit_parts;
pub use fit_report::{FitReport, Fitted, Measure};
pub use four_momentum::FourMomentum;
pub use lorentz::LorentzTransform;
#[cfg(feature = "models")]
pub use model_file::{ModelFile, Tensor};
pub use observables::{Observables, ObserveWith, OnObservables};
pub use observer::{Nested, Observer, Progress};
pub use particle_sets::{ParticleSet, ParticleSets};
pub use pdg::PdgId;
pub use permutation::Permutation;
pub use random::Streams;
pub use ratio::{DynRatioEstimator, Erased, LogRatio, RatioEstimator};
pub use save::{Load, Save};
pub use simd_level::SimdLevel;
pub use table::{Table, check_finite};
pub use transformation::Transformation;
pub use weighted::Weighted;

// What appears in public signatures, so that users need not guess our versions.
#[cfg(feature = "models")]
pub use serde;
pub use {nalgebra, ndarray, rand, rand_chacha};
