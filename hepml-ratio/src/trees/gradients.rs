//! First and second derivatives as integers, whose sums are exact in any order.

/// A pair of sums: of the slopes and of the absolute curvatures.
pub(super) type Pair = [i64; 2];

/// The derivatives of all events.
pub(super) struct Gradients {
    /// One an event.
    pub(super) values: Vec<Pair>,
    /// What an integer 1 stands for: powers of two.
    pub(super) units: [f64; 2],
}

impl Gradients {
    /// Rounds derivatives towards zero to integers whose absolute values sum to at most 2^62.
    pub(super) fn new(derivatives: &[[f64; 2]], mut values: Vec<Pair>) -> Self {
        let exponents = exponents_of_sums(derivatives);
        // 2^62 over a power of two at or above the sum; factors within the range of normal numbers.
        let shifts = exponents.map(|exponent| (62 - exponent).clamp(-1022, 1022));
        let [slope, curvature] = shifts.map(power_of_two);
        values.clear();
        #[expect(clippy::cast_possible_truncation, reason = "below 2^62")]
        values.extend(derivatives.iter().map(|[g, h]| [(g * slope) as i64, (h * curvature) as i64]));
        Self { values, units: shifts.map(|shift| power_of_two(-shift)) }
    }

    /// A pair of sums as numbers.
    pub(super) fn numbers(&self, [slope, curvature]: Pair) -> [f64; 2] {
        [slope as f64 * self.units[0], curvature as f64 * self.units[1]]
    }
}

/// Exponents whose powers of two are at least the sums of the absolute values, within a factor of four, and do not depend on
/// the order.
fn exponents_of_sums(derivatives: &[[f64; 2]]) -> [i32; 2] {
    // Numbers that are not negative are ordered as their bits, which are compared faster.
    let bits = derivatives.iter().fold([0, 0], |[slope, curvature]: [u64; 2], [g, h]| {
        [slope.max(g.abs().to_bits()), curvature.max(h.abs().to_bits())]
    });
    // Each number in units of 2^-31 of a power of two above the largest, rounded up: no sum of 2^32 of them overflows.
    let above = bits.map(|bits| exponent(f64::from_bits(bits)) + 1);
    let factors = above.map(|above| power_of_two((31 - above).clamp(-1022, 1022)));
    #[expect(clippy::cast_possible_truncation, reason = "at most 2^31")]
    let sums = derivatives.iter().fold([0, 0], |[slope, curvature]: [i64; 2], [g, h]| {
        [slope + (g.abs() * factors[0]) as i64 + 1, curvature + (h.abs() * factors[1]) as i64 + 1]
    });
    #[expect(clippy::cast_possible_wrap, reason = "at most 64")]
    let widths = sums.map(|sum| (i64::BITS - sum.leading_zeros()) as i32);
    [widths[0] + above[0] - 31, widths[1] + above[1] - 31]
}

/// The exponent of the largest power of two at or below a positive normal number; -1023 for 0.
fn exponent(number: f64) -> i32 {
    let biased = ((number.to_bits() >> 52) & 0x7ff) as i32;
    biased - 1023
}

/// 2^exponent for the exponents of normal numbers.
fn power_of_two(exponent: i32) -> f64 {
    #[expect(clippy::cast_sign_loss, reason = "positive for the exponents of normal numbers")]
    let biased = (exponent + 1023) as u64;
    f64::from_bits(biased << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_fit_and_are_finer_than_rounding() {
        for scale in [1e-200, 1.0, 3e7, 1e200] {
            let derivatives: Vec<[f64; 2]> =
                (0..1000).map(|i| [scale * (f64::from(i) - 400.3), 1.0 / f64::from(i + 1)]).collect();
            let gradients = Gradients::new(&derivatives, Vec::new());
            for which in [0, 1] {
                let total: i128 = gradients.values.iter().map(|pair| i128::from(pair[which]).abs()).sum();
                assert!((1 << 59..=1 << 62).contains(&total), "{scale} {which}: 2^{}", (total as f64).log2());
                let sum: f64 = derivatives.iter().map(|pair| pair[which].abs()).sum();
                for (pair, derivative) in gradients.values.iter().zip(&derivatives) {
                    let difference = pair[which] as f64 * gradients.units[which] - derivative[which];
                    assert!(difference.abs() <= f64::EPSILON / 128.0 * sum, "{difference}");
                }
            }
        }
    }

    #[test]
    fn nothing_but_zeros() {
        let gradients = Gradients::new(&[[0.0, 0.0]; 3], Vec::new());
        assert_eq!(gradients.values, [[0, 0]; 3]);
        assert!(gradients.units.iter().all(|unit| unit.is_finite()));
    }
}
