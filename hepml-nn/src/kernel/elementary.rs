//! The elementary functions that networks need, without branches, so that loops over them become vector instructions.
//!
//! Polynomials are interpolations at the Chebyshev nodes of their interval, computed with 60 digits; their own error is
//! below a tenth of a rounding. Results are within 2 epsilon in f32 (and 4 in f64, the normal distribution function 6), those
//! of slopes within 4 to 6; without fused multiplication (the portable level) up to 2 more (tests, which scan all exponents).
//!
//! sin and cos are computed in f64 for both numbers.

#![allow(clippy::excessive_precision, reason = "as many digits as determine the number, of whichever type")]

use super::lanes::Vectors;
use super::machine::Machine;
use crate::scalar::Scalar;

/// The bits and the constants of a number.
pub(crate) trait Elementary: Vectors {
    /// 3/2 2^m, with m bits in the mantissa: adding it rounds to a whole number, which is then in the lowest bits.
    const SHIFTER: Self;
    /// ln 2 to so many bits that its products with exponents are exact, and the rest.
    const LN_2: [Self; 2];
    /// Below it e^x is 0, above it infinite.
    const EXP_RANGE: [Self; 2];
    /// (e^r - 1 - r)/r² on |r| <= ln(2)/2.
    const EXP: &'static [Self];
    /// (2 artanh(s)/s - 2)/s² as a polynomial in s², for 1 + f between sqrt(1/2) and sqrt(2), s = f/(2 + f).
    const LN: &'static [Self];
    /// The same for f from 0 to 1.
    const LN_1P: &'static [Self];
    /// (1 + 2 z) e^z² erfc(z) in t = (z - k)/(z + k), up to the z where e^-z² vanishes.
    const ERFC: &'static [Self];
    /// That k.
    const ERFC_CENTRE: Self;
    /// Where e^(-x²/2) vanishes.
    const NORMAL_RANGE: Self;

    /// The mantissa, cut so that its square is exact.
    fn high_half(self) -> Self;
    /// 2^n of a whole number n that [`SHIFTER`](Self::SHIFTER) was added to.
    fn two_to(self) -> Self;
    /// A positive number as m 2^e, m between sqrt(1/2) and sqrt(2).
    fn split(self) -> (Self, Self);
    /// With the sign of another number.
    fn with_sign_of(self, other: Self) -> Self;
}

macro_rules! elementary {
    ($number:ident, $bits:ident, mantissa $mantissa:literal $lift:literal, half $half:literal, root $root:literal, $($constants:tt)*) => {
        impl Elementary for $number {
            const SHIFTER: Self = 1.5 * (1_u64 << $mantissa) as $number;
            $($constants)*

            #[inline(always)]
            fn high_half(self) -> Self {
                Self::from_bits(self.to_bits() & ($bits::MAX << $half))
            }

            #[inline(always)]
            fn two_to(self) -> Self {
                Self::from_bits((self.to_bits() << $mantissa).wrapping_add((1.0 as $number).to_bits()))
            }

            #[inline(always)]
            fn split(self) -> (Self, Self) {
                /// Lifts subnormal numbers.
                const LIFT: $number = (1_u64 << $mantissa) as $number;
                let small = self < Self::MIN_POSITIVE;
                let lifted = if small { self * LIFT } else { self };
                // The exponent of a number less than `root` is that of the one before.
                let from_root = lifted.to_bits().wrapping_sub($root);
                let exponent = from_root & ($bits::MAX << $mantissa);
                let mantissa = Self::from_bits(lifted.to_bits().wrapping_sub(exponent));
                // The bits of a negative exponent are those of a small whole number too, once they are at the bottom.
                let sign = (0 as $bits).wrapping_sub(exponent >> ($bits::BITS - 1)) << ($bits::BITS - $mantissa);
                let whole = (exponent >> $mantissa) | sign;
                let exponent = Self::from_bits(Self::SHIFTER.to_bits().wrapping_add(whole)) - Self::SHIFTER;
                (mantissa, if small { exponent - $lift } else { exponent })
            }

            #[inline(always)]
            fn with_sign_of(self, other: Self) -> Self {
                self.copysign(other)
            }
        }
    };
}

