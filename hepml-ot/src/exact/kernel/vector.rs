//! Vectors of 32-bit integers.

/// Some lanes of i32. Arithmetic wraps.
///
/// The methods are unsafe where they read or write memory, or where the type's instructions have to be there (all of them).
pub(super) trait Vector: Copy {
    const LANES: usize;
    unsafe fn splat(x: i32) -> Self;
    /// `LANES` numbers from `from` on.
    unsafe fn load(from: *const i32) -> Self;
    unsafe fn store(self, to: *mut i32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    /// What sums of a cost and a potential are shifted by for [`min_of_shifted`](Self::min_of_shifted).
    const SHIFT: i32 = 0;
    /// The lower, of numbers from 0 to 7/4 2^30 if there is a shift.
    #[inline(always)]
    unsafe fn min_of_shifted(self, other: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { self.min(other) }
    }
    /// The lowest lane.
    unsafe fn lowest(self) -> i32;
    /// A bit for each lane that is equal.
    unsafe fn equal(self, other: Self) -> u32;
    /// A bit for each lane that is greater than the other's.
    unsafe fn above(self, other: Self) -> u32;
    /// The sum in the lanes whose bits are set, the rest as they are.
    unsafe fn add_where(self, bits: u64, other: Self) -> Self;
}

/// Four lanes in plain Rust.
#[derive(Clone, Copy)]
pub(super) struct Portable([i32; 4]);

impl Portable {
    #[inline(always)]
    fn map(self, other: Self, f: impl Fn(i32, i32) -> i32) -> Self {
        Self(std::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }

    #[inline(always)]
    fn bits(self, other: Self, f: impl Fn(i32, i32) -> bool) -> u32 {
        (0..4).fold(0, |bits, lane| bits | u32::from(f(self.0[lane], other.0[lane])) << lane)
    }
}

impl Vector for Portable {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: i32) -> Self {
        Self([x; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        // SAFETY: the caller's promise; an array of i32 is aligned as an i32.
        unsafe { Self(from.cast::<[i32; 4]>().read()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[i32; 4]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.map(other, i32::wrapping_add)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.map(other, i32::wrapping_sub)
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.map(other, |a, b| if a < b { a } else { b })
    }

    // SSE2, which all of x86-64 has, knows no lower one of integers but that of floats, which are in the order of their bits as
    // long as these are no NaN and have no sign.
    #[cfg(target_arch = "x86_64")]
    const SHIFT: i32 = 1 << 29;

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn min_of_shifted(self, other: Self) -> Self {
        use std::arch::x86_64::{__m128, _mm_min_ps};
        use std::mem::transmute;

        // SAFETY: all bits are numbers of either kind, 16 bytes of them.
        unsafe {
            let [a, b] = [self.0, other.0].map(|numbers| transmute::<[i32; 4], __m128>(numbers));
            Self(transmute::<__m128, [i32; 4]>(_mm_min_ps(a, b)))
        }
    }

    #[inline(always)]
    unsafe fn lowest(self) -> i32 {
        let [a, b, c, d] = self.0;
        a.min(b).min(c.min(d))
    }

    #[inline(always)]
    unsafe fn equal(self, other: Self) -> u32 {
        self.bits(other, |a, b| a == b)
    }

    #[inline(always)]
    unsafe fn above(self, other: Self) -> u32 {
        self.bits(other, |a, b| a > b)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "one bit at a time")]
    unsafe fn add_where(self, bits: u64, other: Self) -> Self {
        let bits = bits as i32;
        Self(std::array::from_fn(|lane| self.0[lane].wrapping_add(-(bits >> lane & 1) & other.0[lane])))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, __m512i, _mm_cvtsi128_si32, _mm_min_epi32, _mm_shuffle_epi32, _mm256_add_epi32,
        _mm256_and_si256, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmpeq_epi32,
        _mm256_cmpgt_epi32, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_min_epi32,
        _mm256_movemask_ps, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_storeu_si256, _mm256_sub_epi32,
        _mm512_add_epi32, _mm512_cmpeq_epi32_mask, _mm512_cmpgt_epi32_mask, _mm512_loadu_si512,
        _mm512_mask_add_epi32, _mm512_min_epi32, _mm512_reduce_min_epi32, _mm512_set1_epi32,
        _mm512_storeu_si512, _mm512_sub_epi32,
    };

    use super::Vector;

    /// Eight lanes.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256i);

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bits are bits")]
    impl Vector for Avx2 {
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn splat(x: i32) -> Self {
            // SAFETY: AVX2 is there.
            unsafe { Self(_mm256_set1_epi32(x)) }
        }

        #[inline(always)]
        unsafe fn load(from: *const i32) -> Self {
            // SAFETY: AVX2 is there, and eight numbers from `from` on.
            unsafe { Self(_mm256_loadu_si256(from.cast())) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut i32) {
            // SAFETY: AVX2 is there, and eight numbers from `to` on.
            unsafe { _mm256_storeu_si256(to.cast(), self.0) }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: AVX2 is there.
            unsafe { Self(_mm256_add_epi32(self.0, other.0)) }
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: AVX2 is there.
            unsafe { Self(_mm256_sub_epi32(self.0, other.0)) }
        }

        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            // SAFETY: AVX2 is there.
            unsafe { Self(_mm256_min_epi32(self.0, other.0)) }
        }

        #[inline(always)]
        unsafe fn lowest(self) -> i32 {
            // SAFETY: AVX2 is there.
            unsafe {
                let halves =
                    _mm_min_epi32(_mm256_castsi256_si128(self.0), _mm256_extracti128_si256::<1>(self.0));
                let quarters = _mm_min_epi32(halves, _mm_shuffle_epi32::<0b01_00_11_10>(halves));
                _mm_cvtsi128_si32(_mm_min_epi32(quarters, _mm_shuffle_epi32::<0b10_11_00_01>(quarters)))
            }
        }

        #[inline(always)]
        unsafe fn equal(self, other: Self) -> u32 {
            // SAFETY: AVX2 is there.
            unsafe { _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(self.0, other.0))) as u32 }
        }

        #[inline(always)]
        unsafe fn above(self, other: Self) -> u32 {
            // SAFETY: AVX2 is there.
            unsafe { _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(self.0, other.0))) as u32 }
        }

