//! How parameters follow gradients.

use hepml_core::Error as CoreError;
use hepml_core::serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::kernel::{AdamStep, Kernel, SgdStep};
use crate::parameters::{Gradients, Parameters};
use crate::scalar::Scalar;

/// A step of the parameters p from their mean gradient g at a learning rate r.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::training::reference::{numbers, reference, rows};
    use hepml_core::SimdLevel;

    /// The parameters after each step down the mean of (x p - y)².
    fn trajectory<T: Scalar>(
        level: SimdLevel,
        optimiser: &Optimiser,
        rate: f64,
        steps: u64,
    ) -> Vec<Vec<f64>> {
        let problem = reference("optimisers");
        let (x, y, start) = (rows(&problem["x"]), numbers(&problem["y"]), numbers(&problem["start"]));
        let kernel = Kernel::new(level).unwrap();
        let start: Vec<T> = start.into_iter().map(T::from_f64).collect();
        let mut parameters = Parameters::new();
        let id = parameters.add("p", &Matrix::from_rows(1, start.len(), &start).unwrap()).unwrap();
        let mut gradients = Gradients::zeros(&parameters);
        let mut moments = [Gradients::zeros(&parameters), Gradients::zeros(&parameters)];
        let mut trajectory = Vec::new();
        for step in 1..=steps {
            let p: Vec<f64> =
                parameters.value(id).unwrap().row(0).iter().map(|p| Scalar::to_f64(*p)).collect();
            // The gradient of the sum: the step divides by the number of events.
            gradients.clear();
            for (x, y) in x.iter().zip(&y) {
                let residual = x.iter().zip(&p).map(|(x, p)| x * p).sum::<f64>() - y;
                for (g, x) in gradients.values_mut().iter_mut().zip(x) {
                    *g += T::from_f64(2.0 * residual * x);
                }
            }
            let scale = 1.0 / y.len() as f64;
            optimiser.step(kernel, &mut parameters, &gradients, &mut moments, [scale, rate], step);
            let after = parameters.value(id).unwrap();
            assert_eq!(parameters.transpose(id).unwrap().row(0)[0], after.row(0)[0]);
            assert!(after.padded()[after.columns()..].iter().all(|x| *x == T::ZERO));
            trajectory.push(after.row(0).iter().map(|p| Scalar::to_f64(*p)).collect());
        }
        trajectory
    }

    fn compare<T: Scalar>(tolerance: f64) {
        let decay = |mut optimiser: Optimiser, value: f64| {
            let (Optimiser::Sgd { decay, .. }
            | Optimiser::Adam { decay, .. }
            | Optimiser::AdamW { decay, .. }) = &mut optimiser;
            *decay = value;
            optimiser
        };
        let nesterov = Optimiser::Sgd { momentum: 0.8, nesterov: true, decay: 0.01 };
        let other = Optimiser::Adam { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, decay: 0.2 };
        let cases = [
            ("sgd", Optimiser::sgd(0.0), 0.05),
            ("sgd momentum", decay(Optimiser::sgd(0.9), 0.03), 0.05),
            ("sgd nesterov", nesterov, 0.05),
            ("adam", Optimiser::adam(), 0.1),
            ("adam decay", other, 0.1),
            ("adamw", Optimiser::adam_w(0.2), 0.1),
        ];
        let expected = &reference("optimisers")["trajectories"];
        assert_eq!(expected.as_object().unwrap().len(), cases.len());
        for level in SimdLevel::available() {
            for (name, optimiser, rate) in cases {
                let expected = rows(&expected[name]);
                let got = trajectory::<T>(level, &optimiser, rate, expected.len() as u64);
                for (step, (got, expected)) in got.iter().zip(&expected).enumerate() {
                    for (got, expected) in got.iter().zip(expected) {
                        let off = (got - expected).abs();
                        assert!(off < tolerance, "{level:?}, {name}, step {step}: {got} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn steps_are_those_of_torch() {
        // 25 steps of rounding of numbers of order 1.
        compare::<f64>(1e-13);
        compare::<f32>(2e-5);
    }

    #[test]
    fn the_first_step_by_hand() {
        // With g = 2/n sum x (x p - y): SGD steps by rate g, Adam by the rate in the direction of the sign of g.
        let problem = reference("optimisers");
        let (x, y, start) = (rows(&problem["x"]), numbers(&problem["y"]), numbers(&problem["start"]));
        let dot = |x: &[f64]| x.iter().zip(&start).map(|(x, p)| x * p).sum::<f64>();
        let sgd = trajectory::<f64>(SimdLevel::Portable, &Optimiser::sgd(0.9), 0.25, 1);
        let adam = trajectory::<f64>(SimdLevel::Portable, &Optimiser::adam(), 0.25, 1);
        let adam_w = trajectory::<f64>(SimdLevel::Portable, &Optimiser::adam_w(0.5), 0.25, 1);
        for k in 0..3 {
            let g = x.iter().zip(&y).map(|(x, y)| 2.0 * x[k] * (dot(x) - y)).sum::<f64>() / y.len() as f64;
            assert!((sgd[0][k] - (start[k] - 0.25 * g)).abs() < 1e-14);
            // Epsilon of 1e-8 against |g| of order 1.
            assert!((adam[0][k] - (start[k] - 0.25 * g.signum())).abs() < 1e-7);
            assert!((adam_w[0][k] - (start[k] * (1.0 - 0.25 * 0.5) - 0.25 * g.signum())).abs() < 1e-7);
        }
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let epsilon = Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 0.0, decay: 0.0 };
        for (optimiser, what) in [
            (Optimiser::sgd(1.0), "momentum"),
            (Optimiser::adam_w(-1.0), "weight decay"),
            (Optimiser::adam_w(f64::NAN), "weight decay"),
            (epsilon, "epsilon"),
            (Optimiser::Adam { beta1: 0.9, beta2: 1.0, epsilon: 1e-8, decay: 0.0 }, "beta2"),
        ] {
            assert!(optimiser.check().unwrap_err().to_string().contains(what), "{optimiser:?}");
        }
    }
}
