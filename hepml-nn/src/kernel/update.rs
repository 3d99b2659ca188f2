//! Steps of optimisers.

use super::machine::Machine;
use crate::scalar::Scalar;

/// The numbers of a step of Adam (arXiv:1412.6980, algorithm 1) with decoupled weight decay (arXiv:1711.05101, algorithm 2):
/// m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g², p = (1 - decay) p - rate m / (sqrt(v / correction) + epsilon).
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep<T> {
    /// The factor that gradients are taken times before all else (1/batch, clipping).
    pub(crate) scale: T,
    /// b1.
    pub(crate) beta1: T,
    /// b2.
    pub(crate) beta2: T,
    /// The learning rate over 1 - b1^t.
    pub(crate) rate: T,
    /// 1 - b2^t.
    pub(crate) correction: T,
    /// Keeps the step finite.
    pub(crate) epsilon: T,
    /// The learning rate times the weight decay.
    pub(crate) decay: T,
}

#[inline(always)]
pub(super) fn adam<T: Scalar, M: Machine>(
    step: AdamStep<T>,
    parameters: &mut [T],
    gradients: &[T],
    first: &mut [T],
    second: &mut [T],
) {
    let AdamStep { scale, beta1, beta2, rate, correction, epsilon, decay } = step;
    let inverse = T::ONE / correction;
    for (((p, &g), m), v) in parameters.iter_mut().zip(gradients).zip(first).zip(second) {
        let g = g * scale;
        *m = M::mul_add(beta1, *m, (T::ONE - beta1) * g);
        *v = M::mul_add(beta2, *v, (T::ONE - beta2) * g * g);
        *p = (*p - decay * *p) - rate * *m / ((*v * inverse).sqrt() + epsilon);
    }
}
