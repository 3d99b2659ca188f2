//! The configuration of boosted trees.

use hepml_core::Error as CoreError;
use hepml_core::serde::{Deserialize, Serialize};

use super::binned::MAX_BINS;
use crate::error::Result;
use crate::loss::RatioLoss;

/// How trees are boosted; checked when they are fitted.
///
/// Implements [`RatioEstimator`](hepml_core::RatioEstimator) of tables; the model is a [`TreesRatio`](super::TreesRatio).
///
/// The report has the curves `loss/train` and `loss/validation` (one value a tree), the measures `trees` (kept), `trees grown`,
/// `effective sample size/training numerator` and `.../training denominator`, `leaves clipped` (to the largest step), `splits
/// refused` (for want of curvature), `clipped losses` (of the training events at the end), `held-out loss`, and what
/// [`examine`](crate::report::examine) says of the events held out for it.
///
/// ```
/// use hepml_core::ndarray::Array2;
/// use hepml_core::rand::SeedableRng;
/// use hepml_core::rand_chacha::ChaCha8Rng;
/// use hepml_core::{LogRatio, RatioEstimator, Weighted};
/// use hepml_ratio::TreesConfig;
///
/// // Density 2x against a uniform one.
/// let uniform = Array2::from_shape_fn((4000, 1), |(i, _)| (i as f64 + 0.5) / 4000.0);
/// let rising = uniform.mapv(f64::sqrt);
/// let fitted = TreesConfig::new().trees(50).fit(
///     &Weighted::unit(rising),
///     &Weighted::unit(uniform),
///     &mut ChaCha8Rng::seed_from_u64(1),
///     &mut (),
/// )?;
/// let z = fitted.model.log_ratio(&Array2::from_elem((1, 1), 0.5))?;
/// assert!(z[0].abs() < 0.1);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", default, deny_unknown_fields)]
pub struct TreesConfig {
    pub(super) loss: RatioLoss,
    pub(super) trees: usize,
    pub(super) learning_rate: f64,
    pub(super) max_leaves: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_depth: Option<usize>,
    pub(super) min_child_weight: f64,
    pub(super) lambda: f64,
    pub(super) min_gain: f64,
    pub(super) max_step: f64,
    pub(super) max_bins: usize,
    pub(super) event_share: f64,
    pub(super) feature_share: f64,
    pub(super) validation_share: f64,
    pub(super) patience: usize,
    pub(super) examination: f64,
}

impl Default for TreesConfig {
    fn default() -> Self {
        Self {
            loss: RatioLoss::Bce,
            trees: 600,
            learning_rate: 0.05,
            max_leaves: 8,
            max_depth: None,
            min_child_weight: 20.0,
            lambda: 1.0,
            min_gain: 0.0,
            max_step: 4.0,
            max_bins: MAX_BINS,
            event_share: 1.0,
            feature_share: 1.0,
            validation_share: 0.2,
            patience: 20,
            examination: 0.1,
        }
    }
}

impl TreesConfig {
    /// BCE; at most 600 trees of 8 leaves, learning rate 0.05, stopped early on a fifth of the events that are not examined.
    ///
    /// Small trees in small steps: on the smooth ratios of the toys (see the README of the crate) they are nearer to ln r than
    /// 300 trees of 31 leaves at a rate of 0.1 (0.9 times as far with 1000 events of each side, two thirds with 10,000), and MLC is
    /// within 1.2 of BCE instead of 1.4.
    pub fn new() -> Self {
        Self::default()
    }

    /// The loss.
    #[must_use]
    pub const fn loss(mut self, loss: RatioLoss) -> Self {
        self.loss = loss;
        self
    }

    /// The largest number of trees, at most 2^20.
    #[must_use]
    pub const fn trees(mut self, trees: usize) -> Self {
        self.trees = trees;
        self
    }

    /// The factor on each leaf, in (0, 1].
    #[must_use]
    pub const fn learning_rate(mut self, rate: f64) -> Self {
        self.learning_rate = rate;
        self
    }

    /// The largest number of leaves of a tree, at least 2 and at most 2^20; each takes 16 kB for four features, in all at most 8 GiB.
    #[must_use]
    pub const fn max_leaves(mut self, leaves: usize) -> Self {
        self.max_leaves = leaves;
        self
    }

