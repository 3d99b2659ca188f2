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

use super::Kernel;
use super::aligned::Aligned;
use super::gemm::{Epilogue, Fused};
use super::lanes::{Lanes, Vectors};
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

/// The numbers of an image and its halo stay below 2^28: 1 GiB of f32.
const MOST_PADDED: f64 = 268_435_456.0;

/// The shapes of a convolution with stride 1.
///
/// `y[o, i, j] = b[o] + sum_{c, k, l} w[c, k, l, o] x[c, i + k - before, j + l - before]`, with before = (kernel - 1)/2 rounded
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
    /// No channels or pixels; an empty kernel; a kernel that does not fit into the image without padding; 2^28 or more numbers of
    /// an image with the pixels that the kernel sees beyond its edges.
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
        for image in [input, output] {
            let rows = image.height as f64 + height as f64;
            let numbers = image.channels as f64 * rows * (image.width as f64 + width as f64);
            if numbers >= MOST_PADDED {
                let what = "numbers of an image with what a kernel sees beyond its edges";
                return Err(hepml_core::Error::out_of_range(what, numbers, "fewer than 2^28").into());
            }
        }
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

    fn forward(&self, lanes: usize) -> Planes {
        Planes::new(lanes, self.input, self.output, self.kernel, self.before(), self.padding)
    }

    /// From the gradient of the output to that of the input.
    fn backward(&self, lanes: usize) -> Planes {
        let [before_rows, before_columns] = self.before();
        let before = [self.kernel[0] - 1 - before_rows, self.kernel[1] - 1 - before_columns];
        Planes::new(lanes, self.output, self.input, self.kernel, before, self.padding)
    }
}

/// Images in planes with a halo, and the lines that are computed from them.
pub(crate) struct Planes {
    /// The numbers of a line.
    lanes: usize,
    from: ImageShape,
    to: ImageShape,
    /// Where the first pixel is, in a plane with its halo.
    before: [usize; 2],
    /// The columns of a plane with its halo.
    columns: usize,
    /// Which row of pixels is in each row of a plane, and which column in each column of its halo: for circular planes.
    halo: Option<Halo>,
    /// The numbers of a plane: with some after the last, that the last line reads.
    len: usize,
    /// Where the neighbours of a pixel are, seen from the first of them: for each channel, row and column of the kernel.
    offsets: Vec<usize>,
    /// Where each line begins, in a plane with its halo.
    starts: Vec<usize>,
    /// From one row to the next in lines that follow one another.
    row_step: usize,
}

/// The pixels of the other side.
struct Halo {
    rows: Vec<usize>,
    left: Vec<usize>,
    right: Vec<usize>,
}

impl Planes {
    fn new(
        lanes: usize,
        from: ImageShape,
        to: ImageShape,
        kernel: [usize; 2],
        before: [usize; 2],
        padding: Padding,
    ) -> Self {
        let (rows, columns) = (to.height + kernel[0] - 1, to.width + kernel[1] - 1);
        let (starts, row_step): (Vec<_>, _) = if to.width.is_multiple_of(lanes) {
            let in_row = to.width / lanes;
            (
                (0..to.height * in_row).map(|line| line / in_row * columns + line % in_row * lanes).collect(),
                to.width,
            )
        } else {
            let len = (to.height - 1) * columns + to.width;
            ((0..len.div_ceil(lanes)).map(|line| line * lanes).collect(), columns)
        };
        let last = starts[starts.len() - 1] + (kernel[0] - 1) * columns + kernel[1] - 1;
        let len = (rows * columns).max(last + lanes).next_multiple_of(lanes);
        let mut offsets = Vec::with_capacity(from.channels * kernel[0] * kernel[1]);
        for channel in 0..from.channels {
            for row in 0..kernel[0] {
                offsets.extend((0..kernel[1]).map(|column| channel * len + row * columns + column));
            }
        }
        // (place - before) mod size
        let around = |place: usize, before: usize, size: usize| (place + before * size - before) % size;
        let halo = (padding == Padding::Circular).then(|| {
            let [above, left] = before;
            let column = |column| around(column, left, from.width);
            Halo {
                rows: (0..rows).map(|row| around(row, above, from.height)).collect(),
                left: (0..left).map(column).collect(),
                right: (left + from.width..columns).map(column).collect(),
            }
        });
        Self { lanes, from, to, before, columns, halo, len, offsets, starts, row_step }
    }

