//! The numbers that networks compute with.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::kernel::Compiled;

/// f32 or f64.
#[expect(private_bounds, reason = "the trait is sealed by what is compiled in this crate")]
pub trait Scalar:
    Copy
    + Default
    + PartialEq
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
    + Compiled<Self>
    + 'static
{
    /// How many of them fill a line of 64 bytes.
    const LANES: usize;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// The name of the type: "f32" or "f64".
    const NAME: &'static str;

    /// The nearest number.
    fn from_f64(x: f64) -> Self;
    /// The same number.
    fn to_f64(self) -> f64;
    /// Whether it is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// self * factor + term with one rounding.
    #[must_use]
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The absolute value.
    #[must_use]
    fn abs(self) -> Self;
    /// The square root.
    #[must_use]
    fn sqrt(self) -> Self;
    /// The larger; the other one if one is NaN.
    #[must_use]
    fn max(self, other: Self) -> Self;
    /// The smaller; the other one if one is NaN.
    #[must_use]
    fn min(self, other: Self) -> Self;
}

macro_rules! scalar {
    ($type:ident) => {
        impl Scalar for $type {
            const LANES: usize = 64 / size_of::<$type>();
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = $type::EPSILON;
            const NAME: &'static str = stringify!($type);

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is what is asked for")]
            fn from_f64(x: f64) -> Self {
                x as $type
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                $type::is_finite(self)
            }

            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                $type::mul_add(self, factor, term)
            }

            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }

            #[inline(always)]
            fn max(self, other: Self) -> Self {
                $type::max(self, other)
            }

            #[inline(always)]
            fn min(self, other: Self) -> Self {
                $type::min(self, other)
            }
        }
    };
}

scalar!(f32);
scalar!(f64);
