//! What bodies are compiled for.

use super::lanes::{Lanes, Vectors};
use crate::scalar::Scalar;

/// The instructions that a body may count on.
pub(super) trait Machine {
    /// The bytes of a vector.
    const VECTOR_BYTES: usize;

    /// A vector in a register.
    type Vector<T: Vectors>: Lanes<T>;

    /// a b + c.
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T;
}

/// Products and sums are rounded each: without the instruction, fusing them would be a call of the C library.
pub(super) struct Portable;

impl Machine for Portable {
    const VECTOR_BYTES: usize = 16;
    type Vector<T: Vectors> = T::Portable;

    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        a * b + c
    }
}

/// AVX2 with FMA.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Machine for Avx2 {
    const VECTOR_BYTES: usize = 32;
    type Vector<T: Vectors> = T::Avx2;

    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        a.mul_add(b, c)
    }
}

/// AVX-512.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Machine for Avx512 {
    const VECTOR_BYTES: usize = 64;
    type Vector<T: Vectors> = T::Avx512;

    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        a.mul_add(b, c)
    }
}
