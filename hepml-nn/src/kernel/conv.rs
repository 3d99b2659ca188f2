//! Convolutions of images.
//!
//! Sample by sample: the image is copied into planes with a halo (zeros, or the other side's pixels), so that each
//! neighbour of an output pixel is at a fixed distance from it. A *line* is as many output pixels in a row as fill 64 bytes;
//! they are computed together, for several channels at once, as one sum over (channel, row, column) of the weights in order.
//! Where the width is not a multiple of a line, lines run on across the halo between two rows, and what is computed there is
//! dropped.
//!
//! The same loops give the gradient of the input (the gradient of the output convolved with the mirrored weights). That of
//! the weights sums products of lines, lane by lane over all samples, and the lanes at the end.
//!
//! Limits, for 8 channels on 8 and f32: a pixel takes 576 multiplications and additions and 64 bytes, read and written
//! once, so it is the arithmetic that counts.

use hepml_core::serde::{Deserialize, Serialize};

use super::aligned::Aligned;
use super::gemm::{Epilogue, Fused};
use super::machine::Machine;
use crate::error::{Error, Result};
use crate::image_shape::ImageShape;
use crate::matrix::{View, ViewMut, stride_of};
use crate::scalar::Scalar;

/// What a convolution sees beyond the edges of an image.
///
/// For kernels of even size, one more pixel after the last than before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub enum Padding {
    /// Zeros; the output is as large as the input.
    Zero,
    /// The pixels of the other side: the image is a torus, and the convolution commutes with its translations. The output
    /// is as large as the input.
    Circular,
    /// Nothing: the output has kernel - 1 rows and columns fewer.
    Valid,
}

/// The shapes of a convolution with stride 1.
///
/// y[o, i, j] = b[o] + sum_{c, k, l} w[c, k, l, o] x[c, i + k - before, j + l - before], with before = (kernel - 1)/2 rounded
/// down, and 0 for [`Padding::Valid`]. (What is called a convolution in machine learning is a correlation.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2dShape {
    input: ImageShape,
    output: ImageShape,
    kernel: [usize; 2],
    padding: Padding,
}

impl Conv2dShape {
    /// A convolution from images of a shape to `channels` channels, with a kernel of so many rows and columns.
    ///
    /// # Errors
    /// No channels or pixels; an empty kernel; a kernel that does not fit into the image without padding.
    pub fn new(
        input: ImageShape,
        channels: usize,
        [height, width]: [usize; 2],
        padding: Padding,
    ) -> Result<Self> {
        input.checked()?;
        for (what, size, image) in
            [("height of a kernel", height, input.height), ("width of a kernel", width, input.width)]
        {
            if size == 0 {
                return Err(hepml_core::Error::out_of_range(what, 0.0, "at least 1").into());
            }
            if padding == Padding::Valid && size > image {
                let (a, b) = ((input.height, input.width), (height, width));
                return Err(Error::Shapes { operation: "convolution without padding", a, b });
            }
        }
        let output = match padding {
            Padding::Zero | Padding::Circular => ImageShape { channels, ..input },
            Padding::Valid => ImageShape::new(channels, input.height + 1 - height, input.width + 1 - width),
        }
        .checked()?;
        Ok(Self { input, output, kernel: [height, width], padding })
    }

    /// What it takes.
    pub fn input(&self) -> ImageShape {
        self.input
    }

    /// What it gives.
    pub fn output(&self) -> ImageShape {
        self.output
    }

    /// Rows and columns of the kernel.
    pub fn kernel(&self) -> [usize; 2] {
        self.kernel
    }

    /// What it sees beyond the edges.
    pub fn padding(&self) -> Padding {
        self.padding
    }

    /// The shape of the weights: [channels height width, output channels], in that order.
    pub fn weights(&self) -> (usize, usize) {
        (self.input.channels * self.kernel[0] * self.kernel[1], self.output.channels)
    }

    /// Pixels before the first row and column.
    fn before(&self) -> [usize; 2] {
        match self.padding {
            Padding::Zero | Padding::Circular => self.kernel.map(|size| (size - 1) / 2),
            Padding::Valid => [0, 0],
        }
    }

    fn forward<const L: usize>(&self) -> Planes {
        Planes::new::<L>(self.input, self.output, self.kernel, self.before(), self.padding)
    }