        #[inline(always)]
        unsafe fn add_where(self, bits: u64, other: Self) -> Self {
            // SAFETY: AVX2 is there.
            unsafe {
                let lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
                let set = _mm256_and_si256(_mm256_set1_epi32(bits as i32), lanes);
                let mask = _mm256_cmpeq_epi32(set, lanes);
                Self(_mm256_add_epi32(self.0, _mm256_and_si256(mask, other.0)))
            }
        }
    }

    /// Sixteen lanes.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512i);

    #[expect(clippy::cast_possible_truncation, reason = "bits are bits")]
    impl Vector for Avx512 {
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn splat(x: i32) -> Self {
            // SAFETY: AVX-512 is there.
            unsafe { Self(_mm512_set1_epi32(x)) }
        }

        #[inline(always)]
        unsafe fn load(from: *const i32) -> Self {
            // SAFETY: AVX-512 is there, and sixteen numbers from `from` on.
            unsafe { Self(_mm512_loadu_si512(from.cast())) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut i32) {
            // SAFETY: AVX-512 is there, and sixteen numbers from `to` on.
            unsafe { _mm512_storeu_si512(to.cast(), self.0) }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: AVX-512 is there.
            unsafe { Self(_mm512_add_epi32(self.0, other.0)) }
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: AVX-512 is there.
            unsafe { Self(_mm512_sub_epi32(self.0, other.0)) }
        }

        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            // SAFETY: AVX-512 is there.
            unsafe { Self(_mm512_min_epi32(self.0, other.0)) }
        }

        #[inline(always)]
        unsafe fn lowest(self) -> i32 {
            // SAFETY: AVX-512 is there.
            unsafe { _mm512_reduce_min_epi32(self.0) }
        }

        #[inline(always)]
        unsafe fn equal(self, other: Self) -> u32 {
            // SAFETY: AVX-512 is there.
            unsafe { u32::from(_mm512_cmpeq_epi32_mask(self.0, other.0)) }
        }

        #[inline(always)]
        unsafe fn above(self, other: Self) -> u32 {
            // SAFETY: AVX-512 is there.
            unsafe { u32::from(_mm512_cmpgt_epi32_mask(self.0, other.0)) }
        }

        #[inline(always)]
        unsafe fn add_where(self, bits: u64, other: Self) -> Self {
            // SAFETY: AVX-512 is there.
            unsafe { Self(_mm512_mask_add_epi32(self.0, bits as u16, self.0, other.0)) }
        }
    }
}
