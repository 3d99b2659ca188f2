//! Rows and columns in other places, and back.

use super::machine::Machine;
use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

/// An entry that is none.
pub(crate) const NOTHING: u32 = u32::MAX;

#[inline(always)]
fn put<T: Scalar>(to: &mut [T], from: &[T], accumulate: bool) {
    if accumulate {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
    } else {
        to.copy_from_slice(from);
    }
}

#[inline(always)]
pub(super) fn gather<T: Scalar, M: Machine>(
    x: View<'_, T>,
    rows: &[u32],
    mut y: ViewMut<'_, T>,
    accumulate: bool,
) {
    for (i, &row) in rows.iter().enumerate() {
        put(y.padded_row(i), x.padded_row(row as usize), accumulate);
    }
}

#[inline(always)]
pub(super) fn scatter_add<T: Scalar, M: Machine>(
    x: View<'_, T>,
    rows: &[u32],
    mut y: ViewMut<'_, T>,
    accumulate: bool,
) {
    if !accumulate {
        y.padded().fill(T::ZERO);
    }
    for (i, &row) in rows.iter().enumerate() {
        put(y.padded_row(row as usize), x.padded_row(i), true);
    }
}

#[inline(always)]
pub(super) fn copy_columns<T: Scalar, M: Machine>(
    x: View<'_, T>,
    from: usize,
    mut y: ViewMut<'_, T>,
    to: usize,
    count: usize,
    accumulate: bool,
) {
    for i in 0..x.rows() {
        put(&mut y.row(i)[to..to + count], &x.row(i)[from..from + count], accumulate);
    }
}

#[inline(always)]
pub(super) fn spread_rows<T: Scalar, M: Machine>(x: View<'_, T>, mut y: ViewMut<'_, T>, accumulate: bool) {
    for i in 0..x.rows() {
        let x = x.row(i)[0];
        if accumulate {
            y.padded_row(i).iter_mut().for_each(|y| *y += x);
        } else {
            y.padded_row(i).fill(x);
        }
    }
    y.clear_pads();
}

#[inline(always)]
pub(super) fn take_from_rows<T: Scalar, M: Machine>(x: View<'_, T>, entries: &[u32], mut y: ViewMut<'_, T>) {
    let (rows, columns) = y.shape();
    for i in 0..rows {
        for (j, (y, &entry)) in y.row(i).iter_mut().zip(&entries[i * columns..]).enumerate() {
            *y = if entry == NOTHING { T::ZERO } else { x.row(entry as usize)[j] };
        }
    }
    y.clear_pads();
}

#[inline(always)]
pub(super) fn take_from_rows_adjoint<T: Scalar, M: Machine>(
    g: View<'_, T>,
    entries: &[u32],
    mut to: ViewMut<'_, T>,
    accumulate: bool,
) {
    if !accumulate {
        to.padded().fill(T::ZERO);
    }
    for i in 0..g.rows() {
        for (j, (&g, &entry)) in g.row(i).iter().zip(&entries[i * g.columns()..]).enumerate() {
            if entry != NOTHING {
                to.row(entry as usize)[j] += g;
            }
        }
    }
}

#[inline(always)]
pub(super) fn take_from_columns<T: Scalar, M: Machine>(
    x: View<'_, T>,
    entries: &[u32],
    mut y: ViewMut<'_, T>,
) {
    let (rows, columns) = y.shape();
    for i in 0..rows {
        let x = x.row(i);
        for (y, &entry) in y.row(i).iter_mut().zip(&entries[i * columns..]) {
            *y = if entry == NOTHING { T::ZERO } else { x[entry as usize] };
        }
    }
    y.clear_pads();
}

#[inline(always)]
pub(super) fn take_from_columns_adjoint<T: Scalar, M: Machine>(
    g: View<'_, T>,
    entries: &[u32],
    mut to: ViewMut<'_, T>,
    accumulate: bool,
) {
    if !accumulate {
        to.padded().fill(T::ZERO);
    }
    for i in 0..g.rows() {
        let to = to.row(i);
        for (&g, &entry) in g.row(i).iter().zip(&entries[i * g.columns()..]) {
            if entry != NOTHING {
                to[entry as usize] += g;
            }
        }
    }
}

#[inline(always)]
pub(super) fn largest_of_segments<T: Scalar, M: Machine>(
    x: View<'_, T>,
    offsets: &[usize],
    entries: &mut [u32],
) {
    let columns = x.columns();
    for (segment, ends) in offsets.windows(2).enumerate() {
        let entries = &mut entries[segment * columns..][..columns];
        entries.fill(if ends[0] == ends[1] { NOTHING } else { index(ends[0]) });
        for row in ends[0] + 1..ends[1] {
            for (j, (entry, &x_j)) in entries.iter_mut().zip(x.row(row)).enumerate() {
                if x_j > x.row(*entry as usize)[j] {
                    *entry = index(row);
                }
            }
        }
    }
}

/// A row or column as an index; matrices in memory have fewer than 2^32 of them.
fn index(row: usize) -> u32 {
    u32::try_from(row).expect("fewer than 2^32 rows")
}

#[inline(always)]
pub(super) fn reshape<T: Scalar, M: Machine>(x: View<'_, T>, mut y: ViewMut<'_, T>, accumulate: bool) {
    // As many numbers at a time as are in a row of both.
    let (columns, y_columns) = (x.columns(), y.shape().1);
    let (mut number, count) = (0, x.rows() * columns);
    while number < count {
        let (from, to) = (number % columns, number % y_columns);
        let run = (columns - from).min(y_columns - to);
        let x = &x.row(number / columns)[from..from + run];
        put(&mut y.row(number / y_columns)[to..to + run], x, accumulate);
        number += run;
    }
    y.clear_pads();
}
