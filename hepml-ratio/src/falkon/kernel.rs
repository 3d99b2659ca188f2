//! Products with the kernel matrix of events and centres, block by block.

use std::ops::Range;
use std::sync::Arc;

use hepml_core::nalgebra::DMatrix;
use hepml_core::{Error as CoreError, Item};
use hepml_nn::{Function, Matrix, ParameterId, Parameters, Tape};

use crate::error::Result;

/// The farthest that a centre or training event may be from the mean, in widths: there, exponents are rounded to 10^-6.
const FARTHEST: f64 = 1e5;
/// Coordinates of other events beyond it are as good as it: the kernel is 0 either way, and squares stay finite.
const BEYOND: f64 = 1e8;
/// The numbers of a block: it stays in the second cache.
const BLOCK_NUMBERS: usize = 32_768;
/// The pieces whose sums are added in order, whatever the number of threads.
const PIECES: usize = 64;

/// Events in units of the kernel's width, each followed by -|x|²/2.
pub(super) struct KernelEvents {
    numbers: Vec<f64>,
    columns: usize,
}

impl KernelEvents {
    /// `points` are `dimension` standardised features an event.
    pub(super) fn new(points: &[f64], dimension: usize, width: f64) -> Self {
        let mut numbers = Vec::with_capacity(points.len() / dimension * (dimension + 1));
        for point in points.chunks_exact(dimension) {
            let start = numbers.len();
            numbers.extend(point.iter().map(|x| (x / width).clamp(-BEYOND, BEYOND)));
            let square: f64 = numbers[start..].iter().map(|x| x * x).sum();
            numbers.push(-0.5 * square);
        }
        Self { numbers, columns: dimension + 1 }
    }

    /// The first event that is too far from the mean for the kernel to be precise, and its distance in widths.
    pub(super) fn too_far(&self) -> Option<(usize, f64)> {
        let distances =
            self.numbers.chunks_exact(self.columns).map(|row| (-2.0 * row[self.columns - 1]).sqrt());
        distances.enumerate().find(|(_, distance)| *distance > FARTHEST)
    }

    pub(super) fn count(&self) -> usize {
        self.numbers.len() / self.columns
    }
}

/// The error for an event of `what` that is [`too_far`](KernelEvents::too_far).
pub(super) fn too_far(what: &str, event: usize, distance: f64) -> CoreError {
    CoreError::OutOfRange {
        what: format!("distance from the mean in kernel widths, {what},").into(),
        item: Item::event(event),
        value: distance,
        allowed: "at most 1e5",
    }
}

/// What a pass over all events found.
pub(super) struct Products {
    /// K v of each event.
    pub(super) values: Vec<f64>,
    /// K^T u of each centre.
    pub(super) sums: Vec<f64>,
}

/// k(x, c) = exp(-|x - c|²/2) of events with the centres, in units of the width.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    parameters: Arc<Parameters<f64>>,
    weight: ParameterId,
    bias: ParameterId,
    count: usize,
}

impl Kernel {
    /// `centres` are `dimension` standardised features a centre.
    ///
    /// x c - |x|²/2 - |c|²/2 is one product of the events [x, -|x|²/2] with [c, 1], and a bias: a dense layer.
    pub(super) fn new(centres: &[f64], dimension: usize, width: f64) -> Result<Self> {
        let scaled = KernelEvents::new(centres, dimension, width);
        if let Some((centre, distance)) = scaled.too_far() {
            return Err(too_far("centres", centre, distance).into());
        }
        let count = scaled.count();
        let mut weight = Matrix::zeros(dimension + 1, count);
        let mut bias = Matrix::zeros(1, count);
        for (centre, row) in scaled.numbers.chunks_exact(dimension + 1).enumerate() {
            for (feature, &x) in row[..dimension].iter().enumerate() {
                weight.row_mut(feature)[centre] = x;
            }
            weight.row_mut(dimension)[centre] = 1.0;
            bias.row_mut(0)[centre] = row[dimension];
        }
        let mut parameters = Parameters::new();
        let weight = parameters.add("weight", &weight)?;
        let bias = parameters.add("bias", &bias)?;
        Ok(Self { parameters: Arc::new(parameters), weight, bias, count })
    }

    /// K v.
    pub(super) fn apply(&self, events: &KernelEvents, v: &[f64]) -> Result<Vec<f64>> {
        Ok(self.pass(events, Some(v), None)?.values)
    }

    /// K^T u.
    pub(super) fn apply_transposed(&self, events: &KernelEvents, u: &[f64]) -> Result<Vec<f64>> {
        Ok(self.pass(events, None, Some(&|event, _| u[event]))?.sums)
    }

    /// K v and K^T diag(d) K v.
    pub(super) fn apply_twice(&self, events: &KernelEvents, v: &[f64], d: &[f64]) -> Result<Products> {
        self.pass(events, Some(v), Some(&|event, value| d[event] * value))
    }

    fn pass(
        &self,
        events: &KernelEvents,
        v: Option<&[f64]>,
        u: Option<&(dyn Fn(usize, f64) -> f64 + Sync)>,
    ) -> Result<Products> {
        let count = events.count();
        let pieces = PIECES.min(count);
        let results = map_pieces(pieces, |piece| {
            self.piece(events, piece * count / pieces..(piece + 1) * count / pieces, v, u)
        });
        let mut products = Products { values: Vec::with_capacity(count), sums: vec![0.0; self.count] };
        for result in results {
            let piece = result?;
            products.values.extend(piece.values);
            for (sum, part) in products.sums.iter_mut().zip(piece.sums) {
                *sum += part;
            }
        }
        Ok(products)
    }