    /// From the gradient of the output to that of the input.
    fn backward<const L: usize>(&self) -> Planes {
        let [before_rows, before_columns] = self.before();
        let before = [self.kernel[0] - 1 - before_rows, self.kernel[1] - 1 - before_columns];
        Planes::new::<L>(self.output, self.input, self.kernel, before, self.padding)
    }
}

/// Images in planes with a halo, and the lines that are computed from them.
struct Planes {
    from: ImageShape,
    to: ImageShape,
    before: [usize; 2],
    circular: bool,
    /// Rows and columns of a plane with its halo.
    rows: usize,
    columns: usize,
    /// The numbers of a plane: with some after the last, that the last line reads.
    len: usize,
    /// Where the neighbours of a pixel are, seen from the first of them: for each channel, row and column of the kernel.
    offsets: Vec<usize>,
    /// Where each line begins, in a plane with its halo.
    starts: Vec<usize>,
    /// From one row to the next in lines that follow one another.
    row_step: usize,
}

impl Planes {
    fn new<const L: usize>(
        from: ImageShape,
        to: ImageShape,
        kernel: [usize; 2],
        before: [usize; 2],
        padding: Padding,
    ) -> Self {
        let (rows, columns) = (to.height + kernel[0] - 1, to.width + kernel[1] - 1);
        let (starts, row_step): (Vec<_>, _) = if to.width.is_multiple_of(L) {
            let lines = to.width / L;
            ((0..to.height * lines).map(|line| line / lines * columns + line % lines * L).collect(), to.width)
        } else {
            let len = (to.height - 1) * columns + to.width;
            ((0..len.div_ceil(L)).map(|line| line * L).collect(), columns)
        };
        let last = starts[starts.len() - 1] + (kernel[0] - 1) * columns + kernel[1] - 1;
        let len = (rows * columns).max(last + L).next_multiple_of(L);
        let mut offsets = Vec::with_capacity(from.channels * kernel[0] * kernel[1]);
        for channel in 0..from.channels {
            for row in 0..kernel[0] {
                offsets.extend((0..kernel[1]).map(|column| channel * len + row * columns + column));
            }
        }
        let circular = padding == Padding::Circular;
        Self { from, to, before, circular, rows, columns, len, offsets, starts, row_step }
    }

    /// The numbers of all planes.
    fn padded_len(&self) -> usize {
        self.from.channels * self.len
    }

    /// The numbers of one channel in lines.
    fn lines_len(&self, lanes: usize) -> usize {
        self.starts.len() * lanes
    }

    /// The numbers of all planes, and of all lines that are computed from them.
    fn scratch_len(&self, lanes: usize) -> usize {
        self.padded_len() + self.to.channels * self.lines_len(lanes)
    }

    /// Copies an image into the planes, of which only the halo of zeros and what follows the last row are there already.
    #[inline(always)]
    fn fill<T: Scalar>(&self, image: &[T], planes: &mut [T]) {
        let ImageShape { height, width, .. } = self.from;
        let [above, left] = self.before;
        for (plane, image) in planes.chunks_exact_mut(self.len).zip(image.chunks_exact(height * width)) {
            if self.circular {
                for row in 0..self.rows {
                    // (row - above) mod height
                    let from = (row + height - above % height) % height;
                    let from = &image[from * width..][..width];
                    let to = &mut plane[row * self.columns..][..self.columns];
                    copy(&mut to[left..left + width], from);
                    for column in 0..left {
                        to[column] = from[(column + width - left % width) % width];
                    }
                    for column in left + width..self.columns {
                        to[column] = from[(column - left) % width];
                    }
                }
            } else {
                for (row, from) in image.chunks_exact(width).enumerate() {
                    copy(&mut plane[(row + above) * self.columns + left..][..width], from);
                }
            }
        }
    }

    /// Copies an image of the output's shape into lines, of which only what is between the rows is there already.
    #[inline(always)]
    fn fill_lines<T: Scalar>(&self, image: &[T], lines: &mut [T], lanes: usize) {
        let ImageShape { height, width, .. } = self.to;
        for (lines, image) in
            lines.chunks_exact_mut(self.lines_len(lanes)).zip(image.chunks_exact(height * width))
        {
            for (row, from) in image.chunks_exact(width).enumerate() {
                copy(&mut lines[row * self.row_step..][..width], from);
            }
        }
    }
}

