//! Pooling layers of images.

use hepml_core::serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::image_shape::ImageShape;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Pool2dShape, Var};

/// How pixels are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum ImagePooling {
    /// The largest number of each square of so many rows and columns, side by side; what is left over at the end does not
    /// count.
    Max(usize),
    /// The mean of each such square.
    Mean(usize),
    /// The mean of each channel.
    GlobalMean,
}

impl ImagePooling {
    /// The layer for images of a shape.
    ///
    /// # Errors
    /// Squares of no pixels, or larger than the image.
    pub fn build(self, input: ImageShape) -> Result<Pool2d> {
        let (shape, largest) = match self {
            Self::Max(size) => (Pool2dShape::new(input, [size, size])?, true),
            Self::Mean(size) => (Pool2dShape::new(input, [size, size])?, false),
            Self::GlobalMean => (Pool2dShape::global(input)?, false),
        };
        Ok(Pool2d { shape, largest })
    }
}

/// A pooling layer, [built](ImagePooling::build).
#[derive(Debug, Clone)]
pub struct Pool2d {
    shape: Pool2dShape,
    largest: bool,
}

impl Pool2d {
    /// The shape of what it gives.
    pub fn output(&self) -> ImageShape {
        self.shape.output()
    }

    /// The outputs [images, columns of the output shape] for images [images, columns of the input shape].
    ///
    /// # Errors
    /// Images of another shape.
    pub fn forward<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var) -> Result<Var> {
        if self.largest { pass.max_pool(x, &self.shape) } else { pass.mean_pool(x, &self.shape) }
    }
}
