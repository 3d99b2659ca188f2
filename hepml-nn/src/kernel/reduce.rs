//! Sums over rows and columns.

use super::elementary::{self, Elementary};
use super::machine::Machine;
use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

/// The lanes of sums along rows, whatever the vectors.
const LANES: usize = 16;

/// The sum of f(x): number i goes to lane i modulo 16, and the lanes are added in pairs.
#[inline(always)]
pub(super) fn lane_sum<T: Scalar, S: Scalar>(x: &[T], f: impl Fn(T) -> S) -> S {
    let mut sums = [S::ZERO; LANES];
    let (lines, rest) = x.as_chunks::<LANES>();
    for line in lines {
        for (sum, &x) in sums.iter_mut().zip(line) {
            *sum += f(x);
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f(x);
    }
    add_lanes(sums)
}

/// The sum of the lanes: the upper half is added to the lower until one is left.
#[inline(always)]
pub(super) fn add_lanes<T: Scalar>(mut sums: [T; LANES]) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}

#[inline(always)]
pub(super) fn column_sums<T: Scalar, M: Machine>(x: View<'_, T>, mut y: ViewMut<'_, T>, accumulate: bool) {
    if !accumulate {
        y.padded().fill(T::ZERO);
    }
    add_rows(x.padded(), y.padded());
}

/// Adds rows to a row as long, one after the other.
#[inline(always)]
pub(super) fn add_rows<T: Scalar>(rows: &[T], y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    // The sum is stored once for four rows.
    let mut fours = rows.chunks_exact(4 * y.len());
    for four in &mut fours {
        let (ab, cd) = four.split_at(2 * y.len());
        let ((a, b), (c, d)) = (ab.split_at(y.len()), cd.split_at(y.len()));
        for ((((y, &a), &b), &c), &d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *y = (((*y + a) + b) + c) + d;
        }
    }
    for row in fours.remainder().chunks_exact(y.len()) {
        y.iter_mut().zip(row).for_each(|(y, &x)| *y += x);
    }
}

#[inline(always)]
pub(super) fn row_sums<T: Scalar, M: Machine>(x: View<'_, T>, mut y: ViewMut<'_, T>) {
    y.padded().fill(T::ZERO);
    for i in 0..x.rows() {
        y.row(i)[0] = lane_sum(x.padded_row(i), |x| x);
    }
}

/// The numbers of a block.
const BLOCK: usize = 256;

#[inline(always)]
pub(super) fn log_sum_exp<T: Elementary, M: Machine>(x: View<'_, T>, mut y: ViewMut<'_, T>) {
    y.padded().fill(T::ZERO);
    let mut powers = [T::ZERO; BLOCK];
    for i in 0..x.rows() {
        let row = x.row(i);
        let largest = row.iter().fold(row[0], |largest, &x| largest.max(x));
        let mut sum = T::ZERO;
        for (block, padded) in row.chunks(BLOCK).zip(x.padded_row(i).chunks(BLOCK)) {
            // Whole lines; what follows the last column does not count.
            for (power, &x) in powers.iter_mut().zip(padded) {
                *power = elementary::exp::<T, M>(x - largest);
            }
            sum += lane_sum(&powers[..block.len()], |x| x);
        }
        y.row(i)[0] = largest + elementary::ln::<T, M>(sum);
    }
}

#[inline(always)]
pub(super) fn log_sum_exp_adjoint<T: Elementary, M: Machine>(
    x: View<'_, T>,
    y: View<'_, T>,
    g: View<'_, T>,
    mut to: ViewMut<'_, T>,
    accumulate: bool,
) {
    for i in 0..x.rows() {
        let (y, g) = (y.row(i)[0], g.row(i)[0]);
        if accumulate {
            for (to, &x) in to.padded_row(i).iter_mut().zip(x.padded_row(i)) {
                *to += g * elementary::exp::<T, M>(x - y);
            }
        } else {
            for (to, &x) in to.padded_row(i).iter_mut().zip(x.padded_row(i)) {
                *to = g * elementary::exp::<T, M>(x - y);
            }
        }
    }
    to.clear_pads();
}

#[inline(always)]
pub(super) fn sum_of_squares<T: Scalar, M: Machine>(x: &[T]) -> f64 {
    lane_sum(x, |x| x.to_f64() * x.to_f64())
}
