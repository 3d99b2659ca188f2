//! Gaussian noise.

use hepml_core::rand::{Rng, RngExt};

use crate::matrix::Matrix;
use crate::scalar::Scalar;

/// Two independent standard normal numbers (Box and Muller 1958), exactly two draws of `rng`.
fn normal_pair(rng: &mut dyn Rng) -> [f64; 2] {
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let (sine, cosine) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
    [radius * cosine, radius * sine]
}

/// Fills with independent standard normal numbers.
pub(crate) fn fill_normal<T: Scalar>(numbers: &mut [T], rng: &mut dyn Rng) {
    for pair in numbers.chunks_mut(2) {
        for (to, number) in pair.iter_mut().zip(normal_pair(rng)) {
            *to = T::from_f64(number);
        }
    }
}

/// A matrix of independent standard normal numbers, drawn row by row.
pub(crate) fn normal_matrix<T: Scalar>(rows: usize, columns: usize, rng: &mut dyn Rng) -> Matrix<T> {
    let mut matrix = Matrix::zeros(rows, columns);
    for row in 0..rows {
        fill_normal(matrix.row_mut(row), rng);
    }
    matrix
}

#[cfg(test)]
mod tests {
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn moments_are_those_of_a_normal_distribution() {
        let (rows, columns) = (20_000, 3);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let noise = normal_matrix::<f64>(rows, columns, &mut rng).to_array();
        let n = (rows * columns) as f64;
        // The moments 0, 1, 0, 3, and 5 of their standard deviations: the variance of x^k is m_2k - m_k².
        for (power, moment, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let mean = noise.iter().map(|x| x.powi(power)).sum::<f64>() / n;
            assert!((mean - moment).abs() < 5.0 * (variance / n).sqrt(), "moment {power}: {mean}");
        }
        let products = noise.column(0).dot(&noise.column(1)) / rows as f64;
        assert!(products.abs() < 5.0 / (rows as f64).sqrt());
    }

    /// Value stability: a change here is a change of every seeded result.
    #[test]
    fn draws_are_stable() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let drawn = normal_matrix::<f64>(1, 3, &mut rng);
        assert_eq!(drawn.row(0).iter().map(|x| (x * 1e6).round()).collect::<Vec<_>>(), STABLE);
    }

    /// Rounded: libraries differ in the last bits of sines and logarithms.
    const STABLE: [f64; 3] = [-1_969_844.0, -618_639.0, 1_101_991.0];
}
