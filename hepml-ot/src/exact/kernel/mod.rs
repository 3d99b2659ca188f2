//! The inner loops of the transportation simplex, on costs and potentials that are 32-bit integers.
//!
//! This is the only module of the crate with unsafe code: loads through pointers, whose bounds each safe function checks
//! once before its loop, and calls of functions that are compiled for a vector extension, which a [`Kernel`] promises to be there.
//! Every level does the same integer operations with the same rule for ties (the first row, then the first column), and the
//! same rounded ones on floating-point numbers without fusing any, so the levels agree bit for bit. `reference` holds the plain version of each function.
//!
//! Shapes: the cost matrix is row-major, `stride` columns a row, a multiple of [`LANES`]; potentials of columns `w[stride]`
//! (w = -v); a block is [`BLOCK`] rows. An arc's reduced cost is c_ij + w_j - u_i.

#![allow(unsafe_code)]
#![expect(
    clippy::inline_always,
    reason = "a body is compiled for the instructions of the function it is inlined into"
)]

mod aligned;
#[cfg(test)]
mod reference;
mod vector;

use hepml_core::SimdLevel;

use crate::error::{Error, Result};
use crate::exact::tree::{Moved, Tree};
use crate::ground_cost::AngularCost;
pub(crate) use aligned::Aligned;
use vector::{Portable, Vector};

/// Columns and nodes are padded to multiples of this.
pub(crate) const LANES: usize = 16;
/// The rows that are priced together.
pub(crate) const BLOCK: usize = 8;
/// The cost of what is not there. No sum with potentials up to [`LARGEST_POTENTIAL`] makes it attractive, or overflows.
pub(crate) const ABSENT: i32 = 1 << 29;
/// The potentials that the loops are made for.
pub(crate) const LARGEST_POTENTIAL: i32 = 1 << 28;
/// Above every cost plus potential, and costs that are not there.
const ABOVE_ALL: i32 = (1 << 30) + (1 << 28);

/// A level that has been found to be available: what makes calling its functions sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel(SimdLevel);

impl Default for Kernel {
    fn default() -> Self {
        Self(SimdLevel::best())
    }
}

/// The best arc of a row of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BlockArc {
    /// The row within the block.
    pub(crate) row: usize,
    pub(crate) column: usize,
    /// Negative.
    pub(crate) reduced: i32,
}

/// (theta/R)^beta in units, of points whose differences are formed in f64.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AngularUnits {
    /// 1/D², where no distance exceeds D.
    inverse_square: f64,
    /// The units that the distance D costs, at most 2^25.
    units: f32,
    beta: f64,
    periodic_phi: bool,
    leftover: i32,
}

impl AngularUnits {
    /// The powers for which [`error`](Self::error) holds.
    ///
    /// Below, the costs of the smallest distances, which f32 does not tell from 0, are not small themselves.
    pub(crate) const BETAS: std::ops::Range<f64> = 0.4..100.0;

    /// `units_per_cost` units a unit of cost, between points no further apart than `distance`.
    pub(crate) fn new(cost: &AngularCost, distance: f64, units_per_cost: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "2^25 units at most, rounded to f32")]
        let units = (cost.of_distance(distance) * units_per_cost) as f32;
        let (beta, periodic_phi) = (cost.beta(), cost.periodic_phi());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "2^25 units at most, where something is left over"
        )]
        let leftover = units_per_cost.round() as i32;
        Self { inverse_square: 1.0 / (distance * distance), units, beta, periodic_phi, leftover }
    }

    /// The units that a unit of mass left over costs.
    pub(crate) fn leftover(&self) -> i32 {
        self.leftover
    }

    /// What the rounded costs are off by at most, in units.
    ///
    /// With e = 2^-24, the relative error of a rounding in f32: x = theta²/D² <= 1 comes with e (what precedes is f64),
    /// so x^(beta/2) with beta/2 e and the error of its own evaluation, e for a root and 0 for beta = 2; the factor and the
    /// product with it add e each, the sum with 1/2 another, and rounding to a whole number 1/2. Below the normal numbers x^(beta/2) is less than
    /// (2^-126)^(beta/2), which is 2.6e-8 or less for the betas that are allowed.
    pub(crate) fn error(&self) -> f64 {
        let evaluation = if self.beta == 1.0 {
            1.0
        } else if self.beta == 2.0 {
            0.0
        } else {
            POWER_ERROR * (1.0 + self.beta) / f64::from(f32::EPSILON / 2.0)
        };
        let roundings = 0.5 * self.beta + evaluation + 3.0;
        1.5 + f64::from(self.units) * (f64::from(f32::EPSILON / 2.0) * roundings * 1.01)
    }
}

