//! Numbers that start at a cache line.

use crate::scalar::Scalar;

/// A growing buffer of numbers, aligned to 64 bytes, in whole lines of 64 bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aligned<T: Scalar> {
    lines: Vec<Line>,
    number: std::marker::PhantomData<T>,
}

/// The bits of 16 f32 or 8 f64; all bits 0 are zeros of either.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

impl<T: Scalar> Aligned<T> {
    /// Zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut aligned = Self { lines: Vec::new(), number: std::marker::PhantomData };
        aligned.reserve_len(len);
        aligned
    }

    /// Holds at least `len` numbers from now on; those that are new are 0, the others stay as they are.
    pub(crate) fn reserve_len(&mut self, len: usize) {
        let lines = len.div_ceil(T::LANES);
        if lines > self.lines.len() {
            self.lines.resize(lines, Line([0; 8]));
        }
    }
}

impl<T: Scalar> std::ops::Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: a `Line` is 64 bytes without padding, aligned to 64, and every pattern of bits is an f32 or f64 (the
        // only `Scalar`s: the trait is sealed).
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * T::LANES) }
    }
}

impl<T: Scalar> std::ops::DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; every pattern of bits is a u64 as well.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * T::LANES) }
    }
}