/// Copies a few numbers: calls of memcpy would take longer.
#[inline(always)]
fn copy<T: Scalar>(to: &mut [T], from: &[T]) {
    let (to_blocks, to_rest) = to.as_chunks_mut::<8>();
    let (from_blocks, from_rest) = from.as_chunks::<8>();
    for (to, from) in to_blocks.iter_mut().zip(from_blocks) {
        *to = *from;
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to = *from;
    }
}

#[inline(always)]
pub(super) fn conv2d<T: Scalar, M: Machine>(
    shape: &Conv2dShape,
    x: View<'_, T>,
    weight: View<'_, T>,
    y: ViewMut<'_, T>,
    epilogue: Epilogue<'_, T>,
    scratch: &mut Aligned<T>,
) {
    if T::LANES == 16 {
        let planes = shape.forward::<16>();
        scratch.reserve_len(planes.scratch_len(16));
        correlate::<T, M, 16>(&planes, x, weight.padded(), y, epilogue, scratch);
    } else {
        let planes = shape.forward::<8>();
        scratch.reserve_len(planes.scratch_len(8));
        correlate::<T, M, 8>(&planes, x, weight.padded(), y, epilogue, scratch);
    }
}

#[inline(always)]
pub(super) fn conv2d_input_adjoint<T: Scalar, M: Machine>(
    shape: &Conv2dShape,
    weight: View<'_, T>,
    g: View<'_, T>,
    to: ViewMut<'_, T>,
    accumulate: bool,
    scratch: &mut Aligned<T>,
) {
    if T::LANES == 16 {
        input_adjoint::<T, M, 16>(shape, weight, g, to, accumulate, scratch);
    } else {
        input_adjoint::<T, M, 8>(shape, weight, g, to, accumulate, scratch);
    }
}

#[inline(always)]
fn input_adjoint<T: Scalar, M: Machine, const L: usize>(
    shape: &Conv2dShape,
    weight: View<'_, T>,
    g: View<'_, T>,
    to: ViewMut<'_, T>,
    accumulate: bool,
    scratch: &mut Aligned<T>,
) {
    let planes = shape.backward::<L>();
    // [output channels, mirrored rows and columns, channels]
    let (channels, outputs) = (shape.input.channels, shape.output.channels);
    let size = shape.kernel[0] * shape.kernel[1];
    let stride = stride_of::<T>(channels);
    let len = outputs * size * stride;
    scratch.reserve_len(len + planes.scratch_len(L));
    let (mirrored, scratch) = scratch.split_at_mut(len);
    mirrored.fill(T::ZERO);
    for channel in 0..channels {
        for place in 0..size {
            for (output, &w) in weight.row(channel * size + place).iter().enumerate() {
                mirrored[(output * size + size - 1 - place) * stride + channel] = w;
            }
        }
    }
    let epilogue = if accumulate { Epilogue::Accumulate } else { Epilogue::Store };
    correlate::<T, M, L>(&planes, g, mirrored, to, epilogue, scratch);
}

/// Lines of the output from planes of the input, sample by sample.
#[inline(always)]
fn correlate<T: Scalar, M: Machine, const L: usize>(
    planes: &Planes,
    x: View<'_, T>,
    weights: &[T],
    mut y: ViewMut<'_, T>,
    epilogue: Epilogue<'_, T>,
    scratch: &mut [T],
) {
    let lines_len = planes.lines_len(L);
    let (padded, rest) = scratch.split_at_mut(planes.padded_len());
    let lines = &mut rest[..planes.to.channels * lines_len];
    padded.fill(T::ZERO);
    let columns = planes.to.columns();
    for sample in 0..x.rows() {
        planes.fill(x.row(sample), padded);
        let mut channel = 0;
        while channel < planes.to.channels {
            let lines = &mut lines[channel * lines_len..];
            let weights = &weights[channel..];
            channel += match planes.to.channels - channel {
                8.. if M::VECTOR_BYTES == 64 => strip::<T, M, L, 8, 3>(planes, padded, weights, lines),
                4.. if M::VECTOR_BYTES == 64 => strip::<T, M, L, 4, 5>(planes, padded, weights, lines),
                2.. if M::VECTOR_BYTES == 64 => strip::<T, M, L, 2, 8>(planes, padded, weights, lines),
                _ if M::VECTOR_BYTES == 64 => strip::<T, M, L, 1, 8>(planes, padded, weights, lines),
                4.. if M::VECTOR_BYTES == 32 => strip::<T, M, L, 4, 1>(planes, padded, weights, lines),
                2.. if M::VECTOR_BYTES == 32 => strip::<T, M, L, 2, 2>(planes, padded, weights, lines),
                _ if M::VECTOR_BYTES == 32 => strip::<T, M, L, 1, 4>(planes, padded, weights, lines),
                2.. => strip::<T, M, L, 2, 1>(planes, padded, weights, lines),
                _ => strip::<T, M, L, 1, 2>(planes, padded, weights, lines),
            };
        }
        let to = y.padded_row(sample);
        finish::<T, M>(planes, lines, lines_len, to, epilogue);
        to[columns..].fill(T::ZERO);
    }
}

