//! Dense triangular algebra on M x M matrices.
//!
//! Blocked, so that nearly all of the work is in nalgebra's matrix product (2 to 3 M³/3 multiplications in all at 64 columns a
//! block); nalgebra's own decomposition, column by column, is used within a block only.

use hepml_core::Error as CoreError;
use hepml_core::nalgebra::{self, DMatrix, DVector};

use crate::error::Result;

/// The columns of a block.
const BLOCK: usize = 64;

/// M + jitter = L L^T.
pub(super) struct Cholesky {
    lower: DMatrix<f64>,
    /// What was added to the diagonal.
    pub(super) jitter: f64,
}

impl Cholesky {
    /// Decomposes a matrix whose lower half is given, with the least jitter of `jitter` times a power of 10 that rounding needs.
    pub(super) fn new(matrix: &DMatrix<f64>, jitter: f64) -> Result<Self> {
        let n = matrix.nrows();
        // More on the diagonal than there is in all of a row: no positive semidefinite matrix fails there.
        let enough = n as f64 * matrix.diagonal().amax();
        let mut jitter = jitter;
        loop {
            let mut lower = matrix.clone();
            for i in 0..n {
                lower[(i, i)] += jitter;
            }
            if decompose(&mut lower) {
                lower.fill_upper_triangle(0.0, 1);
                return Ok(Self { lower, jitter });
            }
            if jitter > enough || !enough.is_finite() {
                return Err(CoreError::not_finite("kernel matrix", jitter).into());
            }
            jitter *= 10.0;
        }
    }

    /// L^-1 v.
    pub(super) fn solve(&self, mut v: DVector<f64>) -> DVector<f64> {
        self.lower.solve_lower_triangular_unchecked_mut(&mut v);
        v
    }

    /// L^-T v.
    pub(super) fn solve_transposed(&self, mut v: DVector<f64>) -> DVector<f64> {
        assert!(self.lower.tr_solve_lower_triangular_mut(&mut v), "the diagonal is positive");
        v
    }

    /// The lower half of L^T diag(w) L.
    pub(super) fn congruence(&self, w: &[f64]) -> DMatrix<f64> {
        let n = w.len();
        let mut result = DMatrix::zeros(n, n);
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            // Column j of L is 0 above row j: rows before the block contribute nothing.
            let weighted = DMatrix::from_fn(end - start, n - start, |i, k| {
                self.lower[(start + k, start + i)] * w[start + k]
            });
            let right = self.lower.view((start, 0), (n - start, end));
            result.view_mut((start, 0), (end - start, end)).gemm(1.0, &weighted, &right, 0.0);
        }
        result
    }
}

/// Replaces the lower half by L; false where the matrix is not positive definite.
fn decompose(a: &mut DMatrix<f64>) -> bool {
    let n = a.nrows();
    for start in (0..n).step_by(BLOCK) {
        let size = BLOCK.min(n - start);
        let Some(diagonal) = nalgebra::Cholesky::new(a.view((start, start), (size, size)).into_owned())
        else {
            return false;
        };
        let diagonal = diagonal.unpack();
        a.view_mut((start, start), (size, size)).copy_from(&diagonal);
        let next = start + size;
        if next == n {
            break;
        }
        let mut inverse = DMatrix::identity(size, size);
        diagonal.solve_lower_triangular_unchecked_mut(&mut inverse);
        let panel = a.view((next, start), (n - next, size)) * inverse.transpose();
        a.view_mut((next, start), (n - next, size)).copy_from(&panel);
        for column in (next..n).step_by(BLOCK) {
            let columns = BLOCK.min(n - column);
            let left = panel.rows(column - next, n - column);
            let right = panel.rows(column - next, columns).transpose();
            a.view_mut((column, column), (n - column, columns)).gemm(-1.0, &left, &right, 1.0);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::rand::{RngExt, SeedableRng};
    use hepml_core::rand_chacha::ChaCha8Rng;

    /// More than two blocks, the last one cut short.
    const SIZE: usize = 150;
    /// Rounding of sums of SIZE terms of order 1, with some room.
    const TOLERANCE: f64 = 1e-12;

    fn positive_definite() -> DMatrix<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let root = DMatrix::from_fn(SIZE, SIZE, |_, _| rng.random::<f64>() - 0.5);
        &root * root.transpose() / SIZE as f64 + DMatrix::identity(SIZE, SIZE)
    }

    #[test]
    fn factors_and_solutions() {
        let matrix = positive_definite();
        // The upper half is not looked at.
        let mut half = matrix.clone();
        half.fill_upper_triangle(f64::NAN, 1);
        let cholesky = Cholesky::new(&half, 0.0).unwrap();
        assert!((&cholesky.lower * cholesky.lower.transpose() - &matrix).amax() < TOLERANCE);
        let v = DVector::from_fn(SIZE, |i, _| (i as f64).sin());
        assert!((&cholesky.lower * cholesky.solve(v.clone()) - &v).amax() < TOLERANCE);
        assert!((cholesky.lower.transpose() * cholesky.solve_transposed(v.clone()) - &v).amax() < TOLERANCE);
    }

    #[test]
    fn congruence_is_that_of_dense_products() {
        let cholesky = Cholesky::new(&positive_definite(), 0.0).unwrap();
        let w = DVector::from_fn(SIZE, |i, _| 1.0 + (i as f64).cos());
        let expected = cholesky.lower.transpose() * DMatrix::from_diagonal(&w) * &cholesky.lower;
        let got = cholesky.congruence(w.as_slice());
        for i in 0..SIZE {
            for j in 0..=i {
                assert!((got[(i, j)] - expected[(i, j)]).abs() < TOLERANCE);
            }
        }
    }

    #[test]
    fn jitter_grows_until_it_suffices() {
        let cholesky = Cholesky::new(&DMatrix::from_element(SIZE, SIZE, 1.0), 1e-16).unwrap();
        assert!(cholesky.jitter > 1e-16 && cholesky.jitter < 1e-10, "{}", cholesky.jitter);
        assert!(Cholesky::new(&DMatrix::from_element(3, 3, f64::NAN), 1e-16).is_err());
    }
}
