//! The exponential function, written so that the compiler can take several at a time.

/// Below it [`exp`] is 0: e^-300 is nothing beside the 1 that every sum here contains, and products of such numbers stay
/// far from the subnormal ones, which are slow.
pub(crate) const NEGLIGIBLE: f64 = -300.0;

/// 1.5 · 2^52: adding it rounds to an integer, which is then in the lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts: the first has 20 zeros at its end, so that an integer of up to 11 bits times it is exact.
const LN_2_HIGH: f64 = f64::from_bits(std::f64::consts::LN_2.to_bits() & !0xf_ffff);
const LN_2_LOW: f64 = 7.440_617_110_012_397e-11;

/// e^x to two units in the last place for [`NEGLIGIBLE`] <= x <= 700; 0 below.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call in the loop would keep it from being vectorised")]
pub(crate) fn exp(x: f64) -> f64 {
    // x = k ln 2 + r with |r| <= ln 2 / 2, so that e^x = 2^k e^r.
    let shifted = x * std::f64::consts::LOG2_E + ROUNDER;
    let k = shifted - ROUNDER;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // The Taylor series to r^13, whose next term is below 5e-18; in pairs, so that fewer steps wait for each other.
    let r2 = r * r;
    let r4 = r2 * r2;
    let r6 = r4 * r2;
    let p2 = 1.0 / 2.0 + r * (1.0 / 6.0);
    let p4 = 1.0 / 24.0 + r * (1.0 / 120.0);
    let p6 = 1.0 / 720.0 + r * (1.0 / 5_040.0);
    let p8 = 1.0 / 40_320.0 + r * (1.0 / 362_880.0);
    let p10 = 1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0);
    let p12 = 1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0);
    let high = (p8 + r2 * p10) + r4 * p12;
    let tail = ((p2 + r2 * p4) + r4 * p6) + r6 * high;
    let mantissa = 1.0 + (r + r2 * tail);
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    if x < NEGLIGIBLE { 0.0 } else { mantissa * power }
}

/// e^x - 1 to four units in the last place for |x| <= 1/8.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call in the loop would keep it from being vectorised")]
pub(crate) fn exp_minus_one(x: f64) -> f64 {
    debug_assert!(x.abs() <= 0.125);
    // The Taylor series to x^11, whose next term is below 3e-17 of the first.
    let x2 = x * x;
    let p2 = 1.0 / 2.0 + x * (1.0 / 6.0);
    let p4 = 1.0 / 24.0 + x * (1.0 / 120.0);
    let p6 = 1.0 / 720.0 + x * (1.0 / 5_040.0);
    let p8 = 1.0 / 40_320.0 + x * (1.0 / 362_880.0);
    let p10 = 1.0 / 3_628_800.0 + x * (1.0 / 39_916_800.0);
    x + x2 * (p2 + x2 * (p4 + x2 * (p6 + x2 * (p8 + x2 * p10))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In units of the relative rounding of f64; the reference itself is good to one.
    fn ulps(got: f64, expected: f64) -> f64 {
        (got - expected).abs() / (expected.abs() * f64::EPSILON)
    }

    #[test]
    fn is_the_exponential() {
        let mut worst = 0.0_f64;
        for i in 0..2_000_000 {
            let x = NEGLIGIBLE + f64::from(i) * 0.000_5;
            worst = worst.max(ulps(exp(x), x.exp()));
            let x = x * 1e-3;
            worst = worst.max(ulps(exp(x), x.exp()));
        }
        assert!(worst > 0.0 && worst <= 2.0, "{worst}");
        assert_eq!((exp(0.0), exp(-0.0)), (1.0, 1.0));
        assert_eq!((exp(NEGLIGIBLE - 1e-9), exp(-1e300), exp(f64::NEG_INFINITY)), (0.0, 0.0, 0.0));
    }

    #[test]
    fn is_the_exponential_less_one() {
        let mut worst = 0.0_f64;
        for i in -100_000..=100_000 {
            let x = f64::from(i) * 1.25e-6;
            if i != 0 {
                worst = worst.max(ulps(exp_minus_one(x), x.exp_m1()));
            }
            assert_eq!(exp_minus_one(x * 1e-200), x * 1e-200);
        }
        assert!(worst > 0.0 && worst <= 4.0, "{worst}");
        assert_eq!(exp_minus_one(0.0), 0.0);
    }
}
