//! Dense layers.

use hepml_core::rand::Rng;

use super::Initial;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::parameters::{ParameterId, Parameters};
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Function, Var};

/// f(x W + b).
#[derive(Debug, Clone)]
pub struct Dense {
    weight: ParameterId,
    bias: ParameterId,
    activation: Option<Function>,
}

impl Dense {
    /// A layer whose weights `name/weight` [inputs, outputs] are drawn from `rng`, and whose bias `name/bias` is 0 at first.
    ///
    /// # Errors
    /// Names that are taken; as [`Parameters::check_room`].
    pub fn new<T: Scalar>(
        parameters: &mut Parameters<T>,
        name: &str,
        [inputs, outputs]: [usize; 2],
        activation: Option<Function>,
        initial: Initial,
        rng: &mut dyn Rng,
    ) -> Result<Self> {
        parameters.check_room(&[[inputs, outputs], [1, outputs]])?;
        let weight = parameters.add(format!("{name}/weight"), &initial.draw(inputs, outputs, rng))?;
        let bias = parameters.add(format!("{name}/bias"), &Matrix::zeros(1, outputs))?;
        Ok(Self { weight, bias, activation })
    }

    /// The outputs [rows, outputs] for inputs [rows, inputs].
    ///
    /// # Errors
    /// Another number of inputs.
    pub fn forward<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var) -> Result<Var> {
        let (weight, bias) = (pass.parameter(self.weight)?, pass.parameter(self.bias)?);
        pass.dense(x, weight, Some(bias), self.activation)
    }
}
