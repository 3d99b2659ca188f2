//! What is believed of weights before data are seen.

use hepml_core::serde::{Deserialize, Serialize};

use crate::error::Result;

/// The prior of Bayesian layers: each weight is drawn from N(0, deviation²).
///
/// Training minimises (1/N) sum_i L_i + (factor/N) KL over its N events, with the divergence KL of the posterior from the
/// prior. Where L is -ln p(y|x) of an event up to a constant, factor 1, the default, is Bayes' rule (arXiv:1904.10004,
/// 2206.14831). Losses that are a multiple c of it take the factor c:
/// [`CrossEntropy`](crate::Loss::CrossEntropy), and [`BinaryCrossEntropy`](crate::Loss::BinaryCrossEntropy) and
/// [`Gaussian`](crate::Loss::Gaussian) of one target, 1; the latter two of n targets, whose mean they are, 1/n;
/// [`MeanSquared`](crate::Loss::MeanSquared) of one target with Gaussian noise of variance v (in units of the standardised
/// targets), 2 v. Other factors give tempered posteriors.
///
/// Event weights are scaled to a mean of |w| of 1: events of unequal weights, whose effective number is smaller than N, are
/// believed as if there were N of them, and the posterior comes out too narrow; N over that number is a factor that
/// makes up for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct Prior {
    deviation: f64,
    factor: f64,
}

impl Default for Prior {
    /// N(0, 1), by Bayes' rule.
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Prior {
    /// N(0, deviation²), by Bayes' rule.
    pub fn new(deviation: f64) -> Self {
        Self { deviation, factor: 1.0 }
    }

    /// What the divergence counts.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let numbers = [("deviation of a prior", self.deviation), ("factor of a prior", self.factor)];
        match numbers.into_iter().find(|(_, x)| !(*x > 0.0 && x.is_finite())) {
            Some((what, value)) => {
                Err(hepml_core::Error::out_of_range(what, value, "positive and finite").into())
            }
            None => Ok(()),
        }
    }

    pub(super) fn variance(&self) -> f64 {
        self.deviation * self.deviation
    }

    pub(super) fn divergence_factor(&self) -> f64 {
        self.factor
    }
}
