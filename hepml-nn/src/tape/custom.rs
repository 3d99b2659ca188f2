//! Operations that users add.

use super::{Tape, Var};
use crate::error::{Error, Result};
use crate::matrix::{Matrix, View};
use crate::scalar::Scalar;

/// An operation of one's own: value, adjoint and tangent.
///
/// Check it as the tape's own operations are checked: adjoint and tangent against finite differences of the value.
pub trait CustomOp<T: Scalar>: std::fmt::Debug + Send + Sync {
    /// Its name, for errors.
    fn name(&self) -> &'static str;

    /// The shape of the result, from those of the operands.
    ///
    /// # Errors
    /// Operands that do not fit.
    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)>;

    /// Writes the result, which comes as zeros of that shape.
    ///
    /// # Errors
    /// Operands for which there is no result.
    fn value(&self, inputs: &[View<'_, T>], output: &mut Matrix<T>) -> Result<()>;

    /// Writes the gradient by operand number `which`, which comes as zeros of that operand's shape, from the gradient by
    /// the result.
    ///
    /// # Errors
    /// Operands for which there is no gradient.
    fn adjoint(
        &self,
        which: usize,
        inputs: &[View<'_, T>],
        output: View<'_, T>,
        gradient: View<'_, T>,
        to: &mut Matrix<T>,
    ) -> Result<()>;

    /// Records the tangent of the result from those of the operands (none where an operand does not vary), with operations
    /// of the tape or other custom ones.
    ///
    /// # Errors
    /// Those of the operations; an operation without a tangent.
    fn tangent(
        &self,
        _tape: &mut Tape<T>,
        _inputs: &[Var],
        _output: Var,
        _tangents: &[Option<Var>],
    ) -> Result<Var> {
        Err(Error::NoDerivative { operation: self.name().into(), what: "tangent" })
    }
}
