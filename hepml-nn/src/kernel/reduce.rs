//! Sums over rows and columns.

use super::machine::Machine;
use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

#[inline(always)]
pub(super) fn column_sums<T: Scalar, M: Machine>(x: View<'_, T>, mut y: ViewMut<'_, T>, accumulate: bool) {
    if !accumulate {
        y.padded().fill(T::ZERO);
    }
    for i in 0..x.rows() {
        for (y, &x) in y.row(0).iter_mut().zip(x.row(i)) {
            *y += x;
        }
    }
}

#[inline(always)]
pub(super) fn row_sums<T: Scalar, M: Machine>(x: View<'_, T>, mut y: ViewMut<'_, T>) {
    y.padded().fill(T::ZERO);
    for i in 0..x.rows() {
        y.row(i)[0] = x.row(i).iter().copied().sum();
    }
}

#[inline(always)]
pub(super) fn log_sum_exp<T: Scalar, M: Machine>(x: View<'_, T>, mut y: ViewMut<'_, T>) {
    y.padded().fill(T::ZERO);
    for i in 0..x.rows() {
        let row = x.row(i);
        let largest = row.iter().fold(row[0], |largest, &x| largest.max(x));
        let sum: f64 = row.iter().map(|&x| (x - largest).to_f64().exp()).sum();
        y.row(i)[0] = largest + T::from_f64(sum.ln());
    }
}

#[inline(always)]
pub(super) fn log_sum_exp_adjoint<T: Scalar, M: Machine>(
    x: View<'_, T>,
    y: View<'_, T>,
    g: View<'_, T>,
    mut to: ViewMut<'_, T>,
    accumulate: bool,
) {
    if !accumulate {
        to.padded().fill(T::ZERO);
    }
    for i in 0..x.rows() {
        let (y, g) = (y.row(i)[0], g.row(i)[0]);
        for (to, &x) in to.row(i).iter_mut().zip(x.row(i)) {
            *to += g * T::from_f64((x - y).to_f64().exp());
        }
    }
}

#[inline(always)]
pub(super) fn sum_of_squares<T: Scalar, M: Machine>(x: &[T]) -> f64 {
    x.iter().map(|x| x.to_f64() * x.to_f64()).sum()
}
