//! Vectors in registers, for the loops that the compiler does not make them of.

use crate::scalar::Scalar;

/// A vector of numbers of type T.
///
/// The functions are safe to call in bodies only, which are compiled for the instructions of their
/// [`Machine`](super::machine::Machine): nothing else names a machine's vectors.
pub(crate) trait Lanes<T: Scalar>: Copy {
    /// All the same.
    fn splat(x: T) -> Self;

    /// The numbers of a slice that has as many.
    fn load(from: &[T]) -> Self;

    /// Writes a slice that has as many.
    fn store(self, to: &mut [T]);

    /// self factor + term.
    fn mul_add(self, factor: Self, term: Self) -> Self;

    /// self + other.
    fn add(self, other: Self) -> Self;

    /// self where the mask is positive, 0 elsewhere.
    fn where_positive(self, mask: Self) -> Self;
}

/// What every target has: the compiler's own vectors of 16 bytes, of arrays.
#[derive(Clone, Copy)]
pub(crate) struct Array<T, const N: usize>([T; N]);

impl<T: Scalar, const N: usize> Lanes<T> for Array<T, N> {
    #[inline(always)]
    fn splat(x: T) -> Self {
        Self([x; N])
    }

    #[inline(always)]
    fn load(from: &[T]) -> Self {
        Self(from.try_into().expect("a vector's numbers"))
    }

    #[inline(always)]
    fn store(self, to: &mut [T]) {
        to.copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let mut sum = term;
        for i in 0..N {
            sum.0[i] += self.0[i] * factor.0[i];
        }
        sum
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let mut sum = self;
        for i in 0..N {
            sum.0[i] += other.0[i];
        }
        sum
    }

    #[inline(always)]
    fn where_positive(self, mask: Self) -> Self {
        let mut chosen = self;
        for i in 0..N {
            chosen.0[i] = if mask.0[i] > T::ZERO { self.0[i] } else { T::ZERO };
        }
        chosen
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "intrinsics, which have a prefix of their own")]
    use std::arch::x86_64::*;

    use super::Lanes;

    macro_rules! lanes {
        ($(($vector:ident, $number:ident, $count:literal): $splat:ident $load:ident $store:ident $fma:ident $add:ident |$x:ident, $mask:ident| $choose:expr;)*) => {
            $(
                impl Lanes<$number> for $vector {
                    #[inline(always)]
                    fn splat(x: $number) -> Self {
                        // SAFETY: the caller is compiled for the instruction (see the trait).
                        unsafe { $splat(x) }
                    }

                    #[inline(always)]
                    fn load(from: &[$number]) -> Self {
                        let from: &[$number; $count] = from.try_into().expect("a vector's numbers");
                        // SAFETY: as for `splat`; so many numbers are there, of any alignment.
                        unsafe { $load(from.as_ptr()) }
                    }

                    #[inline(always)]
                    fn store(self, to: &mut [$number]) {
                        let to: &mut [$number; $count] = to.try_into().expect("a vector's numbers");
                        // SAFETY: as for `load`.
                        unsafe { $store(to.as_mut_ptr(), self) }
                    }

                    #[inline(always)]
                    fn mul_add(self, factor: Self, term: Self) -> Self {
                        // SAFETY: as for `splat`.
                        unsafe { $fma(self, factor, term) }
                    }

                    #[inline(always)]
                    fn add(self, other: Self) -> Self {
                        // SAFETY: as for `splat`.
                        unsafe { $add(self, other) }
                    }

                    #[inline(always)]
                    fn where_positive(self, $mask: Self) -> Self {
                        let $x = self;
                        // SAFETY: as for `splat`.
                        unsafe { $choose }
                    }
                }
            )*
        };
    }

    lanes! {
        (__m256, f32, 8): _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_fmadd_ps _mm256_add_ps
            |x, mask| _mm256_and_ps(x, _mm256_cmp_ps::<_CMP_GT_OQ>(mask, _mm256_setzero_ps()));
        (__m256d, f64, 4): _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_fmadd_pd _mm256_add_pd
            |x, mask| _mm256_and_pd(x, _mm256_cmp_pd::<_CMP_GT_OQ>(mask, _mm256_setzero_pd()));
        (__m512, f32, 16): _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_fmadd_ps _mm512_add_ps
            |x, mask| _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(mask, _mm512_setzero_ps()), x);
        (__m512d, f64, 8): _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_fmadd_pd _mm512_add_pd
            |x, mask| _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_GT_OQ>(mask, _mm512_setzero_pd()), x);
    }
}

/// The vectors of a number, by their bytes.
pub(crate) trait Vectors: Scalar {
    type Portable: Lanes<Self>;
    #[cfg(target_arch = "x86_64")]
    type Avx2: Lanes<Self>;
    #[cfg(target_arch = "x86_64")]
    type Avx512: Lanes<Self>;
}

impl Vectors for f32 {
    type Portable = Array<f32, 4>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = std::arch::x86_64::__m256;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = std::arch::x86_64::__m512;
}

impl Vectors for f64 {
    type Portable = Array<f64, 2>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = std::arch::x86_64::__m256d;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = std::arch::x86_64::__m512d;
}
