//! How parameters follow gradients.

use hepml_core::Error as CoreError;
use hepml_core::serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::kernel::{AdamStep, Kernel, SgdStep};
use crate::parameters::{Gradients, Parameters};
use crate::scalar::Scalar;

/// A step of the parameters p from their mean gradient g at a learning rate r.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum Optimiser {
    /// g += decay p; b = momentum b + g; p -= r b, or p -= r (g + momentum b) with Nesterov's correction.
    Sgd {
        /// The share of the last step that is kept, from 0 up to below 1.
        momentum: f64,
        /// Whether the gradient is corrected as Nesterov's (Sutskever et al. 2013).
        nesterov: bool,
        /// The weight decay: an L2 penalty decay/2 p².
        decay: f64,
    },
    /// Adam (arXiv:1412.6980, algorithm 1): g += decay p; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²;
    /// p -= r m/(1 - b1^t) / (sqrt(v/(1 - b2^t)) + epsilon).
    Adam {
        /// b1.
        beta1: f64,
        /// b2.
        beta2: f64,
        /// Keeps the step finite.
        epsilon: f64,
        /// The weight decay: an L2 penalty decay/2 p².
        decay: f64,
    },
    /// Adam with decoupled weight decay (arXiv:1711.05101, algorithm 2): p -= r decay p besides Adam's step.
    AdamW {
        /// b1.
        beta1: f64,
        /// b2.
        beta2: f64,
        /// Keeps the step finite.
        epsilon: f64,
        /// The weight decay.
        decay: f64,
    },
}

impl Default for Optimiser {
    /// [`adam`](Self::adam).
    fn default() -> Self {
        Self::adam()
    }
}

impl Optimiser {
    /// Plain gradient descent with momentum, without weight decay.
    pub const fn sgd(momentum: f64) -> Self {
        Self::Sgd { momentum, nesterov: false, decay: 0.0 }
    }

    /// Adam with b1 = 0.9, b2 = 0.999, epsilon = 1e-8, without weight decay.
    pub const fn adam() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.0 }
    }

    /// Adam with the same numbers and decoupled weight decay.
    pub const fn adam_w(decay: f64) -> Self {
        Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay }
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// A momentum or beta outside [0, 1), a negative decay, an epsilon outside [1e-30, 1].
    pub fn check(&self) -> Result<()> {
        let check = |what: &'static str, value: f64, good: bool, allowed: &'static str| {
            if good { Ok(()) } else { Err(CoreError::out_of_range(what, value, allowed)) }
        };
        let (Self::Sgd { decay, .. } | Self::Adam { decay, .. } | Self::AdamW { decay, .. }) = *self;
        check("weight decay", decay, (0.0..f64::INFINITY).contains(&decay), "finite and not negative")?;
        match *self {
            Self::Sgd { momentum, .. } => {
                check("momentum", momentum, (0.0..1.0).contains(&momentum), "from 0 up to below 1")?;
            }
            Self::Adam { beta1, beta2, epsilon, .. } | Self::AdamW { beta1, beta2, epsilon, .. } => {
                check("beta1 of Adam", beta1, (0.0..1.0).contains(&beta1), "from 0 up to below 1")?;
                check("beta2 of Adam", beta2, (0.0..1.0).contains(&beta2), "from 0 up to below 1")?;
                // It must not vanish in f32: 0/0 is what a parameter without gradient would then step by.
                check("epsilon of Adam", epsilon, (1e-30..=1.0).contains(&epsilon), "from 1e-30 to 1")?;
            }
        }
        Ok(())
    }

    /// Step number `step`, counted from 1, by `scale` times the gradients.
    pub(super) fn step<T: Scalar>(
        &self,
        kernel: Kernel,
        parameters: &mut Parameters<T>,
        gradients: &Gradients<T>,
        moments: &mut [Gradients<T>; 2],
        [scale, rate]: [f64; 2],
        step: u64,
    ) {
        let [first, second] = moments;
        let (first, second) = (first.values_mut(), second.values_mut());
        let t = T::from_f64;
        match *self {
            Self::Sgd { momentum, nesterov, decay } => {
                let step = SgdStep {
                    scale: t(scale),
                    penalty: t(decay),
                    momentum: t(momentum),
                    rate: t(rate),
                    nesterov,
                };
                kernel.sgd(step, parameters.values_mut(), gradients.values(), first);
            }
            Self::Adam { beta1, beta2, epsilon, decay } | Self::AdamW { beta1, beta2, epsilon, decay } => {
                let decoupled = matches!(self, Self::AdamW { .. });
                let steps = step as f64;
                let step = AdamStep {
                    scale: t(scale),
                    penalty: t(if decoupled { 0.0 } else { decay }),
                    betas: [t(beta1), t(beta2)],
                    rests: [t(1.0 - beta1), t(1.0 - beta2)],
                    rate: t(rate / (1.0 - beta1.powf(steps))),
                    correction: t(1.0 - beta2.powf(steps)),
                    epsilon: t(epsilon),
                    decay: t(if decoupled { rate * decay } else { 0.0 }),
                };
                kernel.adam(step, parameters.values_mut(), gradients.values(), first, second);
            }
        }
        parameters.refresh(kernel);
    }
}
