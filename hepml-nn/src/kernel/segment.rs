//! Sums over the rows of a set, and back.

use super::gemm::erase;
use super::machine::Machine;
use super::reduce::{add_lanes, add_rows};
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
    let stride = x.stride();
    for (segment, ends) in offsets.windows(2).enumerate() {
        let y = y.padded_row(segment);
        match weights {
            None => add_rows(&x.padded()[ends[0] * stride..ends[1] * stride], y),
            Some(weights) => {
                for i in ends[0]..ends[1] {
                    let weight = weights.row(i)[0];
                    for (y, &x) in y.iter_mut().zip(x.padded_row(i)) {
                        *y = M::mul_add(weight, x, *y);
                    }
                }
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
    mask: Option<View<'_, T>>,
) {
    for (segment, ends) in offsets.windows(2).enumerate() {
        let x = x.padded_row(segment);
        for i in ends[0]..ends[1] {
            let y = y.padded_row(i);
            match (weights.map(|weights| weights.row(i)[0]), accumulate) {
                (None, false) => y.copy_from_slice(x),
                (None, true) => y.iter_mut().zip(x).for_each(|(y, &x)| *y += x),
                (Some(weight), false) => y.iter_mut().zip(x).for_each(|(y, &x)| *y = weight * x),
                (Some(weight), true) => {
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = M::mul_add(weight, x, *y));
                }
            }
            if let Some(mask) = mask {
                erase(y, mask.padded_row(i));
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
        let (s, s_rest) = s.padded_row(segment).as_chunks::<16>();
        for i in ends[0]..ends[1] {
            let (x, x_rest) = x.padded_row(i).as_chunks::<16>();
            let mut sums = [T::ZERO; 16];
            for (x, s) in x.iter().zip(s) {
                for ((sum, &x), &s) in sums.iter_mut().zip(x).zip(s) {
                    *sum = M::mul_add(x, s, *sum);
                }
            }
            for ((sum, &x), &s) in sums.iter_mut().zip(x_rest).zip(s_rest) {
                *sum = M::mul_add(x, s, *sum);
            }
            let before = if accumulate { y.row(i)[0] } else { T::ZERO };
            y.padded_row(i).fill(T::ZERO);
            y.row(i)[0] = before + add_lanes(sums);
        }
    }
}
