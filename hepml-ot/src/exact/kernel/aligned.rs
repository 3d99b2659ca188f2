//! Integers that start at a cache line.

use super::LANES;

/// A vector of i32, aligned to 64 bytes, whose length is a multiple of [`LANES`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Aligned(Vec<Line>);

#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([i32; LANES]);

impl Aligned {
    /// `len` numbers, all `value`.
    pub(crate) fn fill(&mut self, len: usize, value: i32) {
        self.0.clear();
        self.0.resize(len.div_ceil(LANES), Line([value; LANES]));
    }

    /// `len` numbers, of which those that are new are 0.
    pub(crate) fn resize(&mut self, len: usize) {
        self.0.resize(len.div_ceil(LANES), Line([0; LANES]));
    }
}

impl std::ops::Deref for Aligned {
    type Target = [i32];

    fn deref(&self) -> &[i32] {
        // SAFETY: a `Line` is `LANES` numbers without padding (16 * 4 = 64 bytes, its alignment).
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LANES) }
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [i32] {
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * LANES) }
    }
}
