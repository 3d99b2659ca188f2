//! Convolutional layers.

use hepml_core::rand::Rng;

use super::Initial;
use crate::error::Result;
use crate::image_shape::ImageShape;
use crate::matrix::Matrix;
use crate::parameters::{ParameterId, Parameters};
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Conv2dShape, Function, Var};

/// f(w * x + b) of images: see [`Conv2dShape`].
#[derive(Debug, Clone)]
pub struct Conv2d {
    shape: Conv2dShape,
    weight: ParameterId,
    bias: ParameterId,
    activation: Option<Function>,
}

impl Conv2d {
    /// A layer whose weights `name/weight` [channels rows columns, output channels] are drawn from `rng` as those of a dense
    /// layer with the pixels under the kernel as inputs, and whose bias `name/bias` [1, output channels] is 0 at first.
    ///
    /// # Errors
    /// Names that are taken; as [`Parameters::check_room`].
    pub fn new<T: Scalar>(
        parameters: &mut Parameters<T>,
        name: &str,
        shape: Conv2dShape,
        activation: Option<Function>,
        initial: Initial,
        rng: &mut dyn Rng,
    ) -> Result<Self> {
        let (inputs, outputs) = shape.weights();
        parameters.check_room(&[[inputs, outputs], [1, outputs]])?;
        let weight = parameters.add(format!("{name}/weight"), &initial.draw(inputs, outputs, rng))?;
        let bias = parameters.add(format!("{name}/bias"), &Matrix::zeros(1, outputs))?;
        Ok(Self { shape, weight, bias, activation })
    }

    /// The shape of what it gives.
    pub fn output(&self) -> ImageShape {
        self.shape.output()
    }

    /// The outputs [images, columns of the output shape] for images [images, columns of the input shape].
    ///
    /// # Errors
    /// Images of another shape.
    pub fn forward<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var) -> Result<Var> {
        let (weight, bias) = (pass.parameter(self.weight)?, pass.parameter(self.bias)?);
        pass.conv2d(x, weight, Some(bias), &self.shape, self.activation)
    }
}