    fn piece(
        &self,
        events: &KernelEvents,
        range: Range<usize>,
        v: Option<&[f64]>,
        u: Option<&(dyn Fn(usize, f64) -> f64 + Sync)>,
    ) -> Result<Products> {
        let columns = events.columns;
        let mut products = Products { values: Vec::with_capacity(range.len()), sums: Vec::new() };
        if u.is_some() {
            products.sums.resize(self.count, 0.0);
        }
        let rows = (BLOCK_NUMBERS / self.count).clamp(8, 256);
        let mut tape = Tape::new();
        let (mut start, end) = (range.start, range.end);
        while start < end {
            let stop = (start + rows).min(end);
            let block =
                Matrix::from_rows(stop - start, columns, &events.numbers[start * columns..stop * columns])?;
            tape.begin(&self.parameters);
            let x = tape.constant(block.view());
            let (weight, bias) = (tape.parameter(self.weight)?, tape.parameter(self.bias)?);
            let kernel = tape.dense(x, weight, Some(bias), Some(Function::Exp))?;
            let kernel = tape.value(kernel)?;
            let mut row = 0;
            while row < stop - start {
                let many = (stop - start - row).min(ROWS);
                let mut factors = [0.0; ROWS];
                for (i, factor) in factors[..many].iter_mut().enumerate() {
                    let value = v.map_or(0.0, |v| dot(kernel.row(row + i), v));
                    products.values.push(value);
                    *factor = u.map_or(0.0, |u| u(start + row + i, value));
                }
                if u.is_some() {
                    // Rows that there are not count 0 times the first.
                    let of = |i: usize| kernel.row(if i < many { row + i } else { row });
                    add_rows(&mut products.sums, [of(0), of(1), of(2), of(3)], factors);
                }
                row += many;
            }
            start = stop;
        }
        Ok(products)
    }
}

/// The rows that are added at once.
const ROWS: usize = 4;

/// The sum of a_j b_j, in eight sums side by side that the compiler turns into vectors.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

fn add_rows(sums: &mut [f64], [a, b, c, d]: [&[f64]; ROWS], [f, g, h, k]: [f64; ROWS]) {
    for ((((sum, a), b), c), d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *sum += (f * a + g * b) + (h * c + k * d);
    }
}

#[cfg(feature = "rayon")]
fn map_pieces<R: Send>(pieces: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    use rayon::iter::{IntoParallelIterator, ParallelIterator};
    (0..pieces).into_par_iter().map(f).collect()
}

#[cfg(not(feature = "rayon"))]
fn map_pieces<R>(pieces: usize, f: impl Fn(usize) -> R) -> Vec<R> {
    (0..pieces).map(f).collect()
}

/// The lower half of the kernel matrix of the centres with one another, and its upper half, from differences.
pub(super) fn gram(centres: &[f64], dimension: usize, width: f64) -> DMatrix<f64> {
    let count = centres.len() / dimension;
    let scale = -0.5 / (width * width);
    let point = |i: usize| &centres[i * dimension..(i + 1) * dimension];
    DMatrix::from_fn(count, count, |i, j| {
        let square: f64 = point(i).iter().zip(point(j)).map(|(x, y)| (x - y) * (x - y)).sum();
        if i >= j { (scale * square).exp() } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::rand::{RngExt, SeedableRng};
    use hepml_core::rand_chacha::ChaCha8Rng;

    fn points(count: usize, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| 4.0 * rng.random::<f64>() - 2.0).collect()
    }

    /// Exponents are up to (4/0.3)² = 180 before they cancel, rounded to 180 epsilon; 60 centres of coefficients up to 1.
    const TOLERANCE: f64 = 1e-11;

    #[test]
    fn products_are_those_of_the_formula() {
        let (dimension, width) = (2, 0.3);
        let (events, centres) = (points(2 * 157, 1), points(2 * 61, 2));
        let (v, d) = (points(61, 3), points(157, 4));
        let k = |i: usize, m: usize| {
            let square: f64 = (0..2).map(|j| (events[2 * i + j] - centres[2 * m + j]).powi(2)).sum();
            (-0.5 * square / (width * width)).exp()
        };
        let kernel = Kernel::new(&centres, dimension, width).unwrap();
        let scaled = KernelEvents::new(&events, dimension, width);
        let got = kernel.apply_twice(&scaled, &v, &d).unwrap();
        let transposed = kernel.apply_transposed(&scaled, &d).unwrap();
        let values: Vec<f64> = (0..157).map(|i| (0..61).map(|m| k(i, m) * v[m]).sum()).collect();
        assert!(got.values.iter().zip(&values).all(|(a, b)| (a - b).abs() < TOLERANCE));
        let sum = |m: usize, of: &dyn Fn(usize) -> f64| (0..157).map(|i| k(i, m) * of(i)).sum::<f64>();
        for (m, (twice, once)) in got.sums.iter().zip(&transposed).enumerate() {
            assert!((twice - sum(m, &|i| d[i] * values[i])).abs() < 157.0 * TOLERANCE);
            assert!((once - sum(m, &|i| d[i])).abs() < 157.0 * TOLERANCE);
        }
        assert_eq!(kernel.apply(&scaled, &v).unwrap(), got.values);
    }

    #[test]
    fn far_events_have_no_kernel_and_no_nan() {
        let kernel = Kernel::new(&[-1e4, 1e4], 1, 1.0).unwrap();
        let events = KernelEvents::new(&[f64::MAX, f64::INFINITY, -1e200, 3e5, 1e4], 1, 1.0);
        assert_eq!(kernel.apply(&events, &[1.0, 1.0]).unwrap()[..4], [0.0; 4]);
        assert!((kernel.apply(&events, &[1.0, 1.0]).unwrap()[4] - 1.0).abs() < 1e-7);
        assert!(Kernel::new(&[1.1e5], 1, 1.0).unwrap_err().to_string().contains("event 0"));
    }
}