    /// The numbers of all planes.
    fn padded_len(&self) -> usize {
        self.from.channels * self.len
    }

    /// The numbers of one channel in lines.
    fn lines_len(&self) -> usize {
        self.starts.len() * self.lanes
    }

    /// The numbers of all planes, and of all lines that are computed from them.
    fn scratch_len(&self) -> usize {
        self.padded_len() + self.to.channels * self.lines_len()
    }

    /// Copies an image into the planes, of which only the halo of zeros and what follows the last row are there already.
    #[inline(always)]
    fn fill<T: Scalar>(&self, image: &[T], planes: &mut [T]) {
        // The usual widths, of which the compiler then knows how many vectors they are.
        match self.from.width {
            8 => self.fill_width(8, image, planes),
            16 => self.fill_width(16, image, planes),
            32 => self.fill_width(32, image, planes),
            width => self.fill_width(width, image, planes),
        }
    }

    #[inline(always)]
    fn fill_width<T: Scalar>(&self, width: usize, image: &[T], planes: &mut [T]) {
        let [above, left] = self.before;
        for (plane, image) in
            planes.chunks_exact_mut(self.len).zip(image.chunks_exact(self.from.height * width))
        {
            if let Some(halo) = &self.halo {
                for (to, from) in plane.chunks_exact_mut(self.columns).zip(&halo.rows) {
                    let from = &image[from * width..][..width];
                    let (before, to) = to.split_at_mut(left);
                    let (to, after) = to.split_at_mut(width);
                    copy(to, from);
                    for (to, at) in before.iter_mut().zip(&halo.left) {
                        *to = from[*at];
                    }
                    for (to, at) in after.iter_mut().zip(&halo.right) {
                        *to = from[*at];
                    }
                }
            } else {
                let rows = plane[above * self.columns..].chunks_mut(self.columns);
                for (to, from) in rows.zip(image.chunks_exact(width)) {
                    copy(&mut to[left..][..width], from);
                }
            }
        }
    }

    /// Whether lines have nothing between the rows: they are the image.
    fn is_direct(&self) -> bool {
        self.to.width.is_multiple_of(self.lanes)
    }

    /// Copies an image of the output's shape into lines, of which only what is between the rows is there already.
    #[inline(always)]
    fn fill_lines<T: Scalar>(&self, image: &[T], lines: &mut [T]) {
        let (pixels, width) = (self.to.pixels(), self.to.width);
        for (lines, image) in lines.chunks_exact_mut(self.lines_len()).zip(image.chunks_exact(pixels)) {
            put_rows(lines, self.row_step, image, width, width, false);
        }
    }
}

/// Copies or adds rows of a width, which begin so many numbers apart.
#[inline(always)]
fn put_rows<T: Scalar>(
    to: &mut [T],
    to_step: usize,
    from: &[T],
    from_step: usize,
    width: usize,
    accumulate: bool,
) {
    // A usual width, of which the compiler then knows how many vectors it is.
    if width == 8 {
        put_rows_of_width(to, to_step, from, from_step, 8, accumulate);
    } else {
        put_rows_of_width(to, to_step, from, from_step, width, accumulate);
    }
}