elementary! {
    f32, u32, mantissa 23 23.0, half 12, root 0x3f35_04f3,
    const LN_2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];
    const EXP_RANGE: [f32; 2] = [-104.0, 89.0];
    const EXP: &'static [f32] = &[0.5, 0.166_665_77, 0.041_666_554, 0.008_363_233, 0.001_392_625_1];
    const LN: &'static [f32] = &[0.666_666_67, 0.400_001_3, 0.285_499_7, 0.233_534_28];
    const LN_1P: &'static [f32] = &[0.666_666_67, 0.400_000_1, 0.285_703_06, 0.222_647_1, 0.174_647_02, 0.207_876_17];
    const ERFC: &'static [f32] = &[
        1.276_978_4, -0.092_763_82, -0.166_030_49, 0.164_050_9, -0.054_218_36, -0.008_029_977, 0.008_712_289,
        0.001_251_056_6, -0.001_428_781, -0.000_401_831_04, 0.000_176_483_2, 8.318_472e-5,
    ];
    const ERFC_CENTRE: f32 = 2.0;
    const NORMAL_RANGE: f32 = 14.4;
}

elementary! {
    f64, u64, mantissa 52 52.0, half 27, root 0x3fe6_a09e_667f_3bcd,
    const LN_2: [f64; 2] = [0.693_147_180_485_539_1, 7.440_617_110_012_397e-11];
    const EXP_RANGE: [f64; 2] = [-746.0, 710.0];
    const EXP: &'static [f64] = &[
        0.5, 0.166_666_666_666_666_71, 0.041_666_666_666_666_67, 0.008_333_333_333_326_083, 0.001_388_888_888_888_370_8,
        0.000_198_412_698_750_022_8, 2.480_158_732_567_746e-5, 2.755_725_517_000_089e-6, 2.755_727_347_871_858e-7,
        2.510_531_272_962_210_3e-8, 2.091_475_532_589_320_3e-9,
    ];
    const LN: &'static [f64] = &[
        0.666_666_666_666_667, 0.399_999_999_998_866_1, 0.285_714_286_317_643_36, 0.222_222_101_992_642_12,
        0.181_829_566_080_634_6, 0.153_295_007_542_041_76, 0.146_436_286_019_097_97,
    ];
    const LN_1P: &'static [f64] = &[
        0.666_666_666_666_666_7, 0.400_000_000_000_000_16, 0.285_714_285_714_219_43, 0.222_222_222_233_319_88,
        0.181_818_180_860_056_55, 0.153_846_202_538_041_62, 0.133_331_769_491_381_77, 0.117_679_977_672_410_37,
        0.104_803_992_343_652_74, 0.099_420_248_965_547_35, 0.063_341_108_517_702_45, 0.152_312_626_194_289_86,
    ];
    const ERFC: &'static [f64] = &[
        1.253_008_058_269_729_7, -0.135_621_106_124_581_2, -0.047_562_294_353_451_21, 0.129_645_158_702_762_5,
        -0.119_273_663_415_272_97, 0.068_308_027_343_930_11, -0.023_770_514_919_688_966, 0.002_529_391_816_524_572,
        0.001_888_690_374_035_645, -0.000_779_832_272_929_376_9, -0.000_105_159_918_661_491_96,
        0.000_125_099_335_480_601_57, 4.950_070_066_293_97e-6, -2.010_041_360_871_503_8e-5, -7.333_790_947_591_213e-7,
        3.471_759_500_306_339e-6, 3.607_954_606_321_518e-7, -6.149_881_542_048_544e-7, -1.471_342_912_798_213_6e-7,
        9.921_424_659_102_362e-8, 4.673_426_476_219_35e-8, -1.069_109_606_896_067_6e-8, -1.103_700_056_226_117e-8,
        -5.000_975_233_911_783e-10, 1.462_852_968_853_266_8e-9, 3.669_711_082_286_166_4e-10,
    ];
    const ERFC_CENTRE: f64 = 3.0;
    const NORMAL_RANGE: f64 = 39.0;
}

