//! The inner loops of networks.
//!
//! This is the only module of the crate with unsafe code: calls of functions that are compiled for vector instructions,
//! which a [`Kernel`] promises to be there; numbers seen as aligned lines; and, for matrix products and convolutions, vectors in
//! registers and reads without checks, within ranges that are checked before. All other loops are plain safe Rust, generic over the
//! number and the [`Machine`](machine::Machine), written so that the compiler turns them into vector instructions.
//!
//! Every level does the same operations in the same order for each number of a result: sums run over rows, or over 16 fixed
//! lanes that are added at the end, never over as many lanes as a vector happens to have. So levels with fused
//! multiplication and addition agree bit for bit; the portable one rounds products before it adds them.
//!
//! Operands are whole rows ([`View`](crate::View)): what follows the last column is 0 before and after.

#![allow(unsafe_code)]
#![expect(
    clippy::inline_always,
    reason = "a body is compiled for the instructions of the function it is inlined into"
)]

mod aligned;
mod conv;
mod elementary;
mod elementwise;
mod function;
mod gemm;
mod lanes;
mod level;
mod machine;
mod pool;
mod rearrange;
mod reduce;
#[cfg(test)]
mod reference;
mod segment;
#[cfg(test)]
mod tests;
mod update;

pub(crate) use aligned::Aligned;
use conv::Planes;
pub use conv::{Conv2dShape, Padding};
pub(crate) use elementwise::Binary;
pub use function::Function;
pub(crate) use gemm::{Epilogue, Fused};
pub(crate) use level::Kernel;
pub use pool::Pool2dShape;
pub(crate) use update::{AdamStep, SgdStep};

use hepml_core::SimdLevel;

use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