/// The lines of C channels, P at a time. Returns C.
#[inline(always)]
fn strip<T: Scalar, M: Machine, const L: usize, const C: usize, const P: usize>(
    planes: &Planes,
    padded: &[T],
    weights: &[T],
    lines: &mut [T],
) -> usize {
    let stride = stride_of::<T>(planes.to.channels);
    let (lines_len, count) = (planes.lines_len(L), planes.starts.len());
    let mut line = 0;
    while line < count {
        let (starts, lines) = (&planes.starts[line..], &mut lines[line * L..]);
        line += match count - line {
            left if left >= P => {
                tile::<T, M, L, C, P>(&planes.offsets, starts, padded, weights, stride, lines, lines_len)
            }
            2.. if P > 2 => {
                tile::<T, M, L, C, 2>(&planes.offsets, starts, padded, weights, stride, lines, lines_len)
            }
            _ => tile::<T, M, L, C, 1>(&planes.offsets, starts, padded, weights, stride, lines, lines_len),
        };
    }
    C
}

/// P lines of C channels. Returns P.
#[inline(always)]
fn tile<T: Scalar, M: Machine, const L: usize, const C: usize, const P: usize>(
    offsets: &[usize],
    starts: &[usize],
    padded: &[T],
    weights: &[T],
    stride: usize,
    lines: &mut [T],
    lines_len: usize,
) -> usize {
    let starts: &[usize; P] = starts[..P].try_into().expect("P lines");
    let mut sums = [[[T::ZERO; L]; P]; C];
    for (weights, &offset) in weights.chunks(stride).zip(offsets) {
        let weights: &[T; C] = weights[..C].try_into().expect("C weights");
        let mut x = [[T::ZERO; L]; P];
        for (x, start) in x.iter_mut().zip(starts) {
            *x = padded[start + offset..][..L].try_into().expect("a line");
        }
        for (sums, &weight) in sums.iter_mut().zip(weights) {
            for (sum, x) in sums.iter_mut().zip(&x) {
                for (sum, &x) in sum.iter_mut().zip(x) {
                    *sum = M::mul_add(weight, x, *sum);
                }
            }
        }
    }
    for (channel, sums) in sums.iter().enumerate() {
        for (line, sum) in sums.iter().enumerate() {
            lines[channel * lines_len + line * L..][..L].copy_from_slice(sum);
        }
    }
    P
}

/// From lines to rows of pixels.
#[inline(always)]
fn finish<T: Scalar, M: Machine>(
    planes: &Planes,
    lines: &[T],
    lines_len: usize,
    to: &mut [T],
    epilogue: Epilogue<'_, T>,
) {
    let ImageShape { height, width, .. } = planes.to;
    for (channel, (lines, to)) in
        lines.chunks_exact(lines_len).zip(to.chunks_exact_mut(height * width)).enumerate()
    {
        for (row, to) in to.chunks_exact_mut(width).enumerate() {
            let from = &lines[row * planes.row_step..][..width];
            match epilogue {
                Epilogue::Store => copy(to, from),
                Epilogue::Accumulate => {
                    for (to, &from) in to.iter_mut().zip(from) {
                        *to += from;
                    }
                }
                Epilogue::Bias(bias, activation) => {
                    let bias = bias[channel];
                    let slope = match activation {
                        Fused::Identity => T::ONE,
                        Fused::Relu => T::ZERO,
                        Fused::LeakyRelu(slope) => T::from_f64(slope),
                    };
                    for (to, &from) in to.iter_mut().zip(from) {
                        let sum = from + bias;
                        *to = if sum > T::ZERO { sum } else { slope * sum };
                    }
                }
            }
        }
    }
}