/// A polynomial, from the constant on.
#[inline(always)]
pub(super) fn polynomial<T: Scalar, M: Machine>(coefficients: &[T], x: T) -> T {
    coefficients.iter().rev().fold(T::ZERO, |sum, &c| M::mul_add(sum, x, c))
}

/// x = n ln(2) + r: n with the [`SHIFTER`](Elementary::SHIFTER), and r.
#[inline(always)]
fn reduce<T: Elementary, M: Machine>(x: T) -> (T, T) {
    let shifted = M::mul_add(x, T::from_f64(std::f64::consts::LOG2_E), T::SHIFTER);
    let n = shifted - T::SHIFTER;
    (shifted, M::mul_add(-n, T::LN_2[1], M::mul_add(-n, T::LN_2[0], x)))
}

/// e^(x + rest), for a rest much smaller than 1.
#[inline(always)]
fn exp_of_sum<T: Elementary, M: Machine>(x: T, rest: T) -> T {
    let [low, high] = T::EXP_RANGE;
    let x = if x < low { low } else { x };
    let x = if x > high { high } else { x };
    let (shifted, r) = reduce::<T, M>(x);
    let r = r + rest;
    let y = M::mul_add(r * r, polynomial::<T, M>(T::EXP, r), r) + T::ONE;
    // 2^n in two factors: it may be infinite, or too small for a normal number, where e^x is neither.
    let n = shifted - T::SHIFTER;
    let half = M::mul_add(n, T::from_f64(0.5), T::SHIFTER);
    let other = (n - (half - T::SHIFTER)) + T::SHIFTER;
    y * half.two_to() * other.two_to()
}

/// e^x.
#[inline(always)]
pub(super) fn exp<T: Elementary, M: Machine>(x: T) -> T {
    exp_of_sum::<T, M>(x, T::ZERO)
}

/// ln x.
#[inline(always)]
pub(super) fn ln<T: Elementary, M: Machine>(x: T) -> T {
    let (mantissa, e) = x.split();
    let f = mantissa - T::ONE;
    let s = f / (T::from_f64(2.0) + f);
    let z = s * s;
    let half_square = T::from_f64(0.5) * f * f;
    let rest = M::mul_add(s, M::mul_add(z, polynomial::<T, M>(T::LN, z), half_square), e * T::LN_2[1]);
    let y = M::mul_add(e, T::LN_2[0], f - (half_square - rest));
    let y = if x.is_finite() { y } else { x };
    let y = if x == T::ZERO { T::from_f64(f64::NEG_INFINITY) } else { y };
    if x < T::ZERO { T::from_f64(f64::NAN) } else { y }
}

/// ln(1 + x) for x from 0 to 1.
#[inline(always)]
fn ln_1p<T: Elementary, M: Machine>(x: T) -> T {
    let s = x / (T::from_f64(2.0) + x);
    let z = s * s;
    M::mul_add(s * z, polynomial::<T, M>(T::LN_1P, z), s + s)
}

/// tanh x.
#[inline(always)]
pub(super) fn tanh<T: Elementary, M: Machine>(x: T) -> T {
    // Where tanh is 1.
    let limit = T::from_f64(20.0);
    let magnitude = x.abs();
    let magnitude = if magnitude > limit { limit } else { magnitude };
    let (shifted, r) = reduce::<T, M>(magnitude + magnitude);
    let power = shifted.two_to();
    // e^2x - 1
    let y = M::mul_add(r * r, polynomial::<T, M>(T::EXP, r), r);
    let y = M::mul_add(power, y, power - T::ONE);
    (y / (y + T::from_f64(2.0))).with_sign_of(x)
}

