//! Number by number.

use super::machine::Machine;
use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

/// An operation of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// a b.
    Mul,
    /// a/b.
    Div,
    /// The larger; its gradient goes to the first where they are equal.
    Max,
    /// The smaller; its gradient goes to the first where they are equal.
    Min,
}

impl Binary {
    #[inline(always)]
    fn value<T: Scalar>(self, a: T, b: T) -> T {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Max => {
                if a >= b {
                    a
                } else {
                    b
                }
            }
            Self::Min => {
                if a <= b {
                    a
                } else {
                    b
                }
            }
        }
    }

    /// The derivative by the first operand, or by the second.
    #[inline(always)]
    fn slope<T: Scalar>(self, second: bool, a: T, b: T, y: T) -> T {
        let pick = |first: bool| if first == second { T::ZERO } else { T::ONE };
        match (self, second) {
            (Self::Add, _) | (Self::Sub, false) => T::ONE,
            (Self::Sub, true) => -T::ONE,
            (Self::Mul, false) => b,
            (Self::Mul, true) => a,
            (Self::Div, false) => T::ONE / b,
            (Self::Div, true) => -y / b,
            (Self::Max, _) => pick(a >= b),
            (Self::Min, _) => pick(a <= b),
        }
    }
}

/// Whether an operand holds for a result of that shape: as many rows, or one, and as many columns, or one.
pub(super) fn fits(operand: (usize, usize), result: (usize, usize)) -> bool {
    (operand.0 == result.0 || operand.0 == 1) && (operand.1 == result.1 || operand.1 == 1)
}

#[inline(always)]
fn at<T: Scalar>(x: View<'_, T>, row: usize, column: usize) -> T {
    let row = if x.rows() == 1 { 0 } else { row };
    let column = if x.columns() == 1 { 0 } else { column };
    x.row(row)[column]
}

#[inline(always)]
pub(super) fn add_scaled<T: Scalar, M: Machine>(y: &mut [T], a: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = M::mul_add(a, x, *y);
    }
}

#[inline(always)]
pub(super) fn affine<T: Scalar, M: Machine>(x: View<'_, T>, scale: T, shift: T, mut y: ViewMut<'_, T>) {
    for i in 0..x.rows() {
        for (y, &x) in y.row(i).iter_mut().zip(x.row(i)) {
            *y = M::mul_add(scale, x, shift);
        }
        y.padded_row(i)[x.columns()..].fill(T::ZERO);
    }
}

#[inline(always)]
pub(super) fn binary<T: Scalar, M: Machine>(
    operation: Binary,
    a: View<'_, T>,
    b: View<'_, T>,
    mut y: ViewMut<'_, T>,
) {
    let (rows, columns) = y.shape();
    for i in 0..rows {
        for (j, y) in y.row(i).iter_mut().enumerate() {
            *y = operation.value(at(a, i, j), at(b, i, j));
        }
        y.padded_row(i)[columns..].fill(T::ZERO);
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "operands, results and what to do")]
pub(super) fn binary_adjoint<T: Scalar, M: Machine>(
    operation: Binary,
    second: bool,
    a: View<'_, T>,
    b: View<'_, T>,
    y: View<'_, T>,
    g: View<'_, T>,
    mut to: ViewMut<'_, T>,
    accumulate: bool,
) {
    if !accumulate {
        to.padded().fill(T::ZERO);
    }
    let (rows, columns) = y.shape();
    let (to_rows, to_columns) = to.shape();
    for i in 0..rows {
        let row = to.row(if to_rows == 1 { 0 } else { i });
        for j in 0..columns {
            let slope = operation.slope(second, at(a, i, j), at(b, i, j), y.row(i)[j]);
            row[if to_columns == 1 { 0 } else { j }] += g.row(i)[j] * slope;
        }
    }
}
