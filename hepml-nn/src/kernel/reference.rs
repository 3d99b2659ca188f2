//! The kernels as their definitions say, for tests of the fast ones.

use super::{Epilogue, Fused};
use crate::matrix::{Matrix, View};
use crate::scalar::Scalar;

/// a b + c with one rounding, as levels with vectors have it.
fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
    a.mul_add(b, c)
}

pub(super) fn gemm<T: Scalar>(
    c: &mut Matrix<T>,
    a: View<'_, T>,
    transposed: bool,
    b: View<'_, T>,
    epilogue: Epilogue<'_, T>,
) {
    for i in 0..c.rows() {
        for j in 0..c.columns() {
            let mut sum = if matches!(epilogue, Epilogue::Accumulate) { c.row(i)[j] } else { T::ZERO };
            for l in 0..b.rows() {
                let x = if transposed { a.row(l)[i] } else { a.row(i)[l] };
                sum = mul_add(x, b.row(l)[j], sum);
            }
            if let Epilogue::Bias(bias, activation) = epilogue {
                sum += bias[j];
                let slope = match activation {
                    Fused::Identity => T::ONE,
                    Fused::Relu => T::ZERO,
                    Fused::LeakyRelu(slope) => T::from_f64(slope),
                };
                sum = if sum > T::ZERO { sum } else { slope * sum };
            }
            c.row_mut(i)[j] = sum;
        }
    }
}