/// The sigmoid function of x and that of -x.
#[inline(always)]
pub(super) fn sigmoids<T: Elementary, M: Machine>(x: T) -> [T; 2] {
    let z = exp::<T, M>(-x.abs());
    let large = T::ONE / (T::ONE + z);
    let small = z * large;
    if x < T::ZERO { [small, large] } else { [large, small] }
}

/// ln(1 + e^x).
#[inline(always)]
pub(super) fn softplus<T: Elementary, M: Machine>(x: T) -> T {
    (if x < T::ZERO { T::ZERO } else { x }) + ln_1p::<T, M>(exp::<T, M>(-x.abs()))
}

/// The normal distribution: its function and its density at x.
#[inline(always)]
pub(super) fn normal<T: Elementary, M: Machine>(x: T) -> [T; 2] {
    let magnitude = x.abs();
    let magnitude = if magnitude > T::NORMAL_RANGE { T::NORMAL_RANGE } else { magnitude };
    // x² in two parts, the first exact.
    let high = magnitude.high_half();
    let half = T::from_f64(-0.5);
    let power = exp_of_sum::<T, M>(half * high * high, half * (magnitude - high) * (magnitude + high));
    let z = magnitude * T::from_f64(std::f64::consts::FRAC_1_SQRT_2);
    let t = (z - T::ERFC_CENTRE) / (z + T::ERFC_CENTRE);
    let tail =
        T::from_f64(0.5) * polynomial::<T, M>(T::ERFC, t) / M::mul_add(T::from_f64(2.0), z, T::ONE) * power;
    let density = power * T::from_f64(0.398_942_280_401_432_7);
    [if x < T::ZERO { tail } else { T::ONE - tail }, density]
}

/// Up to here the remainder of x by pi/2 is computed with three parts of pi/2, whose products with multiples are exact.
pub(super) const CIRCLE_RANGE: f64 = 1e6;

/// sin(x + quarter pi/2), |x| up to [`CIRCLE_RANGE`].
#[inline(always)]
pub(super) fn sine<M: Machine>(x: f64, quarter: u64) -> f64 {
    const PI_2: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_226_624_879_595_4e-21];
    const SIN: [f64; 7] = [
        -0.166_666_666_666_666_67,
        0.008_333_333_333_333_331,
        -0.000_198_412_698_412_650_4,
        2.755_731_921_932_058e-6,
        -2.505_210_622_599_44e-8,
        1.605_853_059_664_595_5e-10,
        -7.586_636_882_825_16e-13,
    ];
    const COS: [f64; 7] = [
        0.041_666_666_666_666_67,
        -0.001_388_888_888_888_888_8,
        2.480_158_730_158_463_3e-5,
        -2.755_731_922_139_249e-7,
        2.087_675_578_749_260_6e-9,
        -1.147_046_031_920_951_2e-11,
        4.745_838_412_531_023e-14,
    ];
    let shifted = M::mul_add(x, std::f64::consts::FRAC_2_PI, f64::SHIFTER);
    let n = f64::SHIFTER - shifted;
    let r = M::mul_add(n, PI_2[2], M::mul_add(n, PI_2[1], M::mul_add(n, PI_2[0], x)));
    let z = r * r;
    let sin = M::mul_add(r * z, polynomial::<f64, M>(&SIN, z), r);
    let half = 0.5 * z;
    let one = 1.0 - half;
    let cos = one + M::mul_add(z * z, polynomial::<f64, M>(&COS, z), (1.0 - one) - half);
    let quadrant = shifted.to_bits().wrapping_add(quarter);
    let y = if quadrant & 1 == 0 { sin } else { cos };
    if quadrant & 2 == 0 { y } else { -y }
}
