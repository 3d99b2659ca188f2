//! Pooling of images.

use super::machine::Machine;
use crate::error::{Error, Result};
use crate::image_shape::ImageShape;
use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

/// The shapes of a pooling: windows side by side, each of which becomes a pixel.
///
/// Rows and columns that are left over at the end do not count (as in PyTorch without `ceil_mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool2dShape {
    input: ImageShape,
    window: [usize; 2],
}

impl Pool2dShape {
    /// Windows of so many rows and columns.
    ///
    /// # Errors
    /// No channels or pixels; an empty window, or one that is larger than the image.
    pub fn new(input: ImageShape, window: [usize; 2]) -> Result<Self> {
        input.checked()?;
        if window[0] == 0 || window[1] == 0 || window[0] > input.height || window[1] > input.width {
            let (a, b) = ((input.height, input.width), (window[0], window[1]));
            return Err(Error::Shapes { operation: "pooling", a, b });
        }
        Ok(Self { input, window })
    }

    /// One window: the whole image.
    ///
    /// # Errors
    /// No channels or pixels.
    pub fn global(input: ImageShape) -> Result<Self> {
        Self::new(input, [input.height, input.width])
    }

    /// What it takes.
    pub fn input(&self) -> ImageShape {
        self.input
    }

    /// Rows and columns of a window.
    pub fn window(&self) -> [usize; 2] {
        self.window
    }

    /// What it gives.
    pub fn output(&self) -> ImageShape {
        let ImageShape { channels, height, width } = self.input;
        ImageShape { channels, height: height / self.window[0], width: width / self.window[1] }
    }

    /// Calls `f` with the output pixel, its window's first pixel, and its number of rows and columns.
    #[inline(always)]
    fn for_windows(&self, mut f: impl FnMut(usize, usize)) {
        let ImageShape { channels, height, width } = self.output();
        let mut to = 0;
        for channel in 0..channels {
            for row in 0..height {
                let first = (channel * self.input.height + row * self.window[0]) * self.input.width;
                for column in 0..width {
                    f(to, first + column * self.window[1]);
                    to += 1;
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn mean_pool<T: Scalar, M: Machine>(shape: &Pool2dShape, x: View<'_, T>, mut y: ViewMut<'_, T>) {
    let [height, width] = shape.window;
    let share = T::from_f64(1.0 / (height * width) as f64);
    let columns = y.shape().1;
    for sample in 0..x.rows() {
        let (from, to) = (x.row(sample), y.padded_row(sample));
        shape.for_windows(|pixel, first| {
            let mut sum = T::ZERO;
            for row in from[first..].chunks(shape.input.width).take(height) {
                for &x in &row[..width] {
                    sum += x;
                }
            }
            to[pixel] = sum * share;
        });
        to[columns..].fill(T::ZERO);
    }
}

#[inline(always)]
pub(super) fn mean_pool_adjoint<T: Scalar, M: Machine>(
    shape: &Pool2dShape,
    g: View<'_, T>,
    mut to: ViewMut<'_, T>,
    accumulate: bool,
) {
    let [height, width] = shape.window;
    let share = T::from_f64(1.0 / (height * width) as f64);
    if !accumulate {
        to.padded().fill(T::ZERO);
    }
    for sample in 0..g.rows() {
        let (from, to) = (g.row(sample), to.row(sample));
        shape.for_windows(|pixel, first| {
            let g = from[pixel] * share;
            for row in to[first..].chunks_mut(shape.input.width).take(height) {
                for to in &mut row[..width] {
                    *to += g;
                }
            }
        });
    }
}

/// Which pixel of each window is the largest, the first one of equals; a NaN if there is one.
#[inline(always)]
pub(super) fn largest_of_windows<T: Scalar, M: Machine>(
    shape: &Pool2dShape,
    x: View<'_, T>,
    entries: &mut [u32],
) {
    let (input, output, [height, width]) = (shape.input, shape.output(), shape.window);
    for (sample, entries) in entries.chunks_exact_mut(output.columns()).enumerate() {
        let from = x.row(sample);
        for (row, entries) in entries.chunks_exact_mut(output.width).enumerate() {
            let (channel, row) = (row / output.height, row % output.height);
            let first = (channel * input.height + row * height) * input.width;
            let rows = &from[first..first + height * input.width];
            let first = index(first);
            if shape.window == [2, 2] {
                largest_of_pairs(rows.split_at(input.width), first, entries);
                continue;
            }
            for (column, entry) in entries.iter_mut().enumerate() {
                let mut largest = (rows[column * width], first + index(column * width));
                for (row, rows) in rows.chunks_exact(input.width).enumerate() {
                    for (place, &x) in rows[column * width..][..width].iter().enumerate() {
                        let at = first + index(row * input.width + column * width + place);
                        largest = larger(largest, (x, at));
                    }
                }
                *entry = largest.1;
            }
        }
    }
}

/// The same for the usual windows, in a loop that becomes vectors.
#[inline(always)]
fn largest_of_pairs<T: Scalar>((top, bottom): (&[T], &[T]), first: u32, entries: &mut [u32]) {
    let below = index(top.len());
    let rows = top.as_chunks::<2>().0.iter().zip(bottom.as_chunks::<2>().0);
    for (column, (entry, (top, bottom))) in (0..).zip(entries.iter_mut().zip(rows)) {
        let at = first + 2 * column;
        let largest = larger((top[0], at), (top[1], at + 1));
        let largest = larger(largest, (bottom[0], at + below));
        *entry = larger(largest, (bottom[1], at + below + 1)).1;
    }
}

/// The larger number, with its place; the first of equals, a NaN if there is one.
#[inline(always)]
#[expect(
    clippy::eq_op,
    clippy::needless_bitwise_bool,
    reason = "only a NaN differs from itself; both are known at once"
)]
fn larger<T: Scalar>(a: (T, u32), b: (T, u32)) -> (T, u32) {
    // Selections, not jumps, which would be taken by chance.
    let second = (b.0 > a.0) | (b.0 != b.0);
    (if second { b.0 } else { a.0 }, if second { b.1 } else { a.1 })
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "images have fewer than 2^32 numbers")]
fn index(place: usize) -> u32 {
    place as u32
}
