//! Every kernel against its reference: all levels, both numbers, odd shapes.

use super::{Epilogue, Fused, Kernel, SimdLevel, reference};
use crate::matrix::Matrix;
use crate::scalar::Scalar;

/// What the portable level may be off by, in roundings of the largest partial sum a term: it rounds products too.
const ROUNDINGS: f64 = 2.0;

/// Numbers within ±1, the same each time.
pub(super) fn numbers<T: Scalar>(rows: usize, columns: usize, seed: u64) -> Matrix<T> {
    let mut state = seed;
    let mut matrix = Matrix::zeros(rows, columns);
    for row in 0..rows {
        for x in matrix.row_mut(row) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *x = T::from_f64((state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0);
        }
    }
    matrix
}

/// All levels of this processor.
pub(super) fn kernels() -> impl Iterator<Item = (SimdLevel, Kernel)> {
    SimdLevel::available().into_iter().map(|level| (level, Kernel::new(level).unwrap()))
}

/// The same bits with vectors; within `tolerance` without. Pads are 0.
pub(super) fn check<T: Scalar>(
    what: &str,
    level: SimdLevel,
    got: &Matrix<T>,
    expected: &Matrix<T>,
    tolerance: f64,
) {
    assert_eq!(got.shape(), expected.shape(), "{what}");
    for row in 0..got.rows() {
        for (column, (&x, &y)) in got.row(row).iter().zip(expected.row(row)).enumerate() {
            let off = (x.to_f64() - y.to_f64()).abs();
            let exact = x == y || (x.to_f64().is_nan() && y.to_f64().is_nan());
            let close = level == SimdLevel::Portable && off <= tolerance;
            assert!(exact || close, "{what}, {level:?}, {}: [{row}, {column}] is {x}, not {y}", T::NAME);
        }
    }
    let stride = got.view().stride();
    for row in got.view().padded().chunks(stride.max(1)) {
        assert!(row[got.columns()..].iter().all(|x| *x == T::ZERO), "{what}, {level:?}: pads");
    }
}

/// Small shapes under Miri, which is slow.
const SIZES: &[usize] =
    if cfg!(miri) { &[0, 1, 3, 17] } else { &[0, 1, 2, 3, 7, 13, 16, 17, 31, 48, 67, 100, 129] };

fn gemms<T: Scalar>() {
    let epilogues = |bias: &'static [T]| {
        [
            Epilogue::Store,
            Epilogue::Accumulate,
            Epilogue::Bias(bias, Fused::Identity),
            Epilogue::Bias(bias, Fused::Relu),
            Epilogue::Bias(bias, Fused::LeakyRelu(0.1)),
        ]
    };
    // Longer than a block.
    let lengths = SIZES.iter().copied().chain(if cfg!(miri) { [2, 3] } else { [256, 600] });
    for k in lengths {
        for (count, &n) in SIZES.iter().enumerate() {
            let m = SIZES[(count * 5 + k) % SIZES.len()];
            let bias: &'static [T] =
                Box::leak(numbers::<T>(1, n, 3).view().padded().to_vec().into_boxed_slice());
            for transposed in [false, true] {
                let a = if transposed { numbers(k, m, 1) } else { numbers(m, k, 1) };
                let b = numbers::<T>(k, n, 2);
                for epilogue in epilogues(bias) {
                    let before = numbers::<T>(m, n, 4);
                    let mut expected = before.clone();
                    reference::gemm(&mut expected, a.view(), transposed, b.view(), epilogue);
                    for (level, kernel) in kernels() {
                        let mut got = before.clone();
                        kernel.gemm(got.view_mut(), a.view(), transposed, b.view(), epilogue);
                        let tolerance = ROUNDINGS * (k + 2) as f64 * T::EPSILON.to_f64() * (k + 2) as f64;
                        check(&format!("gemm {m} {k} {n} {transposed}"), level, &got, &expected, tolerance);
                    }
                }
            }
        }
    }
}

#[test]
fn products_are_sums_in_order() {
    gemms::<f32>();
    gemms::<f64>();
}
