//! Dropout.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::matrix::Matrix;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;

/// Sets each number to 0 with probability p while training, and divides the others by 1 - p, so that the mean stays
/// (Srivastava et al., JMLR 15 (2014) 1929, inverted). Does nothing in evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub struct Dropout {
    rate: f64,
}

impl Dropout {
    /// Dropout with probability `rate`.
    ///
    /// # Errors
    /// A rate outside [0, 1).
    pub fn new(rate: f64) -> Result<Self> {
        if (0.0..1.0).contains(&rate) {
            Ok(Self { rate })
        } else {
            let allowed = "at least 0 and below 1";
            Err(hepml_core::Error::out_of_range("rate of a dropout", rate, allowed).into())
        }
    }

    /// The numbers that are left, of the shape of x.
    ///
    /// # Errors
    /// A variable of another tape.
    pub fn forward<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var) -> Result<Var> {
        if self.rate == 0.0 {
            return Ok(x);
        }
        let (rows, columns) = pass.shape(x)?;
        let Some(noise) = pass.noise() else { return Ok(x) };
        let mask = self.mask(rows, columns, noise);
        let mask = pass.constant(mask.view());
        pass.mul(x, mask)
    }

    /// 0 or 1/(1 - p).
    fn mask<T: Scalar>(self, rows: usize, columns: usize, noise: &mut dyn Rng) -> Matrix<T> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 0, below 2^32")]
        let threshold = (self.rate * 2.0_f64.powi(32)) as u32;
        let kept = T::from_f64(1.0 / (1.0 - self.rate));
        let mut mask = Matrix::zeros(rows, columns);
        for row in 0..rows {
            for entry in mask.row_mut(row) {
                if noise.next_u32() >= threshold {
                    *entry = kept;
                }
            }
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::tape::Tape;

    #[test]
    fn a_share_is_dropped_and_the_mean_stays() {
        let (rows, columns, rate) = (400, 50, 0.3);
        let dropout = Dropout::new(rate).unwrap();
        let ones = Matrix::<f64>::from_rows(rows, columns, &vec![1.0; rows * columns]).unwrap();
        let mut tape = Tape::new();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut pass = Pass::training(&mut tape, &mut rng);
        let x = pass.input(ones.view());
        let y = dropout.forward(&mut pass, x).unwrap();
        let sum = pass.sum(y).unwrap();
        let value = pass.value(y).unwrap().to_array();
        assert!(value.iter().all(|y| *y == 0.0 || *y == 1.0 / 0.7));
        // Binomial: 5 standard deviations.
        let n = (rows * columns) as f64;
        let dropped = value.iter().filter(|y| **y == 0.0).count() as f64;
        assert!((dropped - rate * n).abs() < 5.0 * (n * rate * (1.0 - rate)).sqrt());
        // The gradient is the mask itself.
        let mut gradients = crate::Gradients::default();
        pass.backward(sum, &mut gradients).unwrap();
        assert_eq!(pass.gradient(x).unwrap().unwrap().to_array(), value);

        let mut pass = Pass::evaluation(&mut tape);
        let x = pass.input(ones.view());
        assert_eq!(dropout.forward(&mut pass, x).unwrap(), x);
    }

    #[test]
    fn rates_are_checked() {
        for rate in [-0.1, 1.0, f64::NAN] {
            assert!(Dropout::new(rate).unwrap_err().to_string().contains("rate of a dropout"));
        }
    }
}
