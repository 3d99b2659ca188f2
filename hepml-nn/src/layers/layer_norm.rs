//! Layer normalisation.

use crate::error::Result;
use crate::matrix::Matrix;
use crate::parameters::{ParameterId, Parameters};
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;

/// What is added to variances, so that a row of equal numbers can be divided by its standard deviation.
const EPSILON: f64 = 1e-5;

/// Each row less its mean, over sqrt(variance + 1e-5), times a gain, plus a bias for each column (arXiv:1607.06450).
#[derive(Debug, Clone)]
pub struct LayerNorm {
    gain: ParameterId,
    bias: ParameterId,
}

impl LayerNorm {
    /// A layer with gains `name/gain`, 1 at first, and biases `name/bias`, 0 at first, each [1, columns].
    ///
    /// # Errors
    /// Names that are taken; as [`Parameters::check_room`].
    pub fn new<T: Scalar>(parameters: &mut Parameters<T>, name: &str, columns: usize) -> Result<Self> {
        parameters.check_room(&[[1, columns], [1, columns]])?;
        let ones = Matrix::from_rows(1, columns, &vec![T::ONE; columns])?;
        let gain = parameters.add(format!("{name}/gain"), &ones)?;
        let bias = parameters.add(format!("{name}/bias"), &Matrix::zeros(1, columns))?;
        Ok(Self { gain, bias })
    }

    /// The normalised rows.
    ///
    /// # Errors
    /// Another number of columns.
    pub fn forward<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var) -> Result<Var> {
        let (gain, bias) = (pass.parameter(self.gain)?, pass.parameter(self.bias)?);
        let y = pass.layer_norm(x, EPSILON)?;
        let y = pass.mul(y, gain)?;
        pass.add(y, bias)
    }
}
