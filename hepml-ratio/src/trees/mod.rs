//! Gradient-boosted trees of histograms for likelihood ratios.
//!
//! # Why our own
//! What is asked for: any [`RatioLoss`](crate::RatioLoss), weights of either sign with a rule for negative curvature and a
//! count of what it refused, f64 derivatives, the same bits for any number of threads and order of events, a build without
//! a C++ compiler, speed on a par with scikit-learn's HistGradientBoosting. What there is, by its published documentation and
//! sources of November 2026 (none was timed: each lacks something that speed cannot make up for):
//!
//! | crate | pure Rust | losses of one's own | what is missing here |
//! |---|---|---|---|
//! | perpetual 2.1 | yes | yes (a trait) | a "budget" chooses rate, size and number of trees, so that settings cannot be held equal |
//! | hessboost 0.2 | yes | yes (a closure) | features and derivatives in f32; first supported release in September 2026; says it is deterministic: the one to watch |
//! | forust-ml 0.5 | yes | no: log loss, squared error | derivatives in f32 |
//! | gbdt 0.1 | yes | no: squared, absolute, log loss | last release in January 2024 |
//! | smartcore 0.5 | yes | no: squared error | weights of events; histograms (it sorts each feature at each node) |
//! | linfa-ensemble 0.8 | yes | no | gradient boosting: it has bagging and AdaBoost |
//! | lightgbm3 1.0 | no | | a build without CMake, a C++ compiler and libclang |
//!
//! The booster here is some 1600 lines without a dependency, and faster than scikit-learn on one core (benches/peers).
//!
//! # Conventions
//! - The model is z = sum of one leaf of each tree. It begins at z = 0, the best constant for densities that are each
//!   normalised to their own sum of weights.
//! - Each side's weights are scaled to the sum m = 2/(1/n_num + 1/n_den), n the effective sample sizes (Kish) of the events
//!   that are trained on. With unit weights and sides of equal size an event counts 1, as elsewhere in the field, so
//!   `min_child_weight` and `lambda` have their usual meaning; weights times a constant change nothing.
//! - An event goes left where its feature is at most the threshold. Thresholds are values of events of the fit, so that a
//!   strictly increasing transformation of a feature, of the fit and of what is evaluated, changes nothing.
//! - Missing values (NaN) are an error, as everywhere in this crate.
//!
//! # Growing
//! Features are cut once into at most 255 bins: a bin for each value where there are few, else quantiles of both samples,
//! each of which counts one half (of events, not of weights: with weights of either sign there are no quantiles). Quantiles
//! are of at most 131072 random events of each side. A tree grows leaf by leaf, the largest gain first. With g the sum of
//! w dL/dz and h that of w |d2L/dz2| over a leaf's events, its value is -g/(h + lambda), clipped to +-`max_step` (clips are
//! counted), times the learning rate, and a split gains (g_l^2/(h_l + lambda) + g_r^2/(h_r + lambda) - g^2/(h + lambda))/2
//! (Chen, Guestrin, arXiv:1603.02754, eq. 7; the absolute value, which only matters to the losses that are not convex, keeps
//! steps downhill). Of equal gains the first feature and lowest threshold wins. A tree without a split moves the
//! constant (with MLC, to E_den[r] = 1); boosting ends where that does not move either.
//!
//! # Weights of either sign
//! Sums of h may come out zero or negative. A split is refused unless h of both children is positive and at least
//! `min_child_weight`: regions of negative net curvature stay inside a leaf that is positive as a whole. Where the h of a
//! child that has events is not positive the refused candidate is counted; the report says how many there were. Losses whose
//! numerator term is straight (MLC) have such candidates also with positive weights: regions without denominator.
//!
//! # Exact sums
//! g and h of an event are held as 64-bit integers, in units of at least 2^-62 of the sum of their absolute values, finer
//! than what rounding would lose in a floating-point sum. Integer sums do not depend on the order: the same trees come out for
//! any number of threads and any order of the events of a side, a histogram that is the parent's minus its sibling's loses no
//! digits, and swapping numerator and denominator gives -z bit for bit with a loss that is symmetric.
//!
//! # Limits
//! Adding an event to the histograms of its node takes one load, add and store of 16 bytes for each feature. Bins lie in
//! groups of four features, one byte each: an index and a pair (g, h) are read once for four features, whose four chains of
//! additions are independent and whose histograms (16 kB) stay in the first cache. Only the smaller of two siblings is
//! added up. Memory: 1 + 8 bytes for an event and feature, 72 for an event, 4 kB for a feature and leaf. Groups of features are
//! worked on in parallel (feature `rayon`), so that few features keep few threads busy.

mod binned;
mod config;
mod estimator;
mod gradients;
mod grower;
mod histogram;
mod model;
mod parallel;
mod sample;
mod tree;

pub use config::TreesConfig;
pub use model::TreesRatio;