    /// The largest number of splits above a leaf, at least 1; no limit unless given.
    #[must_use]
    pub const fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = Some(depth);
        self
    }

    /// The least sum of w |d2L/dz2| over a leaf, at least 0; 20 unless given.
    ///
    /// With BCE an event has at most 1/4. With MLC and LSIF a denominator event has r and r^2 or more, so that few of them are
    /// enough where r is large: three times as much serves them better.
    #[must_use]
    pub const fn min_child_weight(mut self, weight: f64) -> Self {
        self.min_child_weight = weight;
        self
    }

    /// The curvature that is added to each leaf's, at least 0.
    #[must_use]
    pub const fn lambda(mut self, lambda: f64) -> Self {
        self.lambda = lambda;
        self
    }

    /// What a split has to gain more than, at least 0.
    #[must_use]
    pub const fn min_gain(mut self, gain: f64) -> Self {
        self.min_gain = gain;
        self
    }

    /// The largest step of a leaf in z before the learning rate, above 0.
    #[must_use]
    pub const fn max_step(mut self, step: f64) -> Self {
        self.max_step = step;
        self
    }

    /// The largest number of bins of a feature, 2 to 255.
    #[must_use]
    pub const fn max_bins(mut self, bins: usize) -> Self {
        self.max_bins = bins;
        self
    }

    /// The share of each side's events that each tree sees (stochastic boosting), in (0, 1].
    #[must_use]
    pub const fn event_share(mut self, share: f64) -> Self {
        self.event_share = share;
        self
    }

    /// The share of the features that each tree sees, in (0, 1].
    #[must_use]
    pub const fn feature_share(mut self, share: f64) -> Self {
        self.feature_share = share;
        self
    }

    /// The share of each side's events that is held out to stop early, in [0, 1); with 0 all trees are grown.
    #[must_use]
    pub const fn validation_share(mut self, share: f64) -> Self {
        self.validation_share = share;
        self
    }

    /// After how many trees without a lower held-out loss the fit ends, at least 1; the trees up to the lowest stay.
    #[must_use]
    pub const fn patience(mut self, trees: usize) -> Self {
        self.patience = trees;
        self
    }

    /// The fraction of each side that nothing of the fit sees and the report speaks of ([`examine`](crate::report::examine)); 0.1
    /// unless given, 0 for none.
    #[must_use]
    pub const fn examination(mut self, fraction: f64) -> Self {
        self.examination = fraction;
        self
    }

    /// # Errors
    /// The first parameter that is out of its range.
    pub(super) fn check(&self) -> Result<()> {
        self.loss.check()?;
        let counts = [
            ("number of trees", self.trees, 1, 1 << 20, "at least 1 and at most 2^20"),
            ("largest number of leaves", self.max_leaves, 2, 1 << 20, "at least 2 and at most 2^20"),
            ("largest depth", self.max_depth.unwrap_or(1), 1, usize::MAX, "at least 1"),
            ("largest number of bins", self.max_bins, 2, MAX_BINS, "at least 2 and at most 255"),
            ("patience", self.patience, 1, usize::MAX, "at least 1"),
        ];
        for (what, value, least, most, allowed) in counts {
            if value < least || value > most {
                return Err(CoreError::out_of_range(what, value as f64, allowed).into());
            }
        }
        let share = |x: f64| x > 0.0 && x <= 1.0;
        let finite = |x: f64| x >= 0.0 && x.is_finite();
        let numbers = [
            ("learning rate", self.learning_rate, share(self.learning_rate), "above 0 and at most 1"),
            (
                "min_child_weight",
                self.min_child_weight,
                finite(self.min_child_weight),
                "finite and at least 0",
            ),
            ("lambda", self.lambda, finite(self.lambda), "finite and at least 0"),
            ("min_gain", self.min_gain, finite(self.min_gain), "finite and at least 0"),
            (
                "largest step",
                self.max_step,
                self.max_step > 0.0 && finite(self.max_step),
                "finite and above 0",
            ),
            ("share of events", self.event_share, share(self.event_share), "above 0 and at most 1"),
            ("share of features", self.feature_share, share(self.feature_share), "above 0 and at most 1"),
            (
                "share of validation",
                self.validation_share,
                (0.0..1.0).contains(&self.validation_share),
                "at least 0 and below 1",
            ),
        ];
        for (what, value, good, allowed) in numbers {
            if !good {
                return Err(CoreError::out_of_range(what, value, allowed).into());
            }
        }
        Ok(())
    }
}
