//! Operations on images, which lie in the rows of matrices as [`ImageShape`](crate::ImageShape) says.

use super::op::Op;
use super::record::fuse;
use super::{Conv2dShape, Function, Pool2dShape, Tape, Var};
use crate::error::{Error, Result};
use crate::scalar::Scalar;

/// # Images
impl<T: Scalar> Tape<T> {
    /// f(w * x + b) for each image of x [images, channels height width]: see [`Conv2dShape`].
    ///
    /// The weights are [channels rows columns of the kernel, output channels], the bias is [1, output channels].
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn conv2d(
        &mut self,
        x: Var,
        weight: Var,
        bias: Option<Var>,
        shape: &Conv2dShape,
        activation: Option<Function>,
    ) -> Result<Var> {
        let (rows, columns) = self.shape(x)?;
        if columns != shape.input().columns() {
            return Err(Error::shape("numbers of an image", shape.input().columns(), columns));
        }
        if self.shape(weight)? != shape.weights() {
            let (a, b) = (shape.weights(), self.shape(weight)?);
            return Err(Error::Shapes { operation: "weights of a convolution", a, b });
        }
        if let Some(bias) = bias
            && self.shape(bias)? != (1, shape.output().channels)
        {
            let (a, b) = ((1, shape.output().channels), self.shape(bias)?);
            return Err(Error::Shapes { operation: "bias of a convolution", a, b });
        }
        let (fused, rest) = fuse(activation, bias.is_some());
        let op = Op::Conv2d { x, weight, bias, shape: *shape, activation: fused };
        let y = self.record(op, rows, shape.output().columns())?;
        rest.map_or(Ok(y), |function| self.apply(function, y))
    }

    /// The mean of each window of each image.
    ///
    /// # Errors
    /// Images of another shape.
    pub fn mean_pool(&mut self, x: Var, shape: &Pool2dShape) -> Result<Var> {
        let rows = self.check_images(x, shape)?;
        self.record(Op::MeanPool { x, shape: *shape }, rows, shape.output().columns())
    }

    /// The largest number of each window of each image, the first one of equals counting.
    ///
    /// # Errors
    /// Images of another shape.
    pub fn max_pool(&mut self, x: Var, shape: &Pool2dShape) -> Result<Var> {
        let rows = self.check_images(x, shape)?;
        let columns = shape.output().columns();
        self.check_room(rows, columns)?;
        let mut entries = vec![0; rows * columns];
        self.kernel.largest_of_windows(shape, self.view(x)?, &mut entries);
        self.record(Op::TakeFromColumns { x, entries: entries.into() }, rows, columns)
    }

    fn check_images(&self, x: Var, shape: &Pool2dShape) -> Result<usize> {
        let (rows, columns) = self.shape(x)?;
        if columns != shape.input().columns() {
            return Err(Error::shape("numbers of an image", shape.input().columns(), columns));
        }
        Ok(rows)
    }
}