/// The numbers that the samples of a block may take: they are read several times, and should stay near.
const BLOCK_BYTES: usize = 24 * 1024;

#[inline(always)]
pub(super) fn conv2d_weight_adjoint<T: Scalar, M: Machine>(
    shape: &Conv2dShape,
    x: View<'_, T>,
    g: View<'_, T>,
    to: ViewMut<'_, T>,
    accumulate: bool,
    scratch: &mut Aligned<T>,
) {
    if T::LANES == 16 {
        correlate_lines::<T, M, 16>(&shape.forward::<16>(), x, g, to, accumulate, scratch);
    } else {
        correlate_lines::<T, M, 8>(&shape.forward::<8>(), x, g, to, accumulate, scratch);
    }
}

/// The gradient of the weights: products of the planes of x with the lines of g.
#[inline(always)]
fn correlate_lines<T: Scalar, M: Machine, const L: usize>(
    planes: &Planes,
    x: View<'_, T>,
    g: View<'_, T>,
    mut to: ViewMut<'_, T>,
    accumulate: bool,
    scratch: &mut Aligned<T>,
) {
    let outputs = planes.to.channels;
    let (padded_len, lines_len) = (planes.padded_len(), planes.lines_len(L));
    let sample_len = padded_len + outputs * lines_len;
    // Independent of the level of instructions: the sums are the same.
    let samples = (BLOCK_BYTES / (sample_len * size_of::<T>())).clamp(1, x.rows().max(1));
    let sums_len = planes.offsets.len() * outputs * L;
    scratch.reserve_len(samples * sample_len + sums_len);
    let (padded, rest) = scratch.split_at_mut(samples * padded_len);
    let (lines, rest) = rest.split_at_mut(samples * outputs * lines_len);
    let sums = &mut rest[..sums_len];
    padded.fill(T::ZERO);
    lines.fill(T::ZERO);
    sums.fill(T::ZERO);
    let mut first = 0;
    while first < x.rows() {
        let samples = samples.min(x.rows() - first);
        for sample in 0..samples {
            planes.fill(x.row(first + sample), &mut padded[sample * padded_len..][..padded_len]);
            let lines = &mut lines[sample * outputs * lines_len..][..outputs * lines_len];
            planes.fill_lines(g.row(first + sample), lines, L);
        }
        let padded = &padded[..samples * padded_len];
        let lines = &lines[..samples * outputs * lines_len];
        let mut output = 0;
        while output < outputs {
            output += match outputs - output {
                8.. if M::VECTOR_BYTES == 64 => column::<T, M, L, 8, 3>(planes, padded, lines, output, sums),
                4.. if M::VECTOR_BYTES == 64 => column::<T, M, L, 4, 5>(planes, padded, lines, output, sums),
                2.. if M::VECTOR_BYTES == 64 => column::<T, M, L, 2, 8>(planes, padded, lines, output, sums),
                _ if M::VECTOR_BYTES == 64 => column::<T, M, L, 1, 8>(planes, padded, lines, output, sums),
                4.. if M::VECTOR_BYTES == 32 => column::<T, M, L, 4, 1>(planes, padded, lines, output, sums),
                2.. if M::VECTOR_BYTES == 32 => column::<T, M, L, 2, 2>(planes, padded, lines, output, sums),
                _ if M::VECTOR_BYTES == 32 => column::<T, M, L, 1, 4>(planes, padded, lines, output, sums),
                2.. => column::<T, M, L, 2, 1>(planes, padded, lines, output, sums),
                _ => column::<T, M, L, 1, 2>(planes, padded, lines, output, sums),
            };
        }
        first += samples;
    }
    for (row, sums) in sums.chunks_exact(outputs * L).enumerate() {
        for (to, lanes) in to.row(row).iter_mut().zip(sums.as_chunks::<L>().0) {
            let sum = sum_of_lanes(*lanes);
            *to = if accumulate { *to + sum } else { sum };
        }
        to.padded_row(row)[outputs..].fill(T::ZERO);
    }
}

