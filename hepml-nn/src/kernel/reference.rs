//! The kernels as their definitions say, for tests of the fast ones.

use super::{Binary, Epilogue, Function, Fused};
use crate::matrix::{Matrix, View};
use crate::scalar::Scalar;

/// activation(x), or the slope of an activation where its value is y.
fn rectify<T: Scalar>(activation: Fused, sign: T, x: T) -> T {
    let slope = match activation {
        Fused::Identity => T::ONE,
        Fused::Relu => T::ZERO,
        Fused::LeakyRelu(slope) => T::from_f64(slope),
    };
    if sign > T::ZERO { x } else { slope * x }
}

pub(super) fn gemm<T: Scalar>(
    c: &mut Matrix<T>,
    a: View<'_, T>,
    transposed: bool,
    b: View<'_, T>,
    epilogue: Epilogue<'_, T>,
) {
    for i in 0..c.rows() {
        for j in 0..c.columns() {
            let mut sum = if matches!(epilogue, Epilogue::Accumulate) { c.row(i)[j] } else { T::ZERO };
            for l in 0..b.rows() {
                let x = if transposed { a.row(l)[i] } else { a.row(i)[l] };
                sum = x.mul_add(b.row(l)[j], sum);
            }
            if let Epilogue::Bias(bias, activation) = epilogue {
                sum = rectify(activation, sum + bias[j], sum + bias[j]);
            }
            c.row_mut(i)[j] = sum;
        }
    }
}

pub(super) fn transpose<T: Scalar>(a: View<'_, T>) -> Matrix<T> {
    tabulate(a.columns(), a.rows(), |i, j| a.row(j)[i])
}

pub(super) fn fused_adjoint<T: Scalar>(activation: Fused, y: View<'_, T>, g: View<'_, T>) -> Matrix<T> {
    tabulate(y.rows(), y.columns(), |i, j| rectify(activation, y.row(i)[j], g.row(i)[j]))
}

/// A matrix of its numbers.
pub(super) fn tabulate<T: Scalar>(rows: usize, columns: usize, f: impl Fn(usize, usize) -> T) -> Matrix<T> {
    let mut matrix = Matrix::zeros(rows, columns);
    for i in 0..rows {
        for j in 0..columns {
            matrix.row_mut(i)[j] = f(i, j);
        }
    }
    matrix
}

/// The number of an operand that holds for row i and column j.
fn at<T: Scalar>(x: View<'_, T>, i: usize, j: usize) -> T {
    x.row(if x.rows() == 1 { 0 } else { i })[if x.columns() == 1 { 0 } else { j }]
}

pub(super) fn binary<T: Scalar>(
    operation: Binary,
    a: View<'_, T>,
    b: View<'_, T>,
    (rows, columns): (usize, usize),
) -> Matrix<T> {
    tabulate(rows, columns, |i, j| {
        let (a, b) = (at(a, i, j), at(b, i, j));
        match operation {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Max => a.max(b),
            Binary::Min => a.min(b),
        }
    })
}

/// Adds the gradient of an operand to what is in `to`.
pub(super) fn binary_adjoint<T: Scalar>(
    operation: Binary,
    second: bool,
    a: View<'_, T>,
    b: View<'_, T>,
    g: View<'_, T>,
    to: &mut Matrix<T>,
) {
    let (rows, columns) = to.shape();
    for i in 0..g.rows() {
        for j in 0..g.columns() {
            let (a, b) = (at(a, i, j), at(b, i, j));
            let slope = match (operation, second) {
                (Binary::Add, _) | (Binary::Sub, false) => T::ONE,
                (Binary::Sub, true) => -T::ONE,
                (Binary::Mul, false) => b,
                (Binary::Mul, true) => a,
                (Binary::Div, false) => T::ONE / b,
                (Binary::Div, true) => -a / (b * b),
                (Binary::Max, _) => T::from_f64(f64::from(u8::from((a >= b) != second))),
                (Binary::Min, _) => T::from_f64(f64::from(u8::from((a <= b) != second))),
            };
            to.row_mut(if rows == 1 { 0 } else { i })[if columns == 1 { 0 } else { j }] +=
                g.row(i)[j] * slope;
        }
    }
}

pub(super) fn function<T: Scalar>(f: Function, order: u32, x: View<'_, T>) -> Matrix<T> {
    tabulate(x.rows(), x.columns(), |i, j| T::from_f64(f.derivative(order, x.row(i)[j].to_f64())))
}

pub(super) fn column_sums<T: Scalar>(x: View<'_, T>, to: &mut Matrix<T>) {
    for i in 0..x.rows() {
        to.row_mut(0).iter_mut().zip(x.row(i)).for_each(|(to, &x)| *to += x);
    }
}

pub(super) fn row_sums<T: Scalar>(x: View<'_, T>) -> Matrix<T> {
    tabulate(x.rows(), 1, |i, _| x.row(i).iter().copied().sum())
}

pub(super) fn log_sum_exp<T: Scalar>(x: View<'_, T>) -> Matrix<T> {
    tabulate(x.rows(), 1, |i, _| T::from_f64(x.row(i).iter().map(|x| x.to_f64().exp()).sum::<f64>().ln()))
}

pub(super) fn segment_sum<T: Scalar>(
    x: View<'_, T>,
    weights: Option<View<'_, T>>,
    offsets: &[usize],
) -> Matrix<T> {
    tabulate(offsets.len() - 1, x.columns(), |segment, j| {
        (offsets[segment]..offsets[segment + 1]).fold(T::ZERO, |sum, i| {
            weights.map_or(T::ONE, |weights| weights.row(i)[0]).mul_add(x.row(i)[j], sum)
        })
    })
}

/// The segment of a row.
pub(super) fn segment_of(offsets: &[usize], row: usize) -> usize {
    offsets.partition_point(|&offset| offset <= row) - 1
}