#[inline(always)]
fn put_rows_of_width<T: Scalar>(
    to: &mut [T],
    to_step: usize,
    from: &[T],
    from_step: usize,
    width: usize,
    accumulate: bool,
) {
    for (to, from) in to.chunks_mut(to_step).zip(from.chunks(from_step)) {
        let (to, from) = (&mut to[..width], &from[..width]);
        if accumulate {
            add(to, from);
        } else {
            copy(to, from);
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

/// Adds a few numbers.
#[inline(always)]
fn add<T: Scalar>(to: &mut [T], from: &[T]) {
    let (to_blocks, to_rest) = to.as_chunks_mut::<8>();
    let (from_blocks, from_rest) = from.as_chunks::<8>();
    for (to, from) in to_blocks.iter_mut().zip(from_blocks) {
        for (to, from) in to.iter_mut().zip(from) {
            *to += *from;
        }
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to += *from;
    }
}

impl Kernel {
    /// The convolution of each image in x [samples, input] with the weights, with an [`Epilogue`] whose bias is one a channel.
    pub(crate) fn conv2d<T: Scalar>(
        self,
        shape: &Conv2dShape,
        x: View<'_, T>,
        weight: View<'_, T>,
        y: ViewMut<'_, T>,
        epilogue: Epilogue<'_, T>,
        scratch: &mut Aligned<T>,
    ) {
        assert!(
            x.columns() == shape.input.columns() && weight.shape() == shape.weights(),
            "shapes of a convolution"
        );
        assert!(y.shape() == (x.rows(), shape.output.columns()), "shapes of a convolution");
        let planes = shape.forward(self.vector_bytes() / size_of::<T>());
        scratch.reserve_len(planes.scratch_len());
        self.correlate(&planes, x, weight.padded(), y, epilogue, scratch);
    }

    /// The gradient of x from that of its convolution; added to what is there if `accumulate`.
    pub(crate) fn conv2d_input_adjoint<T: Scalar>(
        self,
        shape: &Conv2dShape,
        weight: View<'_, T>,
        g: View<'_, T>,
        to: ViewMut<'_, T>,
        accumulate: bool,
        scratch: &mut Aligned<T>,
    ) {
        assert!(
            g.columns() == shape.output.columns() && weight.shape() == shape.weights(),
            "shapes of a convolution"
        );
        assert!(to.shape() == (g.rows(), shape.input.columns()), "shapes of a convolution");
        let planes = shape.backward(self.vector_bytes() / size_of::<T>());
        // [output channels, mirrored rows and columns, channels]
        let (channels, outputs) = (shape.input.channels, shape.output.channels);
        let size = shape.kernel[0] * shape.kernel[1];
        let stride = stride_of::<T>(channels);
        let len = outputs * size * stride;
        scratch.reserve_len(len + planes.scratch_len());
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
        self.correlate(&planes, g, mirrored, to, epilogue, scratch);
    }
}

/// The numbers of a vector.
#[inline(always)]
fn lanes<T: Scalar, M: Machine>() -> usize {
    M::VECTOR_BYTES / size_of::<T>()
}

/// The vector at a place.
///
/// # Safety
/// There is a whole vector from that place on.
#[inline(always)]
unsafe fn vector<T: Vectors, M: Machine>(from: &[T], at: usize) -> M::Vector<T> {
    debug_assert!(at + lanes::<T, M>() <= from.len());
    // SAFETY: as promised.
    M::Vector::<T>::load(unsafe { from.get_unchecked(at..at + lanes::<T, M>()) })
}

/// Lines of the output from planes of the input, sample by sample.
#[inline(always)]
pub(super) fn correlate<T: Vectors, M: Machine>(
    planes: &Planes,
    x: View<'_, T>,
    weights: &[T],
    mut y: ViewMut<'_, T>,
    epilogue: Epilogue<'_, T>,
    scratch: &mut [T],
) {
    let lines_len = planes.lines_len();
    let (padded, rest) = scratch.split_at_mut(planes.padded_len());
    let lines = &mut rest[..planes.to.channels * lines_len];
    padded.fill(T::ZERO);
    let columns = planes.to.columns();
    // The lines are the image, and there is nothing in it yet.
    let in_place = planes.is_direct() && !matches!(epilogue, Epilogue::Accumulate);
    for sample in 0..x.rows() {
        planes.fill(x.row(sample), padded);
        let to = y.padded_row(sample);
        // Not to be known: the compiler would make the loops for either case.
        let in_place = std::hint::black_box(in_place);
        let target = if in_place { &mut to[..columns] } else { &mut *lines };
        strips::<T, M>(planes, padded, weights, target);
        if in_place {
            for (channel, lines) in to[..columns].chunks_exact_mut(lines_len).enumerate() {
                activate(lines, channel, epilogue);
            }
        } else {
            finish::<T, M>(planes, lines, to, epilogue);
        }
        to[columns..].fill(T::ZERO);
    }
}

/// All lines of a sample.
#[inline(always)]
fn strips<T: Vectors, M: Machine>(planes: &Planes, padded: &[T], weights: &[T], lines: &mut [T]) {
    let (channels, lines_len) = (planes.to.channels, planes.lines_len());
    let mut channel = 0;
    while channel < channels {
        let lines = &mut lines[channel * lines_len..];
        let weights = &weights[channel..];
        channel += match (channels - channel, M::VECTOR_BYTES) {
            (8.., 64) => strip::<T, M, 8, 3>(planes, padded, weights, lines),
            (4.., 64) => strip::<T, M, 4, 5>(planes, padded, weights, lines),
            (2.., 64) => strip::<T, M, 2, 8>(planes, padded, weights, lines),
            (_, 64) => strip::<T, M, 1, 8>(planes, padded, weights, lines),
            (4.., _) => strip::<T, M, 4, 3>(planes, padded, weights, lines),
            (2.., _) => strip::<T, M, 2, 5>(planes, padded, weights, lines),
            _ => strip::<T, M, 1, 6>(planes, padded, weights, lines),
        };
    }
}

/// The lines of C channels, P at a time. Returns C.
#[inline(always)]
fn strip<T: Vectors, M: Machine, const C: usize, const P: usize>(
    planes: &Planes,
    padded: &[T],
    weights: &[T],
    lines: &mut [T],
) -> usize {
    assert_eq!(padded.len(), planes.padded_len(), "planes of an image");
    let stride = stride_of::<T>(planes.to.channels);
    let (lines_len, count) = (planes.lines_len(), planes.starts.len());
    let mut line = 0;
    while line < count {
        let (starts, lines) = (&planes.starts[line..], &mut lines[line * planes.lanes..]);
        line += match count - line {
            left if left >= P => {
                tile::<T, M, C, P>(&planes.offsets, starts, padded, weights, stride, lines, lines_len)
            }
            2.. if P > 2 => {
                tile::<T, M, C, 2>(&planes.offsets, starts, padded, weights, stride, lines, lines_len)
            }
            _ => tile::<T, M, C, 1>(&planes.offsets, starts, padded, weights, stride, lines, lines_len),
        };
    }
    C
}

/// P lines of C channels. Returns P.
#[inline(always)]
fn tile<T: Vectors, M: Machine, const C: usize, const P: usize>(
    offsets: &[usize],
    starts: &[usize],
    padded: &[T],
    weights: &[T],
    stride: usize,
    lines: &mut [T],
    lines_len: usize,
) -> usize {
    let starts: &[usize; P] = starts[..P].try_into().expect("P lines");
    let count = lanes::<T, M>();
    let zero = M::Vector::<T>::splat(T::ZERO);
    let mut sums = [[zero; P]; C];
    for (weights, &offset) in weights.chunks(stride).zip(offsets) {
        let weights: &[T; C] = weights[..C].try_into().expect("C weights");
        let mut x = [zero; P];
        for (x, start) in x.iter_mut().zip(starts) {
            // SAFETY: `starts` and `offsets` are those of planes of this length, which every line is within.
            *x = unsafe { vector::<T, M>(padded, start + offset) };
        }
        for (sums, &weight) in sums.iter_mut().zip(weights) {
            let weight = M::Vector::<T>::splat(weight);
            for (sum, &x) in sums.iter_mut().zip(&x) {
                *sum = weight.mul_add(x, *sum);
            }
        }
    }
    for (channel, sums) in sums.into_iter().enumerate() {
        for (line, sum) in sums.into_iter().enumerate() {
            sum.store(&mut lines[channel * lines_len + line * count..][..count]);
        }
    }
    P
}

/// From lines to rows of pixels.
#[inline(always)]
fn finish<T: Scalar, M: Machine>(planes: &Planes, lines: &mut [T], to: &mut [T], epilogue: Epilogue<'_, T>) {
    let channels = lines.chunks_exact_mut(planes.lines_len()).zip(to.chunks_exact_mut(planes.to.pixels()));
    let accumulate = matches!(epilogue, Epilogue::Accumulate);
    for (channel, (lines, to)) in channels.enumerate() {
        activate(lines, channel, epilogue);
        if planes.is_direct() {
            put_rows(to, to.len(), lines, lines.len(), lines.len(), accumulate);
        } else {
            put_rows(to, planes.to.width, lines, planes.row_step, planes.to.width, accumulate);
        }
    }
}

/// Adds the bias of a channel, and takes the activation.
#[inline(always)]
fn activate<T: Scalar>(lines: &mut [T], channel: usize, epilogue: Epilogue<'_, T>) {
    let Epilogue::Bias(bias, activation) = epilogue else { return };
    let bias = bias[channel];
    match activation {
        Fused::Identity => lines.iter_mut().for_each(|x| *x += bias),
        Fused::Relu => {
            for x in lines {
                let sum = *x + bias;
                *x = if sum > T::ZERO { sum } else { T::ZERO };
            }
        }
        Fused::LeakyRelu(slope) => {
            let slope = T::from_f64(slope);
            for x in lines {
                let sum = *x + bias;
                *x = if sum > T::ZERO { sum } else { slope * sum };
            }
        }
    }
}

/// The bytes of lines and planes that may be read for some weights: in the first cache.
const BLOCK_BYTES: usize = 32 * 1024;
/// The output channels whose lines are read for some weights.
const BLOCK_CHANNELS: usize = 8;

#[inline(always)]
pub(super) fn conv2d_weight_adjoint<T: Vectors, M: Machine>(
    shape: &Conv2dShape,
    x: View<'_, T>,
    g: View<'_, T>,
    to: ViewMut<'_, T>,
    accumulate: bool,
    scratch: &mut Aligned<T>,
) {
    let planes = shape.forward(T::LANES);
    correlate_lines::<T, M>(&planes, x, g, to, accumulate, scratch);
}

/// The gradient of the weights: products of the planes of x with the lines of g.
#[inline(always)]
fn correlate_lines<T: Vectors, M: Machine>(
    planes: &Planes,
    x: View<'_, T>,
    g: View<'_, T>,
    mut to: ViewMut<'_, T>,
    accumulate: bool,
    scratch: &mut Aligned<T>,
) {
    let outputs = planes.to.channels;
    let (padded_len, lines_len) = (planes.padded_len(), planes.lines_len());
    let sample_len = padded_len + outputs * lines_len;
    // Independent of the level of instructions: the sums are the same.
    let near = (outputs.min(BLOCK_CHANNELS) * lines_len + 2 * planes.len) * size_of::<T>();
    let samples = (BLOCK_BYTES / near).clamp(1, x.rows().max(1));
    let sums_len = planes.offsets.len() * outputs * T::LANES;
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
            if !planes.is_direct() {
                let lines = &mut lines[sample * outputs * lines_len..][..outputs * lines_len];
                planes.fill_lines(g.row(first + sample), lines);
            }
        }
        let padded = &padded[..samples * padded_len];
        let lines = if planes.is_direct() {
            // Whole lines: there is nothing after the last column.
            &g.padded()[first * outputs * lines_len..][..samples * outputs * lines_len]
        } else {
            &lines[..samples * outputs * lines_len]
        };
        let mut output = 0;
        while output < outputs {
            output += match (outputs - output, M::VECTOR_BYTES) {
                (8.., 64) => column::<T, M, 8, 3>(planes, padded, lines, output, sums),
                (4.., 64) => column::<T, M, 4, 5>(planes, padded, lines, output, sums),
                (2.., 64) => column::<T, M, 2, 8>(planes, padded, lines, output, sums),
                (_, 64) => column::<T, M, 1, 8>(planes, padded, lines, output, sums),
                (4.., _) => column::<T, M, 4, 3>(planes, padded, lines, output, sums),
                (2.., _) => column::<T, M, 2, 5>(planes, padded, lines, output, sums),
                _ => column::<T, M, 1, 6>(planes, padded, lines, output, sums),
            };
        }
        first += samples;
    }
    for (row, sums) in sums.chunks_exact_mut(outputs * T::LANES).enumerate() {
        for (to, lanes) in to.row(row).iter_mut().zip(sums.chunks_exact_mut(T::LANES)) {
            let sum = sum_of_lanes(lanes);
            *to = if accumulate { *to + sum } else { sum };
        }
        to.padded_row(row)[outputs..].fill(T::ZERO);
    }
}

/// The sums for C output channels, R weights at a time. Returns C.
#[inline(always)]
fn column<T: Vectors, M: Machine, const C: usize, const R: usize>(
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
            left if left >= R => block::<T, M, C, R>(planes, padded, lines, [row, output], sums),
            2.. if R > 2 => block::<T, M, C, 2>(planes, padded, lines, [row, output], sums),
            _ => block::<T, M, C, 1>(planes, padded, lines, [row, output], sums),
        };
    }
    C
}

