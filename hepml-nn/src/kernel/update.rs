//! Steps of optimisers.

use super::machine::Machine;
use crate::scalar::Scalar;

/// The numbers of a step of gradient descent with momentum:
/// g = scale g + penalty p, b = momentum b + g, p -= rate b, or p -= rate (g + momentum b) with Nesterov's correction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SgdStep<T> {
    /// The factor that gradients are taken times before all else (1/batch, clipping).
    pub(crate) scale: T,
    /// The weight decay, added to the gradient.
    pub(crate) penalty: T,
    /// The share of the last step that is kept.
    pub(crate) momentum: T,
    /// The learning rate.
    pub(crate) rate: T,
    /// Whether the gradient is corrected.
    pub(crate) nesterov: bool,
}

/// The numbers of a step of Adam (arXiv:1412.6980, algorithm 1) with weight decay, in the gradient or decoupled from it
/// (arXiv:1711.05101, algorithm 2): g = scale g + penalty p, m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g²,
/// p = (1 - decay) p - rate m / (sqrt(v / correction) + epsilon).
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep<T> {
    /// The factor that gradients are taken times before all else (1/batch, clipping).
    pub(crate) scale: T,
    /// The weight decay that is added to the gradient.
    pub(crate) penalty: T,
    /// b1 and b2.
    pub(crate) betas: [T; 2],
    /// 1 - b1 and 1 - b2, rounded once.
    pub(crate) rests: [T; 2],
    /// The learning rate over 1 - b1^t.
    pub(crate) rate: T,
    /// 1 - b2^t.
    pub(crate) correction: T,
    /// Keeps the step finite.
    pub(crate) epsilon: T,
    /// The learning rate times the decoupled weight decay.
    pub(crate) decay: T,
}

#[inline(always)]
pub(super) fn sgd<T: Scalar, M: Machine>(
    step: SgdStep<T>,
    parameters: &mut [T],
    gradients: &[T],
    velocity: &mut [T],
) {
    let SgdStep { scale, penalty, momentum, rate, nesterov } = step;
    for ((p, &g), b) in parameters.iter_mut().zip(gradients).zip(velocity) {
        let g = M::mul_add(penalty, *p, g * scale);
        *b = M::mul_add(momentum, *b, g);
        let direction = if nesterov { M::mul_add(momentum, *b, g) } else { *b };
        *p -= rate * direction;
    }
}

#[inline(always)]
pub(super) fn adam<T: Scalar, M: Machine>(
    step: AdamStep<T>,
    parameters: &mut [T],
    gradients: &[T],
    first: &mut [T],
    second: &mut [T],
) {
    let AdamStep { scale, penalty, betas, rests, rate, correction, epsilon, decay } = step;
    let inverse = T::ONE / correction;
    for (((p, &g), m), v) in parameters.iter_mut().zip(gradients).zip(first).zip(second) {
        let g = M::mul_add(penalty, *p, g * scale);
        *m = M::mul_add(betas[0], *m, rests[0] * g);
        *v = M::mul_add(betas[1], *v, rests[1] * g * g);
        *p = (*p - decay * *p) - rate * *m / ((*v * inverse).sqrt() + epsilon);
    }
}

/// y += share (x - y).
#[inline(always)]
pub(super) fn blend<T: Scalar, M: Machine>(y: &mut [T], share: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = M::mul_add(share, x - *y, *y);
    }
}
