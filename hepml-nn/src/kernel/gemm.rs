//! Matrix products.

use super::machine::Machine;
use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

/// What becomes of a product before it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Epilogue<'a, T> {
    /// It is stored.
    Store,
    /// It is added to what is there.
    Accumulate,
    /// A bias is added to each row (a whole padded row), and the activation is taken.
    Bias(&'a [T], Fused),
}

/// Activations whose derivative follows from their value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fused {
    /// None.
    Identity,
    /// max(x, 0).
    Relu,
    /// x, or a small slope times x below 0.
    LeakyRelu(f64),
}

impl Fused {
    #[inline(always)]
    fn value<T: Scalar>(self, x: T) -> T {
        match self {
            Self::Identity => x,
            Self::Relu => {
                if x > T::ZERO {
                    x
                } else {
                    T::ZERO
                }
            }
            Self::LeakyRelu(slope) => {
                if x > T::ZERO {
                    x
                } else {
                    T::from_f64(slope) * x
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn gemm<T: Scalar, M: Machine>(
    mut c: ViewMut<'_, T>,
    a: View<'_, T>,
    transposed: bool,
    b: View<'_, T>,
    epilogue: Epilogue<'_, T>,
) {
    let (rows, columns) = c.shape();
    for i in 0..rows {
        let to = c.row(i);
        for (j, to) in to.iter_mut().enumerate().take(columns) {
            let mut sum = if matches!(epilogue, Epilogue::Accumulate) { *to } else { T::ZERO };
            for l in 0..b.rows() {
                let x = if transposed { a.row(l)[i] } else { a.row(i)[l] };
                sum = M::mul_add(x, b.row(l)[j], sum);
            }
            *to = match epilogue {
                Epilogue::Store | Epilogue::Accumulate => sum,
                Epilogue::Bias(bias, activation) => activation.value(sum + bias[j]),
            };
        }
        c.padded_row(i)[columns..].fill(T::ZERO);
    }
}

#[inline(always)]
pub(super) fn transpose<T: Scalar, M: Machine>(a: View<'_, T>, mut to: ViewMut<'_, T>) {
    to.padded().fill(T::ZERO);
    for i in 0..a.rows() {
        for (j, &x) in a.row(i).iter().enumerate() {
            to.row(j)[i] = x;
        }
    }
}

#[inline(always)]
pub(super) fn fused_adjoint<T: Scalar, M: Machine>(activation: Fused, y: View<'_, T>, mut g: ViewMut<'_, T>) {
    let slope = match activation {
        Fused::Identity => return,
        Fused::Relu => T::ZERO,
        Fused::LeakyRelu(slope) => T::from_f64(slope),
    };
    for (g, &y) in g.padded().iter_mut().zip(y.padded()) {
        *g = if y > T::ZERO { *g } else { slope * *g };
    }
}