/// Defines a method of [`Kernel`] that checks its arguments and calls the body compiled for the level and the number.
///
/// The bodies are compiled here, for f32 and f64, not where a generic network is used: they are fast in a user's debug
/// build too.
macro_rules! versions {
    ($($(#[$doc:meta])* fn $name:ident = $module:ident :: $body:ident ( $($argument:ident : $type:ty),* $(,)? ) $(-> $result:ty)? $check:block)*) => {
        impl Kernel {
            $(
                $(#[$doc])*
                #[allow(clippy::too_many_arguments, reason = "operands, results and what to do")]
                pub(crate) fn $name<T: Scalar>(self, $($argument: $type),*) $(-> $result)? {
                    $check
                    T::$name(self, $($argument),*)
                }
            )*
        }

        /// What is compiled for a number.
        #[allow(clippy::too_many_arguments, reason = "as the methods of a kernel")]
        pub(crate) trait Compiled<T: Scalar> {
            $(fn $name(kernel: Kernel, $($argument: $type),*) $(-> $result)?;)*
        }

        versions!(@compile f32 as single $(fn $name = $module :: $body ( $($argument : $type),* ) $(-> $result)?;)*);
        versions!(@compile f64 as double $(fn $name = $module :: $body ( $($argument : $type),* ) $(-> $result)?;)*);
    };
    // Each level is a module, since the compiler makes machine code of modules side by side.
    (@compile $number:ident as $precision:ident $(fn $name:ident = $module:ident :: $body:ident ( $($argument:ident : $type:ty),* ) $(-> $result:ty)?;)*) => {
        mod $precision {
            #[allow(clippy::wildcard_imports, reason = "the types of all arguments")]
            use super::*;

            type T = $number;

            versions!(@level portable Portable #[inline(never)] $(fn $name = $module :: $body ( $($argument : $type),* ) $(-> $result)?;)*);
            #[cfg(target_arch = "x86_64")]
            versions!(@level avx2 Avx2 #[target_feature(enable = "avx2,fma")]
                $(fn $name = $module :: $body ( $($argument : $type),* ) $(-> $result)?;)*);
            #[cfg(target_arch = "x86_64")]
            versions!(@level avx512 Avx512 #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                $(fn $name = $module :: $body ( $($argument : $type),* ) $(-> $result)?;)*);

            #[allow(clippy::too_many_arguments, reason = "as the methods of a kernel")]
            impl Compiled<T> for T {
                $(
                    fn $name(kernel: Kernel, $($argument: $type),*) $(-> $result)? {
                        match kernel.level() {
                            #[cfg(target_arch = "x86_64")]
                            // SAFETY: a `Kernel` is only made of a level that this processor has.
                            SimdLevel::Avx512 => unsafe { avx512::$name($($argument),*) },
                            #[cfg(target_arch = "x86_64")]
                            // SAFETY: as for AVX-512.
                            SimdLevel::Avx2 => unsafe { avx2::$name($($argument),*) },
                            _ => portable::$name($($argument),*),
                        }
                    }
                )*
            }
        }
    };
    (@level $level:ident $machine:ident #[$compiled:meta] $(fn $name:ident = $module:ident :: $body:ident ( $($argument:ident : $type:ty),* ) $(-> $result:ty)?;)*) => {
        mod $level {
            #[allow(clippy::wildcard_imports, reason = "the types of all arguments")]
            use super::*;

            $(
                #[allow(clippy::too_many_arguments, reason = "as the methods of a kernel")]
                #[$compiled]
                pub(super) fn $name($($argument: $type),*) $(-> $result)? {
                    $module::$body::<T, machine::$machine>($($argument),*)
                }
            )*
        }
    };
}

versions! {
    /// C = A B with an [`Epilogue`]; with `transposed`, A is given as its transpose [k, m]. Where there is a mask that is not
    /// positive, C becomes 0 at the end.
    ///
    /// Each number of C is summed over k in order, from the first to the last.
    fn gemm = gemm::gemm(
        c: ViewMut<'_, T>, a: View<'_, T>, transposed: bool, b: View<'_, T>, epilogue: Epilogue<'_, T>,
        mask: Option<View<'_, T>>,
    ) {
        let (m, k) = if transposed { (a.columns(), a.rows()) } else { a.shape() };
        assert!(b.rows() == k && c.shape() == (m, b.columns()), "shapes of a product");
        assert!(mask.is_none_or(|mask| mask.shape() == c.shape()), "shapes of a mask");
    }

    /// The transpose.
    fn transpose = gemm::transpose(a: View<'_, T>, to: ViewMut<'_, T>) {
        assert!(to.shape() == (a.columns(), a.rows()), "shapes of a transpose");
    }

    /// g times the derivative of the activation, of which y is the value.
    fn fused_adjoint = gemm::fused_adjoint(activation: Fused, y: View<'_, T>, g: ViewMut<'_, T>) {
        assert!(y.shape() == g.shape(), "shapes of an adjoint");
    }

    /// y += a x.
    fn add_scaled = elementwise::add_scaled(y: &mut [T], a: T, x: &[T]) {
        assert!(y.len() == x.len(), "lengths of a sum");
    }

    /// y = scale x + shift.
    fn affine = elementwise::affine(x: View<'_, T>, scale: T, shift: T, y: ViewMut<'_, T>) {
        assert!(y.shape() == x.shape(), "shapes of an affine map");
    }

    /// y = a op b; operands with one row (or column) hold for all rows (or columns).
    fn binary = elementwise::binary(operation: Binary, a: View<'_, T>, b: View<'_, T>, y: ViewMut<'_, T>) {
        assert!(elementwise::fits(a.shape(), y.shape()) && elementwise::fits(b.shape(), y.shape()), "shapes of two operands");
    }

    /// The gradient of the first (or second) operand of y = a op b, from that of y; added to what is there if `accumulate`.
    fn binary_adjoint = elementwise::binary_adjoint(
        operation: Binary, second: bool, a: View<'_, T>, b: View<'_, T>, y: View<'_, T>, g: View<'_, T>,
        to: ViewMut<'_, T>, accumulate: bool,
    ) {
        assert!(elementwise::fits(a.shape(), y.shape()) && elementwise::fits(b.shape(), y.shape()), "shapes of two operands");
        assert!(g.shape() == y.shape() && to.shape() == if second { b.shape() } else { a.shape() }, "shapes of gradients");
    }

    /// The derivative of that order at each x.
    fn derivatives = function::derivatives(f: Function, order: u32, x: &[T], y: &mut [T]) {
        assert!(y.len() == x.len(), "lengths of a function");
    }

    /// The slopes of tanh, or of the sigmoid function, from their values.
    fn slopes_of_values = function::slopes_of_values(f: Function, y: &[T], slopes: &mut [T]) {
        assert!(slopes.len() == y.len(), "lengths of a function");
    }

    /// Products number by number; added to what is there if `accumulate`.
    fn multiply = elementwise::multiply(a: &[T], b: &[T], y: &mut [T], accumulate: bool) {
        assert!(a.len() == b.len() && y.len() == a.len(), "lengths of a product");
    }

    /// The sum of each column, [1, columns].
    fn column_sums = reduce::column_sums(x: View<'_, T>, y: ViewMut<'_, T>, accumulate: bool) {
        assert!(y.shape() == (1, x.columns()), "shapes of column sums");
    }

    /// The sum of each row, [rows, 1].
    fn row_sums = reduce::row_sums(x: View<'_, T>, y: ViewMut<'_, T>) {
        assert!(y.shape() == (x.rows(), 1), "shapes of row sums");
    }

    /// ln sum exp of each row, [rows, 1].
    fn log_sum_exp = reduce::log_sum_exp(x: View<'_, T>, y: ViewMut<'_, T>) {
        assert!(y.shape() == (x.rows(), 1) && x.columns() > 0, "shapes of a log-sum-exp");
    }

    /// The gradient of x from that of y = ln sum exp x: g softmax(x).
    fn log_sum_exp_adjoint = reduce::log_sum_exp_adjoint(
        x: View<'_, T>, y: View<'_, T>, g: View<'_, T>, to: ViewMut<'_, T>, accumulate: bool,
    ) {
        assert!(y.shape() == (x.rows(), 1) && g.shape() == y.shape() && to.shape() == x.shape(), "shapes of a log-sum-exp");
    }

    /// The sum of squares of all numbers.
    fn sum_of_squares = reduce::sum_of_squares(x: &[T]) -> f64 {}

    /// The sum of the rows of each segment, each times its weight if there are weights [rows, 1].
    fn segment_sum = segment::segment_sum(x: View<'_, T>, weights: Option<View<'_, T>>, offsets: &[usize], y: ViewMut<'_, T>) {
        assert!(offsets.last() == Some(&x.rows()) && y.shape() == (offsets.len() - 1, x.columns()), "shapes of segments");
        assert!(weights.is_none_or(|w| w.shape() == (x.rows(), 1)), "a weight a row");
    }

    /// Row i of x for each row of segment i, times that row's weight if there are weights; added to what is there if
    /// `accumulate`. Where there is a mask that is not positive, y becomes 0 at the end.
    fn segment_broadcast = segment::segment_broadcast(
        x: View<'_, T>, weights: Option<View<'_, T>>, offsets: &[usize], y: ViewMut<'_, T>, accumulate: bool,
        mask: Option<View<'_, T>>,
    ) {
        assert!(offsets.last() == Some(&y.shape().0) && x.shape() == (offsets.len() - 1, y.shape().1), "shapes of segments");
        assert!(weights.is_none_or(|w| w.shape() == (y.shape().0, 1)), "a weight a row");
        assert!(mask.is_none_or(|mask| mask.shape() == y.shape()), "shapes of a mask");
    }

    /// The product of each row of x with the row of its segment in s, [rows, 1]; added to what is there if `accumulate`.
    fn segment_dot = segment::segment_dot(x: View<'_, T>, s: View<'_, T>, offsets: &[usize], y: ViewMut<'_, T>, accumulate: bool) {
        assert!(offsets.last() == Some(&x.rows()) && s.shape() == (offsets.len() - 1, x.columns()), "shapes of segments");
        assert!(y.shape() == (x.rows(), 1), "a number a row");
    }

    /// Lines of images from planes of images, with an [`Epilogue`] whose bias is one a channel: see [`Planes`].
    fn correlate = conv::correlate(
        planes: &Planes, x: View<'_, T>, weights: &[T], y: ViewMut<'_, T>, epilogue: Epilogue<'_, T>, scratch: &mut [T],
    ) {}

    /// The gradient of the weights from that of the convolution of x; added to what is there if `accumulate`.
    fn conv2d_weight_adjoint = conv::conv2d_weight_adjoint(
        shape: &Conv2dShape, x: View<'_, T>, g: View<'_, T>, to: ViewMut<'_, T>, accumulate: bool,
        scratch: &mut Aligned<T>,
    ) {
        let samples = x.rows();
        assert!(x.shape() == (samples, shape.input().columns()), "shapes of a convolution");
        assert!(g.shape() == (samples, shape.output().columns()) && to.shape() == shape.weights(), "shapes of a convolution");
    }

    /// The gradient of a convolution's bias, one a channel: the sums over samples and pixels.
    fn conv2d_bias_adjoint = conv::conv2d_bias_adjoint(
        shape: &Conv2dShape, g: View<'_, T>, to: ViewMut<'_, T>, accumulate: bool,
    ) {
        assert!(g.columns() == shape.output().columns() && to.shape() == (1, shape.output().channels), "shapes of a convolution");
    }

    /// The mean of each window.
    fn mean_pool = pool::mean_pool(shape: &Pool2dShape, x: View<'_, T>, y: ViewMut<'_, T>) {
        assert!(x.columns() == shape.input().columns() && y.shape() == (x.rows(), shape.output().columns()), "shapes of a pooling");
    }

    /// The gradient of x from that of the means of its windows; added to what is there if `accumulate`.
    fn mean_pool_adjoint = pool::mean_pool_adjoint(shape: &Pool2dShape, g: View<'_, T>, to: ViewMut<'_, T>, accumulate: bool) {
        assert!(g.columns() == shape.output().columns() && to.shape() == (g.rows(), shape.input().columns()), "shapes of a pooling");
    }

    /// Which column is the largest of each window.
    fn largest_of_windows = pool::largest_of_windows(shape: &Pool2dShape, x: View<'_, T>, entries: &mut [u32]) {
        assert!(x.columns() == shape.input().columns(), "shapes of a pooling");
        assert!(entries.len() == x.rows() * shape.output().columns(), "shapes of a pooling");
    }

    /// A step of gradient descent with momentum: see [`SgdStep`].
    fn sgd = update::sgd(step: SgdStep<T>, parameters: &mut [T], gradients: &[T], velocity: &mut [T]) {
        assert!(gradients.len() == parameters.len(), "a gradient a parameter");
        assert!(velocity.len() == parameters.len(), "a velocity a parameter");
    }

    /// y += share (x - y).
    fn blend = update::blend(y: &mut [T], share: T, x: &[T]) {
        assert!(y.len() == x.len(), "lengths of a mean");
    }

    /// Row `rows[i]` of x as row i; added to what is there if `accumulate` (as below).
    fn gather = rearrange::gather(x: View<'_, T>, rows: &[u32], y: ViewMut<'_, T>, accumulate: bool) {
        assert!(y.shape() == (rows.len(), x.columns()), "shapes of a gather");
    }

    /// Row i of x, added to row `rows[i]`.
    fn scatter_add = rearrange::scatter_add(x: View<'_, T>, rows: &[u32], y: ViewMut<'_, T>, accumulate: bool) {
        assert!(x.shape() == (rows.len(), y.shape().1), "shapes of a scatter");
    }

    /// `count` columns of x from one on, as columns of y from another on; the other columns of y stay as they are.
    fn copy_columns = rearrange::copy_columns(
        x: View<'_, T>, from: usize, y: ViewMut<'_, T>, to: usize, count: usize, accumulate: bool,
    ) {
        assert!(y.shape().0 == x.rows(), "rows of columns");
        assert!(from + count <= x.columns() && to + count <= y.shape().1, "columns that are there");
    }

    /// The one number of each row of x [rows, 1], in all columns.
    fn spread_rows = rearrange::spread_rows(x: View<'_, T>, y: ViewMut<'_, T>, accumulate: bool) {
        assert!(x.shape() == (y.shape().0, 1), "a number a row");
    }

    /// x[entries[i, j], j], and 0 where that is `NOTHING`.
    fn take_from_rows = rearrange::take_from_rows(x: View<'_, T>, entries: &[u32], y: ViewMut<'_, T>) {
        assert!(x.columns() == y.shape().1 && entries.len() == y.shape().0 * y.shape().1, "an entry a number");
    }

    /// Adds the gradient of [`take_from_rows`](Kernel::take_from_rows)'s result to where it was taken from.
    fn take_from_rows_adjoint = rearrange::take_from_rows_adjoint(
        g: View<'_, T>, entries: &[u32], to: ViewMut<'_, T>, accumulate: bool,
    ) {
        assert!(to.shape().1 == g.columns() && entries.len() == g.rows() * g.columns(), "an entry a number");
    }

    /// x[i, entries[i, j]], and 0 where that is `NOTHING`.
    fn take_from_columns = rearrange::take_from_columns(x: View<'_, T>, entries: &[u32], y: ViewMut<'_, T>) {
        assert!(x.rows() == y.shape().0 && entries.len() == y.shape().0 * y.shape().1, "an entry a number");
    }

    /// Adds the gradient of [`take_from_columns`](Kernel::take_from_columns)'s result to where it was taken from.
    fn take_from_columns_adjoint = rearrange::take_from_columns_adjoint(
        g: View<'_, T>, entries: &[u32], to: ViewMut<'_, T>, accumulate: bool,
    ) {
        assert!(to.shape().0 == g.rows() && entries.len() == g.rows() * g.columns(), "an entry a number");
    }

    /// The row with the largest number of each segment and column, the first of equals; `NOTHING` of an empty segment.
    fn largest_of_segments = rearrange::largest_of_segments(x: View<'_, T>, offsets: &[usize], entries: &mut [u32]) {
        assert!(offsets.last() == Some(&x.rows()) && entries.len() == (offsets.len() - 1) * x.columns(), "an entry a number");
    }

    /// The same numbers, row by row, in another shape.
    fn reshape = rearrange::reshape(x: View<'_, T>, y: ViewMut<'_, T>, accumulate: bool) {
        assert!(x.rows() * x.columns() == y.shape().0 * y.shape().1, "as many numbers");
    }

    /// A step of Adam: see [`AdamStep`].
    fn adam = update::adam(step: AdamStep<T>, parameters: &mut [T], gradients: &[T], first: &mut [T], second: &mut [T]) {
        assert!(gradients.len() == parameters.len(), "a gradient a parameter");
        assert!(first.len() == parameters.len() && second.len() == parameters.len(), "moments a parameter");
    }
}
