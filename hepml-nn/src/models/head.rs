//! What is made of a network's outputs.

use hepml_core::Table;
use hepml_core::serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The last step of a model, after its network: from outputs to observables, in f64.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
#[non_exhaustive]
pub enum Head {
    /// The outputs.
    Identity,
    /// e^f_k / sum_j e^f_j: the probabilities of the classes.
    Softmax,
    /// 1/(1 + e^-f) of each output: the probability of class 1.
    Sigmoid,
    /// scale_k f_k + shift_k: targets that were standardised for the training, in their own units.
    Affine {
        /// The factor of each output.
        scale: Vec<f64>,
        /// What is added to each output.
        shift: Vec<f64>,
    },
}

impl Head {
    /// Checks that it takes so many outputs.
    ///
    /// # Errors
    /// It does not; numbers that are not finite.
    pub fn check(&self, outputs: usize) -> Result<()> {
        let Self::Affine { scale, shift } = self else { return Ok(()) };
        for numbers in [scale, shift] {
            if numbers.len() != outputs {
                return Err(Error::shape("numbers of an affine head", outputs, numbers.len()));
            }
            if let Some(&bad) = numbers.iter().find(|x| !x.is_finite()) {
                return Err(hepml_core::Error::not_finite("number of an affine head", bad).into());
            }
        }
        Ok(())
    }

    /// The observables [events, outputs] from the outputs.
    ///
    /// # Errors
    /// Another number of outputs.
    pub fn apply(&self, mut outputs: Table) -> Result<Table> {
        self.check(outputs.ncols())?;
        match self {
            Self::Identity => {}
            Self::Softmax => {
                for mut row in outputs.rows_mut() {
                    let largest = row.iter().fold(f64::NEG_INFINITY, |m, f| m.max(*f));
                    row.mapv_inplace(|f| (f - largest).exp());
                    let sum: f64 = row.iter().sum();
                    row.mapv_inplace(|f| f / sum);
                }
            }
            // Of -|f|, so that nothing overflows and small probabilities keep their digits.
            Self::Sigmoid => outputs.mapv_inplace(|f| {
                let small = (-f.abs()).exp();
                if f >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
            }),
            Self::Affine { scale, shift } => {
                for mut row in outputs.rows_mut() {
                    for ((f, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
                        *f = *f * scale + shift;
                    }
                }
            }
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::ndarray::array;

    use super::*;

    #[test]
    fn heads() {
        let table: Table = array![[0.0, 3.0_f64.ln()], [800.0, -800.0]];
        let softmax = Head::Softmax.apply(table.clone()).unwrap();
        assert!((softmax[[0, 1]] - 0.75).abs() < 1e-15);
        assert_eq!(softmax.row(1).to_vec(), [1.0, 0.0]);
        let sigmoid = Head::Sigmoid.apply(table.clone()).unwrap();
        assert!((sigmoid[[0, 1]] - 0.75).abs() < 1e-15);
        assert_eq!((sigmoid[[0, 0]], sigmoid[[1, 0]], sigmoid[[1, 1]]), (0.5, 1.0, 0.0));
        let head = Head::Affine { scale: vec![2.0, 1.0], shift: vec![1.0, 0.0] };
        assert_eq!(head.apply(table.clone()).unwrap().row(1).to_vec(), [1601.0, -800.0]);
        let head = Head::Affine { scale: vec![2.0], shift: vec![1.0] };
        assert!(head.apply(table).unwrap_err().to_string().contains("expected 2, got 1"));
    }
}
