//! Matrix products.
//!
//! A tile of C, MR rows by NW columns, is summed in registers while k runs; B is read along its rows, A number by number.
//! NW is a whole number of vectors that divides what is left of a padded row, so that pads are computed with the rest
//! (0 times something, or something times 0: 0). k is taken in blocks whose part of B stays in the first cache, copied side
//! by side where many rows use it: lines a power of two apart would throw each other out. C is stored and read again between
//! the blocks, which changes no bit.

use std::mem::MaybeUninit;

use super::lanes::{Lanes, Vectors};
use super::machine::Machine;
use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

/// What becomes of a product before it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Epilogue<'a, T: Scalar> {
    /// It is stored.
    Store,
    /// It is added to what is there.
    Accumulate,
    /// A bias is added to each row (a whole padded row), and the activation is taken.
    Bias(&'a [T], Fused),
}

/// Activations whose derivative follows from their value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fused {
    /// None.
    Identity,
    /// max(x, 0).
    Relu,
    /// x, or a small slope times x below 0.
    LeakyRelu(f64),
}

/// The numbers of k in a block.
const BLOCK: usize = 128;

/// The rows from which on what a strip needs of B is copied: ten tiles and more share it.
const MANY_ROWS: usize = 64;

#[inline(always)]
pub(super) fn gemm<T: Vectors, M: Machine>(
    mut c: ViewMut<'_, T>,
    a: View<'_, T>,
    transposed: bool,
    b: View<'_, T>,
    epilogue: Epilogue<'_, T>,
    mask: Option<View<'_, T>>,
) {
    let (rows, k, stride) = (c.shape().0, b.rows(), c.stride());
    // One block at least: a product of nothing is 0.
    for first in (0..k.max(1)).step_by(BLOCK) {
        let last = (first + BLOCK).min(k);
        let mut block = Block {
            c: c.padded(),
            a: a.padded(),
            b: b.padded(),
            a_steps: if transposed { [1, a.stride()] } else { [a.stride(), 1] },
            stride,
            rows,
            k: [first, last],
            add: first > 0 || matches!(epilogue, Epilogue::Accumulate),
            bias: match epilogue {
                Epilogue::Bias(bias, activation) if last == k => Some((bias, activation)),
                _ => None,
            },
            mask: mask.filter(|_| last == k).map(|mask| mask.padded()),
        };
        let mut column = 0;
        while column < stride {
            let vectors = (stride - column) / (M::VECTOR_BYTES / size_of::<T>());
            column += if M::VECTOR_BYTES == 64 {
                // With 32 registers: 24 of sums. Five vectors are three and two rather than four and one.
                match vectors {
                    1 => block.strip::<M, 1, 12>(column),
                    2 => block.strip::<M, 2, 12>(column),
                    3 | 5 | 6 => block.strip::<M, 3, 8>(column),
                    _ => block.strip::<M, 4, 6>(column),
                }
            } else {
                // With 16 registers: 12 of sums. A padded row is an even number of vectors.
                block.strip::<M, 2, 6>(column)
            };
        }
    }
}

/// The part of a product that is summed over a range of k.
struct Block<'a, T: Scalar> {
    c: &'a mut [T],
    a: &'a [T],
    b: &'a [T],
    /// In A, from one row of C to the next, and from one k to the next.
    a_steps: [usize; 2],
    /// Of B and of C.
    stride: usize,
    rows: usize,
    /// From and to.
    k: [usize; 2],
    /// Whether C holds the sum so far.
    add: bool,
    /// What is done at the end.
    bias: Option<(&'a [T], Fused)>,
    mask: Option<&'a [T]>,
}

