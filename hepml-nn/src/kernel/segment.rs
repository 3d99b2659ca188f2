//! Sums over the rows of a set, and back.

use super::machine::Machine;
use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

#[inline(always)]
pub(super) fn segment_sum<T: Scalar, M: Machine>(
    x: View<'_, T>,
    weights: Option<View<'_, T>>,
    offsets: &[usize],
    mut y: ViewMut<'_, T>,
) {
    y.padded().fill(T::ZERO);
    for (segment, ends) in offsets.windows(2).enumerate() {
        for i in ends[0]..ends[1] {
            let weight = weights.map_or(T::ONE, |weights| weights.row(i)[0]);
            for (y, &x) in y.row(segment).iter_mut().zip(x.row(i)) {
                *y = M::mul_add(weight, x, *y);
            }
        }
    }
}

#[inline(always)]
pub(super) fn segment_broadcast<T: Scalar, M: Machine>(
    x: View<'_, T>,
    weights: Option<View<'_, T>>,
    offsets: &[usize],
    mut y: ViewMut<'_, T>,
    accumulate: bool,
) {
    if !accumulate {
        y.padded().fill(T::ZERO);
    }
    for (segment, ends) in offsets.windows(2).enumerate() {
        for i in ends[0]..ends[1] {
            let weight = weights.map_or(T::ONE, |weights| weights.row(i)[0]);
            for (y, &x) in y.row(i).iter_mut().zip(x.row(segment)) {
                *y = M::mul_add(weight, x, *y);
            }
        }
    }
}

#[inline(always)]
pub(super) fn segment_dot<T: Scalar, M: Machine>(
    x: View<'_, T>,
    s: View<'_, T>,
    offsets: &[usize],
    mut y: ViewMut<'_, T>,
    accumulate: bool,
) {
    for (segment, ends) in offsets.windows(2).enumerate() {
        for i in ends[0]..ends[1] {
            let mut sum = if accumulate { y.row(i)[0] } else { T::ZERO };
            for (&x, &s) in x.row(i).iter().zip(s.row(segment)) {
                sum = M::mul_add(x, s, sum);
            }
            y.padded_row(i).fill(T::ZERO);
            y.row(i)[0] = sum;
        }
    }
}
