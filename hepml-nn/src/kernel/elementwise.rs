//! Number by number.

use std::ops::Range;

use super::machine::Machine;
use super::reduce::lane_sum;
use crate::matrix::{View, ViewMut, stride_of};
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

/// Whether an operand holds for a result of that shape: as many rows, or one, and as many columns, or one.
pub(super) fn fits(operand: (usize, usize), result: (usize, usize)) -> bool {
    (operand.0 == result.0 || operand.0 == 1) && (operand.1 == result.1 || operand.1 == 1)
}

/// Some columns of a row of an operand of a result with `of` columns; `columns` may run into what follows the last.
///
/// What holds for all columns is written to `same` as often as it is needed: one loop then serves all operands.
#[inline(always)]
fn operand<'a, T: Scalar>(
    x: View<'a, T>,
    row: usize,
    columns: Range<usize>,
    of: usize,
    same: &'a mut [T; BLOCK],
) -> &'a [T] {
    let row = &x.padded()[if x.rows() == 1 { 0 } else { row } * x.stride()..][..x.stride()];
    if x.columns() == of {
        return &row[columns];
    }
    let same = &mut same[..columns.len()];
    same.fill(row[0]);
    same
}

/// y[j] = f(a[j], b[j]).
#[inline(always)]
fn zip<T: Scalar>(a: &[T], b: &[T], y: &mut [T], f: impl Fn(T, T) -> T) {
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        *y = f(a, b);
    }
}

#[inline(always)]
pub(super) fn multiply<T: Scalar, M: Machine>(a: &[T], b: &[T], y: &mut [T], accumulate: bool) {
    if accumulate {
        for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
            *y = M::mul_add(a, b, *y);
        }
    } else {
        zip(a, b, y, |a, b| a * b);
    }
}

#[inline(always)]
pub(super) fn add_scaled<T: Scalar, M: Machine>(y: &mut [T], a: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = M::mul_add(a, x, *y);
    }
}

#[inline(always)]
pub(super) fn affine<T: Scalar, M: Machine>(x: View<'_, T>, scale: T, shift: T, mut y: ViewMut<'_, T>) {
    for (y, &x) in y.padded().iter_mut().zip(x.padded()) {
        *y = M::mul_add(scale, x, shift);
    }
    y.clear_pads();
}

/// The numbers of a block: what is computed before it is added to gradients stays in the first cache.
const BLOCK: usize = 512;

/// Calls `f` with rows and blocks of padded columns that cover a matrix; with one row, if no operand has fewer.
#[inline(always)]
fn for_blocks<T: Scalar>(of: (usize, usize), flat: bool, mut f: impl FnMut(usize, Range<usize>)) {
    let stride = stride_of::<T>(of.1);
    let (rows, columns) = if flat { (1, of.0 * stride) } else { (of.0, stride) };
    for row in 0..rows {
        for first in (0..columns).step_by(BLOCK) {
            f(row, first..(first + BLOCK).min(columns));
        }
    }
}

/// A matrix as one row, if `flat`.
#[inline(always)]
fn flatten<T: Scalar>(x: View<'_, T>, flat: bool) -> View<'_, T> {
    if flat { View::new(x.padded(), 1, x.padded().len()) } else { x }
}

#[inline(always)]
pub(super) fn binary<T: Scalar, M: Machine>(
    operation: Binary,
    a: View<'_, T>,
    b: View<'_, T>,
    mut y: ViewMut<'_, T>,
) {
    let shape = y.shape();
    let flat = a.shape() == shape && b.shape() == shape;
    let (stride, of) = (y.stride(), if flat { a.padded().len() } else { shape.1 });
    let (a, b) = (flatten(a, flat), flatten(b, flat));
    let (mut same_a, mut same_b) = ([T::ZERO; BLOCK], [T::ZERO; BLOCK]);
    for_blocks::<T>(shape, flat, |row, columns| {
        let y = &mut y.padded()[row * stride..][columns.clone()];
        let a = operand(a, row, columns.clone(), of, &mut same_a);
        let b = operand(b, row, columns, of, &mut same_b);
        match operation {
            Binary::Add => zip(a, b, y, |a, b| a + b),
            Binary::Sub => zip(a, b, y, |a, b| a - b),
            Binary::Mul => zip(a, b, y, |a, b| a * b),
            Binary::Div => zip(a, b, y, |a, b| a / b),
            Binary::Max => zip(a, b, y, |a, b| if a >= b { a } else { b }),
            Binary::Min => zip(a, b, y, |a, b| if a <= b { a } else { b }),
        }
    });
    y.clear_pads();
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
    let (shape, to_shape) = (y.shape(), to.shape());
    let flat = a.shape() == shape && b.shape() == shape;
    // One row, or column, takes the sum over all.
    let (one_row, one_column) = (to_shape.0 != shape.0, to_shape.1 != shape.1);
    if !accumulate && (one_row || one_column) {
        to.padded().fill(T::ZERO);
    }
    let add = accumulate || one_row;
    let (stride, of) = (to.stride(), if flat { y.padded().len() } else { shape.1 });
    let [a, b, y, g] = [flatten(a, flat), flatten(b, flat), flatten(y, flat), flatten(g, flat)];
    let (one, zero) = (T::ONE, T::ZERO);
    let mut terms = [T::ZERO; BLOCK];
    let (mut same_a, mut same_b) = ([T::ZERO; BLOCK], [T::ZERO; BLOCK]);
    for_blocks::<T>(shape, flat, |row, columns| {
        let terms = &mut terms[..columns.len()];
        let a = operand(a, row, columns.clone(), of, &mut same_a);
        let b = operand(b, row, columns.clone(), of, &mut same_b);
        let [y, g] = [y, g].map(|x| &x.padded()[row * x.stride()..][columns.clone()]);
        match (operation, second) {
            (Binary::Add, _) | (Binary::Sub, false) => terms.copy_from_slice(g),
            (Binary::Sub, true) => terms.iter_mut().zip(g).for_each(|(term, &g)| *term = -g),
            (Binary::Mul, false) => zip(g, b, terms, |g, b| g * b),
            (Binary::Mul, true) => zip(g, a, terms, |g, a| g * a),
            (Binary::Div, false) => zip(g, b, terms, |g, b| g / b),
            (Binary::Div, true) => {
                zip(y, b, terms, |y, b| -y / b);
                terms.iter_mut().zip(g).for_each(|(term, &g)| *term *= g);
            }
            (Binary::Max | Binary::Min, _) => {
                if operation == Binary::Max {
                    zip(a, b, terms, |a, b| if a >= b { one } else { zero });
                } else {
                    zip(a, b, terms, |a, b| if a <= b { one } else { zero });
                }
                if second {
                    terms.iter_mut().zip(g).for_each(|(term, &g)| *term = (one - *term) * g);
                } else {
                    terms.iter_mut().zip(g).for_each(|(term, &g)| *term *= g);
                }
            }
        }
        if one_column {
            // What follows the last column may be no number.
            let columns = shape.1.saturating_sub(columns.start).min(terms.len());
            to.row(if one_row { 0 } else { row })[0] += lane_sum(&terms[..columns], |x| x);
            return;
        }
        let to = &mut to.padded()[if one_row { 0 } else { row } * stride..][columns];
        if add {
            to.iter_mut().zip(&*terms).for_each(|(to, &term)| *to += term);
        } else {
            to.copy_from_slice(terms);
        }
    });
    to.clear_pads();
}