/// The sums for C output channels, R weights at a time. Returns C.
#[inline(always)]
fn column<T: Scalar, M: Machine, const L: usize, const C: usize, const R: usize>(
    planes: &Planes,
    padded: &[T],
    lines: &[T],
    output: usize,
    sums: &mut [T],
) -> usize {
    let count = planes.offsets.len();
    let mut row = 0;
    while row < count {
        row += match count - row {
            left if left >= R => block::<T, M, L, C, R>(planes, padded, lines, [row, output], sums),
            2.. if R > 2 => block::<T, M, L, C, 2>(planes, padded, lines, [row, output], sums),
            _ => block::<T, M, L, C, 1>(planes, padded, lines, [row, output], sums),
        };
    }
    C
}

/// The sums for C output channels and R weights. Returns R.
#[inline(always)]
fn block<T: Scalar, M: Machine, const L: usize, const C: usize, const R: usize>(
    planes: &Planes,
    padded: &[T],
    lines: &[T],
    [row, output]: [usize; 2],
    sums: &mut [T],
) -> usize {
    let outputs = planes.to.channels;
    let lines_len = planes.lines_len(L);
    let offsets: &[usize; R] = planes.offsets[row..row + R].try_into().expect("R weights");
    let mut block = [[[T::ZERO; L]; C]; R];
    for (r, block) in block.iter_mut().enumerate() {
        for (c, block) in block.iter_mut().enumerate() {
            *block = sums[((row + r) * outputs + output + c) * L..][..L].try_into().expect("lanes");
        }
    }
    for (padded, lines) in
        padded.chunks_exact(planes.padded_len()).zip(lines.chunks_exact(outputs * lines_len))
    {
        for (line, start) in planes.starts.iter().enumerate() {
            let mut g = [[T::ZERO; L]; C];
            for (c, g) in g.iter_mut().enumerate() {
                *g = lines[(output + c) * lines_len + line * L..][..L].try_into().expect("a line");
            }
            for (block, offset) in block.iter_mut().zip(offsets) {
                let x: &[T; L] = padded[start + offset..][..L].try_into().expect("a line");
                for (block, g) in block.iter_mut().zip(&g) {
                    for ((sum, &x), &g) in block.iter_mut().zip(x).zip(g) {
                        *sum = M::mul_add(x, g, *sum);
                    }
                }
            }
        }
    }
    for (r, block) in block.iter().enumerate() {
        for (c, block) in block.iter().enumerate() {
            sums[((row + r) * outputs + output + c) * L..][..L].copy_from_slice(block);
        }
    }
    R
}

/// The sum of lanes, by halves.
#[inline(always)]
fn sum_of_lanes<T: Scalar, const L: usize>(mut lanes: [T; L]) -> T {
    let mut half = L / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub(super) fn conv2d_bias_adjoint<T: Scalar, M: Machine>(
    shape: &Conv2dShape,
    g: View<'_, T>,
    to: ViewMut<'_, T>,
    accumulate: bool,
) {
    if T::LANES == 16 {
        channel_sums::<T, 16>(shape.output, g, to, accumulate);
    } else {
        channel_sums::<T, 8>(shape.output, g, to, accumulate);
    }
}

/// The sum over samples and pixels, for each channel.
#[inline(always)]
fn channel_sums<T: Scalar, const L: usize>(
    shape: ImageShape,
    g: View<'_, T>,
    mut to: ViewMut<'_, T>,
    accumulate: bool,
) {
    let pixels = shape.pixels();
    for (channel, to) in to.row(0).iter_mut().enumerate() {
        let mut lanes = [T::ZERO; L];
        let mut sum = T::ZERO;
        for sample in 0..g.rows() {
            let (lines, rest) = g.row(sample)[channel * pixels..][..pixels].as_chunks::<L>();
            for line in lines {
                for (lane, &g) in lanes.iter_mut().zip(line) {
                    *lane += g;
                }
            }
            for &g in rest {
                sum += g;
            }
        }
        sum += sum_of_lanes(lanes);
        *to = if accumulate { *to + sum } else { sum };
    }
    let channels = shape.channels;
    to.padded_row(0)[channels..].fill(T::ZERO);
}
