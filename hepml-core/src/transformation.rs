//! Transformations of events: what invariance and equivariance are about.

use crate::error::Result;

/// A group element (a boost, a permutation, a gauge transformation) or another map that acts on an `X`.
pub trait Transformation<X> {
    /// The transformed `x`.
    ///
    /// # Errors
    /// An `x` that the transformation does not act on.
    fn apply(&self, x: &X) -> Result<X>;
}

impl<X, T: Transformation<X> + ?Sized> Transformation<X> for &T {
    fn apply(&self, x: &X) -> Result<X> {
        (**self).apply(x)
    }
}
