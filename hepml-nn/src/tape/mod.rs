//! Recording operations, and their derivatives.
//!
//! # Conventions
//! A [`Tape`] records operations on matrices as they are computed. Rows are events, particles or pixels. An operation whose
//! operands do not fit is an error, not a panic. [`Tape::begin`] forgets what was recorded and keeps the memory: a training
//! step after the first allocates nothing.
//!
//! *Adjoints* (reverse mode): [`Tape::backward`] fills the gradients of one number by all parameters, and by inputs.
//!
//! *Tangents* (forward mode): [`Tape::tangent`] records, with the same operations, the derivative of a result along a
//! direction in its inputs. What it records is part of the tape: tangents of tangents are derivatives of higher order, and
//! `backward` through them gives gradients of losses that contain derivatives of a network by its inputs.
//!
//! The tangent of y(x) along v is sum_k v_k dy/dx_k. The gradient of a sum L is dL/dx, of the shape of x.

mod adjoint;
mod custom;
mod images;
mod op;
mod record;
mod segments;
mod tangent;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hepml_core::{Error as CoreError, SimdLevel};

pub use crate::kernel::{Conv2dShape, Function, Padding, Pool2dShape};
pub use custom::CustomOp;
pub use segments::Segments;

use crate::error::{Error, Result};
use crate::kernel::{Aligned, Kernel};
use crate::matrix::{Matrix, View};
use crate::parameters::Parameters;
use crate::scalar::Scalar;
use op::Op;

/// The most numbers on a tape: 4 GiB of f32, 8 GiB of f64.
const MOST_NUMBERS: usize = 1 << 30;

/// A value on a tape. It belongs to that tape, until it is begun anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Var {
    index: usize,
    recording: u64,
}

/// A record of operations: their values, and what is needed to go back. An operation after which there would be more than 2^30
/// numbers is an error.
///
/// ```
/// use std::sync::Arc;
/// use hepml_nn::{Function, Gradients, Matrix, Parameters, Tape};
///
/// // L = sum tanh(x W)², and dL/dW.
/// let mut parameters = Parameters::<f64>::new();
/// let w = parameters.add("w", &Matrix::from_rows(2, 1, &[0.3, -0.1])?)?;
/// let parameters = Arc::new(parameters);
/// let mut gradients = Gradients::zeros(&parameters);
///
/// let mut tape = Tape::new();
/// tape.begin(&parameters);
/// let x = tape.constant(Matrix::from_rows(3, 2, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?.view());
/// let w_var = tape.parameter(w)?;
/// let y = tape.matmul(x, w_var)?;
/// let y = tape.apply(Function::Tanh, y)?;
/// let y = tape.mul(y, y)?;
/// let loss = tape.sum(y)?;
/// tape.backward(loss, &mut gradients)?;
/// assert_eq!(gradients.value(&parameters, w)?.shape(), (2, 1));
/// # Ok::<(), hepml_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct Tape<T: Scalar> {
    kernel: Kernel,
    parameters: Arc<Parameters<T>>,
    /// What was recorded; the vectors below have an element for each, and more from earlier recordings.
    ops: Vec<Op<T>>,
    values: Vec<Matrix<T>>,
    /// The numbers of what was recorded.
    numbers: usize,
    adjoints: Vec<Matrix<T>>,
    /// Whether it depends on a parameter or an input.
    wanted: Vec<bool>,
    /// Whether its adjoint has been written.
    reached: Vec<bool>,
    /// Whether all that has been written of its adjoint is 0 where the value, a rectified one, is.
    masked: Vec<bool>,
    recording: u64,
    scratch: Matrix<T>,
    /// For images with their halos.
    planes: Aligned<T>,
}

impl<T: Scalar> Default for Tape<T> {
    fn default() -> Self {
        Self::with_kernel(Kernel::default())
    }
}

impl<T: Scalar> Tape<T> {
    /// An empty tape without parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty tape that computes with certain vector instructions: for tests and comparisons.
    ///
    /// # Errors
    /// Instructions that this processor does not have.
    pub fn with_simd(level: SimdLevel) -> Result<Self> {
        Ok(Self::with_kernel(Kernel::new(level)?))
    }

    fn with_kernel(kernel: Kernel) -> Self {
        Self {
            kernel,
            parameters: Arc::default(),
            ops: Vec::new(),
            values: Vec::new(),
            numbers: 0,
            adjoints: Vec::new(),
            wanted: Vec::new(),
            reached: Vec::new(),
            masked: Vec::new(),
            // Unique, so that variables of another tape are found out.
            recording: next_recording(),
            scratch: Matrix::default(),
            planes: Aligned::default(),
        }
    }

    /// Forgets what was recorded, and takes the parameters that are to be used from now on.
    pub fn begin(&mut self, parameters: &Arc<Parameters<T>>) {
        self.parameters = parameters.clone();
        self.clear();
    }

    /// Forgets what was recorded, and lets go of the parameters.
    pub fn finish(&mut self) {
        self.parameters = Arc::default();
        self.clear();
    }

    fn clear(&mut self) {
        self.ops.clear();
        self.numbers = 0;
        self.recording = next_recording();
    }

    /// The number of values on the tape.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The parameters that the tape was begun with.
    pub fn parameters(&self) -> &Arc<Parameters<T>> {
        &self.parameters
    }

    /// The value of a variable.
    ///
    /// # Errors
    /// A variable of another tape or recording.
    pub fn value(&self, x: Var) -> Result<View<'_, T>> {
        self.check(x)?;
        self.view(x)
    }

    /// Rows and columns of a variable.
    ///
    /// # Errors
    /// A variable of another tape or recording.
    pub fn shape(&self, x: Var) -> Result<(usize, usize)> {
        Ok(self.value(x)?.shape())
    }

    /// The gradient of the last [`backward`](Self::backward)'s loss by an [`input`](Self::input); none where the loss does not
    /// depend on it.
    ///
    /// # Errors
    /// A variable of another tape or recording.
    pub fn gradient(&self, x: Var) -> Result<Option<View<'_, T>>> {
        self.check(x)?;
        Ok(self.reached[x.index].then(|| self.adjoints[x.index].view()))
    }

    fn check(&self, x: Var) -> Result<()> {
        if x.recording == self.recording { Ok(()) } else { Err(Error::ForeignVariable) }
    }

    /// Checks that a result of this shape may still be recorded.
    fn check_room(&self, rows: usize, columns: usize) -> Result<()> {
        let numbers = rows.saturating_mul(columns).saturating_add(self.numbers);
        if numbers > MOST_NUMBERS {
            let what = "number of all numbers on a tape";
            return Err(CoreError::out_of_range(what, numbers as f64, "at most 2^30 (1073741824)").into());
        }
        Ok(())
    }

    fn view(&self, x: Var) -> Result<View<'_, T>> {
        view(&self.ops, &self.values, &self.parameters, x)
    }
}

/// The value of a variable, from the parts of a tape.
fn view<'a, T: Scalar>(
    ops: &[Op<T>],
    values: &'a [Matrix<T>],
    parameters: &'a Parameters<T>,
    x: Var,
) -> Result<View<'a, T>> {
    match ops[x.index] {
        Op::Parameter(id) => parameters.value(id),
        _ => Ok(values[x.index].view()),
    }
}

/// A number that no recording had before.
fn next_recording() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static RECORDINGS: AtomicU64 = AtomicU64::new(0);
    RECORDINGS.fetch_add(1, Ordering::Relaxed)
}