/// The sums for C output channels and R weights. Returns R.
#[inline(always)]
fn block<T: Vectors, M: Machine, const C: usize, const R: usize>(
    planes: &Planes,
    padded: &[T],
    lines: &[T],
    [row, output]: [usize; 2],
    sums: &mut [T],
) -> usize {
    let outputs = planes.to.channels;
    let lines_len = planes.lines_len();
    let offsets: &[usize; R] = planes.offsets[row..row + R].try_into().expect("R weights");
    let count = lanes::<T, M>();
    let zero = M::Vector::<T>::splat(T::ZERO);
    // The vectors of a line by turns: all that there is of the samples is near.
    for part in (0..T::LANES).step_by(count) {
        let mut block = [[zero; R]; C];
        for (padded, lines) in
            padded.chunks_exact(planes.padded_len()).zip(lines.chunks_exact(outputs * lines_len))
        {
            for (line, start) in planes.starts.iter().enumerate() {
                let mut x = [zero; R];
                for (x, offset) in x.iter_mut().zip(offsets) {
                    // SAFETY: as in `tile`.
                    *x = unsafe { vector::<T, M>(padded, start + offset + part) };
                }
                for (c, block) in block.iter_mut().enumerate() {
                    let place = (output + c) * lines_len + line * T::LANES + part;
                    // SAFETY: each sample has lines of this length, and the line is one of them.
                    let g = unsafe { vector::<T, M>(lines, place) };
                    for (sum, &x) in block.iter_mut().zip(&x) {
                        *sum = x.mul_add(g, *sum);
                    }
                }
            }
        }
        for (c, block) in block.into_iter().enumerate() {
            for (r, term) in block.into_iter().enumerate() {
                let place = ((row + r) * outputs + output + c) * T::LANES + part;
                let sum = &mut sums[place..][..count];
                M::Vector::<T>::load(sum).add(term).store(sum);
            }
        }
    }
    R
}

/// The sum of lanes, by halves.
#[inline(always)]
fn sum_of_lanes<T: Scalar>(lanes: &mut [T]) -> T {
    let mut half = lanes.len() / 2;
    while half > 0 {
        let (to, from) = lanes.split_at_mut(half);
        for (to, from) in to.iter_mut().zip(from) {
            *to += *from;
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
        sum += sum_of_lanes(&mut lanes);
        *to = if accumulate { *to + sum } else { sum };
    }
    let channels = shape.channels;
    to.padded_row(0)[channels..].fill(T::ZERO);
}