macro_rules! dispatch {
    ($(#[$doc:meta])* fn $name:ident(&self $(, $argument:ident: $type:ty)*) $(-> $result:ty)? $check:block) => {
        $(#[$doc])*
        #[inline]
        pub(crate) fn $name(&self $(, $argument: $type)*) $(-> $result)? {
            $check
            match self.0 {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the lengths have just been checked, and a `Kernel` is only made of a level that this processor has.
                SimdLevel::Avx512 => unsafe { avx512::$name($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as for AVX-512.
                SimdLevel::Avx2 => unsafe { avx2::$name($($argument),*) },
                // SAFETY: the lengths have just been checked.
                _ => unsafe { bodies::$name::<Portable>($($argument),*) },
            }
        }
    };
}

impl Kernel {
    /// A level for computing.
    pub(crate) fn new(level: SimdLevel) -> Result<Self> {
        if level.is_available() { Ok(Self(level)) } else { Err(Error::SimdNotAvailable { level }) }
    }

    dispatch! {
        /// The arc with the lowest negative reduced cost in a block of rows, the first such in the order of rows, then columns.
        fn price_block(&self, cost: &[i32], stride: usize, u: &[i32; BLOCK], w: &[i32]) -> Option<BlockArc> {
            assert!(stride.is_multiple_of(LANES) && w.len() == stride && BLOCK.checked_mul(stride) == Some(cost.len()));
        }
    }

    dispatch! {
        /// The same of several rows, as many as there is room for: the lowest first, of equal ones the first row. Returns how many there are.
        fn price_rows(&self, cost: &[i32], stride: usize, u: &[i32; BLOCK], w: &[i32], arcs: &mut [BlockArc]) -> usize {
            assert!(stride.is_multiple_of(LANES) && w.len() == stride && BLOCK.checked_mul(stride) == Some(cost.len()));
        }
    }

    dispatch! {
        /// The first column with the lowest sum of cost and penalty, and that sum.
        fn row_minimum(&self, row: &[i32], penalty: &[i32]) -> (usize, i32) {
            assert!(!row.is_empty() && row.len().is_multiple_of(LANES) && penalty.len() == row.len());
        }
    }

    dispatch! {
        /// The lowest c_ij - u_i of each column, into `lowest[stride]`.
        fn column_minima(&self, cost: &[i32], u: &[i32], lowest: &mut [i32]) -> () {
            assert!(lowest.len().is_multiple_of(LANES) && u.len().checked_mul(lowest.len()) == Some(cost.len()));
        }
    }

    dispatch! {
        /// Writes the columns of `cost`, rows of `stride`, as rows of `length`, filled up with [`ABSENT`].
        fn transpose(&self, cost: &[i32], stride: usize, transposed: &mut [i32], length: usize) -> () {
            assert!(stride.is_multiple_of(LANES) && length.is_multiple_of(LANES));
            assert!(stride > 0 && cost.len().is_multiple_of(stride) && cost.len() / stride <= length);
            assert!(stride.checked_mul(length) == Some(transposed.len()));
        }
    }

    dispatch! {
        /// [`Tree::pivot`].
        fn pivot(&self, tree: &mut Tree, source: usize, sink: usize) -> Moved {}
    }

    dispatch! {
        /// Adds `shift` to the potentials of the nodes whose bits are set.
        fn add_where(&self, potential: &mut [i32], nodes: &[u64], shift: i32) -> () {
            assert!(potential.len().is_multiple_of(LANES) && potential.len() <= 64 * nodes.len());
        }
    }

    dispatch! {
        /// Lists the arcs (row, column) whose reduced cost is at most `limit`.
        fn arcs_at_most(&self, cost: &[i32], u: &[i32], w: &[i32], limit: i32, arcs: &mut Vec<(u32, u32)>) -> () {
            assert!(w.len().is_multiple_of(LANES) && u.len().checked_mul(w.len()) == Some(cost.len()));
        }
    }

    dispatch! {
        /// The costs in units from one point to many.
        fn angular_row(&self, from: [f64; 2], y: &[f64], phi: &[f64], cost: AngularUnits, row: &mut [i32]) -> () {
            assert!(phi.len() == y.len() && row.len() >= y.len());
        }
    }

    dispatch! {
        /// Takes note of a seed: where it is nearer than the seeds before, `square[i]` and `nearest[i]` become its squared distance and number.
        /// Returns the first point with the largest `weight` times squared distance.
        fn add_seed(&self, seed: [f64; 3], points: [&[f64]; 3], square: &mut [f64], nearest: &mut [f64]) -> usize {
            let [y, phi, weight] = points;
            assert!(y.len().is_multiple_of(LANES) && square.len() == y.len() && nearest.len() == y.len());
            assert!(phi.len() == y.len() && weight.len() == y.len());
        }
    }

    dispatch! {
        /// Costs times `units_per_cost`, rounded.
        fn quantise_row(&self, costs: &[f64], units_per_cost: f64, row: &mut [i32]) -> () {
            assert!(costs.len() == row.len());
        }
    }
}

/// The functions for each level: the same bodies, compiled for it.
#[cfg(target_arch = "x86_64")]
macro_rules! level {
    ($level:ident, $vector:ty, $features:literal) => {
        mod $level {
            use super::{AngularUnits, BLOCK, BlockArc, Moved, Tree, bodies};

            #[target_feature(enable = $features)]
            pub(super) unsafe fn price_block(
                cost: &[i32],
                stride: usize,
                u: &[i32; BLOCK],
                w: &[i32],
            ) -> Option<BlockArc> {
                // SAFETY: the caller's promise.
                unsafe { bodies::price_block::<$vector>(cost, stride, u, w) }
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn price_rows(
                cost: &[i32],
                stride: usize,
                u: &[i32; BLOCK],
                w: &[i32],
                arcs: &mut [BlockArc],
            ) -> usize {
                // SAFETY: the caller's promise.
                unsafe { bodies::price_rows::<$vector>(cost, stride, u, w, arcs) }
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn row_minimum(row: &[i32], penalty: &[i32]) -> (usize, i32) {
                // SAFETY: the caller's promise.
                unsafe { bodies::row_minimum::<$vector>(row, penalty) }
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn column_minima(cost: &[i32], u: &[i32], lowest: &mut [i32]) {
                // SAFETY: the caller's promise.
                unsafe { bodies::column_minima::<$vector>(cost, u, lowest) }
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn transpose(
                cost: &[i32],
                stride: usize,
                transposed: &mut [i32],
                length: usize,
            ) {
                // SAFETY: the caller's promise.
                unsafe { bodies::transpose::<$vector>(cost, stride, transposed, length) }
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn pivot(tree: &mut Tree, source: usize, sink: usize) -> Moved {
                tree.pivot(source, sink)
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn add_where(potential: &mut [i32], nodes: &[u64], shift: i32) {
                // SAFETY: the caller's promise.
                unsafe { bodies::add_where::<$vector>(potential, nodes, shift) }
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn arcs_at_most(
                cost: &[i32],
                u: &[i32],
                w: &[i32],
                limit: i32,
                arcs: &mut Vec<(u32, u32)>,
            ) {
                // SAFETY: the caller's promise.
                unsafe { bodies::arcs_at_most::<$vector>(cost, u, w, limit, arcs) }
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn angular_row(
                from: [f64; 2],
                y: &[f64],
                phi: &[f64],
                cost: AngularUnits,
                row: &mut [i32],
            ) {
                // SAFETY: the caller's promise.
                unsafe { bodies::angular_row::<$vector>(from, y, phi, cost, row) }
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn add_seed(
                seed: [f64; 3],
                points: [&[f64]; 3],
                square: &mut [f64],
                nearest: &mut [f64],
            ) -> usize {
                // SAFETY: the caller's promise.
                unsafe { bodies::add_seed::<$vector>(seed, points, square, nearest) }
            }

            #[target_feature(enable = $features)]
            pub(super) unsafe fn quantise_row(costs: &[f64], units_per_cost: f64, row: &mut [i32]) {
                // SAFETY: the caller's promise.
                unsafe { bodies::quantise_row::<$vector>(costs, units_per_cost, row) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
level!(avx2, super::vector::Avx2, "avx2,bmi1,popcnt");
#[cfg(target_arch = "x86_64")]
level!(avx512, super::vector::Avx512, "avx512f,avx512bw,avx512dq,avx512vl,bmi1,popcnt");

/// What is done, for any vectors. The callers promise lengths as the functions of [`Kernel`] check them, and that the
/// instructions of `V` are there.
mod bodies {
    use std::f64::consts::TAU;

    use super::{ABOVE_ALL, ABSENT, AngularUnits, BLOCK, BlockArc, Moved, Tree, Vector};

    #[inline(always)]
    pub(super) unsafe fn price_block<V: Vector>(
        cost: &[i32],
        stride: usize,
        u: &[i32; BLOCK],
        w: &[i32],
    ) -> Option<BlockArc> {
        // SAFETY: the caller's promise.
        unsafe { best_arc(cost, stride, u, w, &row_minima::<V>(cost, stride, u, w)) }
    }

    #[inline(always)]
    pub(super) unsafe fn price_rows<V: Vector>(
        cost: &[i32],
        stride: usize,
        u: &[i32; BLOCK],
        w: &[i32],
        arcs: &mut [BlockArc],
    ) -> usize {
        // SAFETY: the caller's promise.
        unsafe {
            let mut lowest = row_minima::<V>(cost, stride, u, w);
            for (count, arc) in arcs.iter_mut().enumerate() {
                let Some(best) = best_arc(cost, stride, u, w, &lowest) else { return count };
                *arc = best;
                lowest[best.row] = V::splat(0);
            }
        }
        arcs.len()
    }

    /// The lowest reduced costs of the rows of a block, lane by lane.
    #[inline(always)]
    unsafe fn row_minima<V: Vector>(cost: &[i32], stride: usize, u: &[i32; BLOCK], w: &[i32]) -> [V; BLOCK] {
        // SAFETY: `cost` holds `BLOCK` rows of `stride`, `w` one; every load lies within its row.
        unsafe {
            let shift = V::splat(V::SHIFT);
            let mut lowest = [V::splat(ABOVE_ALL + V::SHIFT); BLOCK];
            let mut column = 0;
            while column < stride {
                let w = V::load(w.as_ptr().add(column)).add(shift);
                for (row, lowest) in lowest.iter_mut().enumerate() {
                    let c = V::load(cost.as_ptr().add(row * stride + column));
                    *lowest = lowest.min_of_shifted(c.add(w));
                }
                column += V::LANES;
            }
            for (lowest, &u) in lowest.iter_mut().zip(u) {
                *lowest = lowest.sub(V::splat(u + V::SHIFT));
            }
            lowest
        }
    }

    /// The arc of the lowest of the [`row_minima`], if it is negative.
    #[inline(always)]
    unsafe fn best_arc<V: Vector>(
        cost: &[i32],
        stride: usize,
        u: &[i32; BLOCK],
        w: &[i32],
        lowest: &[V; BLOCK],
    ) -> Option<BlockArc> {
        // SAFETY: the caller's promise.
        unsafe {
            let [a, b, c, d, e, f, g, h] = *lowest;
            let reduced = a.min(b).min(c.min(d)).min(e.min(f).min(g.min(h))).lowest();
            if reduced >= 0 {
                return None;
            }
            let found = V::splat(reduced);
            let rows =
                lowest.iter().rev().fold(0, |rows, lowest| rows << 1 | u32::from(lowest.equal(found) != 0));
            let row = rows.trailing_zeros() as usize % BLOCK;
            let column = position::<V>(&cost[row * stride..(row + 1) * stride], w, reduced + u[row]);
            Some(BlockArc { row, column, reduced })
        }
    }

    #[inline(always)]
    pub(super) unsafe fn row_minimum<V: Vector>(row: &[i32], penalty: &[i32]) -> (usize, i32) {
        // SAFETY: both are of the same length, a multiple of the lanes.
        unsafe {
            let shift = V::splat(V::SHIFT);
            let mut lowest = V::splat(ABOVE_ALL + V::SHIFT);
            let mut column = 0;
            while column < row.len() {
                let c = V::load(row.as_ptr().add(column)).add(V::load(penalty.as_ptr().add(column)));
                lowest = lowest.min_of_shifted(c.add(shift));
                column += V::LANES;
            }
            let lowest = lowest.lowest() - V::SHIFT;
            (position::<V>(row, penalty, lowest), lowest)
        }
    }

    /// The first column where the sum of both is `sum`, which there is.
    ///
    /// 64 columns at a time: to leave at the first would be a jump that no processor foresees.
    #[inline(always)]
    unsafe fn position<V: Vector>(row: &[i32], shift: &[i32], sum: i32) -> usize {
        // SAFETY: both are of the same length, a multiple of the lanes.
        unsafe {
            let sum = V::splat(sum);
            let mut start = 0;
            while start < row.len() {
                let end = row.len().min(start + 64);
                let mut equal = 0_u64;
                let mut column = start;
                while column < end {
                    let c = V::load(row.as_ptr().add(column)).add(V::load(shift.as_ptr().add(column)));
                    equal |= u64::from(c.equal(sum)) << (column - start);
                    column += V::LANES;
                }
                if equal != 0 {
                    return start + equal.trailing_zeros() as usize;
                }
                start = end;
            }
            0
        }
    }

    #[inline(always)]
    pub(super) unsafe fn column_minima<V: Vector>(cost: &[i32], u: &[i32], lowest: &mut [i32]) {
        let stride = lowest.len();
        // SAFETY: `cost` holds a row of `stride` for each `u`; `column` stays below `stride`.
        unsafe {
            let mut column = 0;
            while column < stride {
                let mut least = V::splat(i32::MAX);
                for (row, &u) in u.iter().enumerate() {
                    let c = V::load(cost.as_ptr().add(row * stride + column));
                    least = least.min(c.sub(V::splat(u)));
                }
                least.store(lowest.as_mut_ptr().add(column));
                column += V::LANES;
            }
        }
    }

    /// Four rows by four columns at a time, which the compiler makes vector instructions of.
    #[inline(always)]
    pub(super) unsafe fn transpose<V: Vector>(
        cost: &[i32],
        stride: usize,
        transposed: &mut [i32],
        length: usize,
    ) {
        const SQUARE: usize = 4;
        for (step, rows) in cost.chunks(SQUARE * stride).enumerate() {
            // Rows that are not there are taken for the last one, and overwritten below.
            let last = rows.len() / stride - 1;
            let row = |row: usize| rows[row.min(last) * stride..][..stride].as_chunks::<SQUARE>().0;
            let rows = row(0).iter().zip(row(1)).zip(row(2)).zip(row(3));
            for ((((a, b), c), d), lines) in rows.zip(transposed.chunks_exact_mut(SQUARE * length)) {
                let mut line = |line: usize, values: [i32; SQUARE]| {
                    lines[line * length + step * SQUARE..][..SQUARE].copy_from_slice(&values);
                };
                let (a, b, c, d) = (*a, *b, *c, *d);
                line(0, [a[0], b[0], c[0], d[0]]);
                line(1, [a[1], b[1], c[1], d[1]]);
                line(2, [a[2], b[2], c[2], d[2]]);
                line(3, [a[3], b[3], c[3], d[3]]);
            }
        }
        for line in transposed.chunks_exact_mut(length) {
            line[cost.len() / stride..].fill(ABSENT);
        }
    }

    #[inline(always)]
    pub(super) unsafe fn pivot<V: Vector>(tree: &mut Tree, source: usize, sink: usize) -> Moved {
        tree.pivot(source, sink)
    }

    #[inline(always)]
    pub(super) unsafe fn add_where<V: Vector>(potential: &mut [i32], nodes: &[u64], shift: i32) {
        // SAFETY: the length of `potential` is a multiple of the lanes, and there is a bit for each.
        unsafe {
            let shift = V::splat(shift);
            let mut node = 0;
            while node < potential.len() {
                let bits = nodes.get_unchecked(node / 64) >> (node % 64);
                let at = potential.as_mut_ptr().add(node);
                V::load(at).add_where(bits, shift).store(at);
                node += V::LANES;
            }
        }
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a matrix with 2^32 rows or columns does not fit into memory"
    )]
    pub(super) unsafe fn arcs_at_most<V: Vector>(
        cost: &[i32],
        u: &[i32],
        w: &[i32],
        limit: i32,
        arcs: &mut Vec<(u32, u32)>,
    ) {
        let stride = w.len();
        // SAFETY: `cost` holds a row of `stride` for each `u`; `column` stays below `stride`.
        unsafe {
            for (row, &u) in u.iter().enumerate() {
                // c + w - u <= limit, as limit + u + 1 > c + w.
                let limit = V::splat(limit + u + 1);
                let mut column = 0;
                while column < stride {
                    let c = V::load(cost.as_ptr().add(row * stride + column));
                    let mut found = limit.above(c.add(V::load(w.as_ptr().add(column))));
                    while found != 0 {
                        arcs.push((row as u32, column as u32 + found.trailing_zeros()));
                        found &= found - 1;
                    }
                    column += V::LANES;
                }
            }
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 and to units is what it is for")]
    pub(super) unsafe fn angular_row<V: Vector>(
        from: [f64; 2],
        y: &[f64],
        phi: &[f64],
        cost: AngularUnits,
        row: &mut [i32],
    ) {
        let AngularUnits { inverse_square, units, beta, periodic_phi, .. } = cost;
        let square = |y: f64, phi: f64| {
            let y = from[0] - y;
            let phi = (from[1] - phi).abs();
            let phi = if periodic_phi && TAU - phi < phi { TAU - phi } else { phi };
            ((y * y + phi * phi) * inverse_square) as f32
        };
        let points = y.iter().zip(phi);
        if beta == 1.0 {
            for (units_ij, (&y, &phi)) in row.iter_mut().zip(points) {
                *units_ij = super::whole(square(y, phi).sqrt() * units + 0.5);
            }
        } else if beta == 2.0 {
            for (units_ij, (&y, &phi)) in row.iter_mut().zip(points) {
                *units_ij = super::whole(square(y, phi) * units + 0.5);
            }
        } else {
            let power = (0.5 * beta) as f32;
            for (units_ij, (&y, &phi)) in row.iter_mut().zip(points) {
                *units_ij = super::whole(super::power(square(y, phi), power) * units + 0.5);
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn add_seed<V: Vector>(
        [seed_y, seed_phi, number]: [f64; 3],
        [y, phi, weight]: [&[f64]; 3],
        square: &mut [f64],
        nearest: &mut [f64],
    ) -> usize {
        const WIDTH: usize = 8;
        let mut largest = [f64::NEG_INFINITY; WIDTH];
        let (y, phi) = (y.as_chunks::<WIDTH>().0, phi.as_chunks::<WIDTH>().0);
        let points = y.iter().zip(phi).zip(weight.as_chunks::<WIDTH>().0);
        let seeds = square.as_chunks_mut::<WIDTH>().0.iter_mut().zip(nearest.as_chunks_mut::<WIDTH>().0);
        for (((y, phi), weight), (square, nearest)) in points.zip(seeds) {
            // Array by array: loops that each do one thing become vector instructions.
            let new: [f64; WIDTH] = std::array::from_fn(|lane| {
                let (dy, dphi) = (y[lane] - seed_y, phi[lane] - seed_phi);
                dy * dy + dphi * dphi
            });
            let old = *square;
            *nearest = std::array::from_fn(|lane| if new[lane] < old[lane] { number } else { nearest[lane] });
            let least: [f64; WIDTH] =
                std::array::from_fn(|lane| if new[lane] < old[lane] { new[lane] } else { old[lane] });
            *square = least;
            largest = std::array::from_fn(|lane| {
                let score = weight[lane] * least[lane];
                if score > largest[lane] { score } else { largest[lane] }
            });
        }
        let most = largest.into_iter().fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
        let mut found = 0;
        for (chunk, (weight, square)) in
            weight.as_chunks::<WIDTH>().0.iter().zip(square.as_chunks::<WIDTH>().0).enumerate()
        {
            let mut bits = 0_u32;
            for lane in 0..WIDTH {
                bits |= u32::from(weight[lane] * square[lane] == most) << lane;
            }
            if bits != 0 {
                found = chunk * WIDTH + bits.trailing_zeros() as usize;
                break;
            }
        }
        found
    }

    #[inline(always)]
    pub(super) unsafe fn quantise_row<V: Vector>(costs: &[f64], units_per_cost: f64, row: &mut [i32]) {
        for (units, cost) in row.iter_mut().zip(costs) {
            let x = cost * units_per_cost;
            let x = if x.abs() <= 1_073_741_824.0 { x } else { 0.0 };
            // SAFETY: neither NaN nor out of range.
            *units = unsafe { (x + 0.5_f64.copysign(x)).to_int_unchecked() };
        }
    }
}

/// The whole part of a number from 0 to 2^26; 0 of any other.
#[inline(always)]
fn whole(x: f32) -> i32 {
    let x = if (0.0..67_108_864.0).contains(&x) { x } else { 0.0 };
    // SAFETY: neither NaN nor out of range. (`as` would say what becomes of those, number by number.)
    unsafe { x.to_int_unchecked() }
}

/// x^p of 0 <= x <= 1 and 0 < p with an error below `POWER_ERROR` (1 + 2p): 2^(p log2 x) by polynomials.
///
/// Below the smallest normal number x counts as that number.
#[inline(always)]
#[expect(clippy::cast_possible_wrap, reason = "bits are bits")]
fn power(x: f32, p: f32) -> f32 {
    let x = if x > f32::MIN_POSITIVE { x } else { f32::MIN_POSITIVE };
    let bits = x.to_bits();
    // x = 2^exponent m with m in [sqrt(1/2), sqrt(2)).
    let shifted = bits.wrapping_sub(0x3f35_04f3) as i32 >> 23;
    let m = f32::from_bits(bits.wrapping_sub((shifted << 23).cast_unsigned()));
    // log2 m = 2/ln 2 artanh((m-1)/(m+1)), a series in s² <= 0.0295.
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = 2.885_39 + s2 * (0.961_796_7 + s2 * (0.577_078_04 + s2 * (0.412_198_6 + s2 * 0.320_598_9)));
    let y = (shifted as f32 + s * series) * p;
    // 2^y with y = whole + f, |f| <= 1/2; below 2^-126 is 0 here.
    let y = if y > -126.0 { y } else { -126.0 };
    // At 1.5 2^23 the last bit of an f32 is 1, so the sum holds the nearest whole number, in its lowest bits too.
    let rounded = y + 12_582_912.0;
    let f = y - (rounded - 12_582_912.0);
    let exp2 = 1.0
        + f * (std::f32::consts::LN_2
            + f * (0.240_226_5
                + f * (0.055_504_11 + f * (0.009_618_13 + f * (0.001_333_355_8 + f * 0.000_154_035_3)))));
    exp2 * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}

/// See [`power`].
pub(crate) const POWER_ERROR: f64 = 6e-7;