impl<T: Vectors> Block<'_, T> {
    /// NV vectors of columns of C, MR rows at a time and then fewer; returns how many columns that is.
    #[inline(always)]
    fn strip<M: Machine, const NV: usize, const MR: usize>(&mut self, column: usize) -> usize {
        let width = NV * M::VECTOR_BYTES / size_of::<T>();
        let [first, last] = self.k;
        let lines = &self.b[first * self.stride..last * self.stride];
        let mut copy = [const { MaybeUninit::<[M::Vector<T>; NV]>::uninit() }; BLOCK];
        let (b, b_step) = if self.rows < MANY_ROWS {
            (lines.get(column..).unwrap_or_default(), self.stride)
        } else {
            for (to, line) in copy.iter_mut().zip(lines.chunks_exact(self.stride)) {
                to.write(load::<T, M, NV>(&line[column..][..width]));
            }
            let len = (last - first) * width;
            // SAFETY: the vectors of the block's lines have been written; each is made of numbers side by side.
            (unsafe { std::slice::from_raw_parts(copy.as_ptr().cast::<T>(), len) }, width)
        };
        let mut row = 0;
        while row + MR <= self.rows {
            self.tile::<M, NV, MR>(row, column, b, b_step);
            row += MR;
        }
        while row + 4 <= self.rows {
            self.tile::<M, NV, 4>(row, column, b, b_step);
            row += 4;
        }
        if row + 2 <= self.rows {
            self.tile::<M, NV, 2>(row, column, b, b_step);
            row += 2;
        }
        if row < self.rows {
            self.tile::<M, NV, 1>(row, column, b, b_step);
        }
        width
    }

    /// NV vectors of columns of MR rows, from the block's lines of B, which begin so many numbers apart.
    #[inline(always)]
    fn tile<M: Machine, const NV: usize, const MR: usize>(
        &mut self,
        row: usize,
        column: usize,
        b: &[T],
        b_step: usize,
    ) {
        let stride = self.stride;
        let lanes = M::VECTOR_BYTES / size_of::<T>();
        let width = NV * lanes;
        let mut before = [[M::Vector::<T>::splat(T::ZERO); NV]; MR];
        if self.add {
            for (r, before) in before.iter_mut().enumerate() {
                *before = load::<T, M, NV>(&self.c[(row + r) * stride + column..][..width]);
            }
        }
        let mut sums = self.add_products::<M, NV, MR>(before, row, b, b_step);
        if let Some((bias, activation)) = self.bias {
            let bias = load::<T, M, NV>(&bias[column..][..width]);
            for sums in &mut sums {
                for (sum, bias) in sums.iter_mut().zip(bias) {
                    *sum = sum.add(bias);
                }
            }
            if activation == Fused::Relu {
                for sums in &mut sums {
                    for sum in sums {
                        *sum = sum.where_positive(*sum);
                    }
                }
            }
        }
        if let Some(mask) = self.mask {
            for (r, sums) in sums.iter_mut().enumerate() {
                let mask = load::<T, M, NV>(&mask[(row + r) * stride + column..][..width]);
                for (sum, mask) in sums.iter_mut().zip(mask) {
                    *sum = sum.where_positive(mask);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let to = &mut self.c[(row + r) * stride + column..][..width];
            for (v, sum) in sums.iter().enumerate() {
                sum.store(&mut to[v * lanes..(v + 1) * lanes]);
            }
            if let Some((_, Fused::LeakyRelu(slope))) = self.bias {
                let slope = T::from_f64(slope);
                for x in to {
                    *x = if *x > T::ZERO { *x } else { slope * *x };
                }
            }
        }
    }

    /// The sums with the terms of the block added.
    ///
    /// Only indices that are known where it is compiled may touch the sums here, or they do not stay in the registers. The
    /// bounds are checked before the loop: with slices, checks and their spilled registers took 7 % of a network's step.
    #[inline(always)]
    fn add_products<M: Machine, const NV: usize, const MR: usize>(
        &self,
        mut sums: [[M::Vector<T>; NV]; MR],
        row: usize,
        b: &[T],
        b_step: usize,
    ) -> [[M::Vector<T>; NV]; MR] {
        let [step, along] = self.a_steps;
        let width = NV * M::VECTOR_BYTES / size_of::<T>();
        let [first, last] = self.k;
        let count = last - first;
        if count == 0 {
            return sums;
        }
        let b = &b[..(count - 1) * b_step + width];
        let a = &self.a[row * step + first * along..][..=(MR - 1) * step + (count - 1) * along];
        // Every fourth row has a pointer of its own: adding up all rows' steps one after another would take longer than the
        // products.
        let (mut a, mut b) = ([0, 4, 8].map(|row| a.as_ptr().wrapping_add(row * step)), b.as_ptr());
        let steps = std::hint::black_box([0, step, 2 * step, 3 * step]);
        for _ in 0..count {
            // SAFETY: the slice goes on for `width` numbers from the start of its last row.
            let line = load::<T, M, NV>(unsafe { std::slice::from_raw_parts(b, width) });
            // SAFETY: the slice goes on for MR - 1 steps from its last k.
            sums = add_product::<T, M, NV, MR>(sums, |r| unsafe { *a[r / 4].add(steps[r % 4]) }, line);
            a = a.map(|a| a.wrapping_add(along));
            b = b.wrapping_add(b_step);
        }
        sums
    }
}

/// NV vectors side by side.
#[inline(always)]
fn load<T: Vectors, M: Machine, const NV: usize>(from: &[T]) -> [M::Vector<T>; NV] {
    let lanes = M::VECTOR_BYTES / size_of::<T>();
    // Not `from_fn`, which need not be inlined.
    let mut vectors = [M::Vector::<T>::splat(T::ZERO); NV];
    for (v, vector) in vectors.iter_mut().enumerate() {
        *vector = M::Vector::<T>::load(&from[v * lanes..(v + 1) * lanes]);
    }
    vectors
}

/// sums[r] += a(r) b.
#[inline(always)]
fn add_product<T: Vectors, M: Machine, const NV: usize, const MR: usize>(
    mut sums: [[M::Vector<T>; NV]; MR],
    a: impl Fn(usize) -> T,
    b: [M::Vector<T>; NV],
) -> [[M::Vector<T>; NV]; MR] {
    for (r, sums) in sums.iter_mut().enumerate() {
        let a = M::Vector::<T>::splat(a(r));
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = a.mul_add(b, *sum);
        }
    }
    sums
}

/// 0 where the mask is not positive.
#[inline(always)]
pub(super) fn erase<T: Scalar>(x: &mut [T], mask: &[T]) {
    for (x, &mask) in x.iter_mut().zip(mask) {
        *x = if mask > T::ZERO { *x } else { T::ZERO };
    }
}

/// Rows and columns of the squares that a transpose is made of.
const SQUARE: usize = 16;

#[inline(always)]
pub(super) fn transpose<T: Scalar, M: Machine>(a: View<'_, T>, mut to: ViewMut<'_, T>) {
    let (rows, columns) = a.shape();
    for first in (0..rows).step_by(SQUARE) {
        let last = (first + SQUARE).min(rows);
        for j in 0..columns {
            let to = &mut to.padded_row(j)[first..last];
            for (i, to) in to.iter_mut().enumerate() {
                *to = a.padded()[(first + i) * a.stride() + j];
            }
        }
    }
    to.clear_pads();
}

#[inline(always)]
pub(super) fn fused_adjoint<T: Scalar, M: Machine>(activation: Fused, y: View<'_, T>, mut g: ViewMut<'_, T>) {
    let slope = match activation {
        Fused::Identity => return,
        Fused::Relu => T::ZERO,
        Fused::LeakyRelu(slope) => T::from_f64(slope),
    };
    for (g, &y) in g.padded().iter_mut().zip(y.padded()) {
        *g = if y > T::ZERO { *g } else { slope * *g };
    }
}
