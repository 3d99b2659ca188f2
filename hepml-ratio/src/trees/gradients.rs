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
        let exponents =
            [0, 1].map(|which| exponent_of_sum(derivatives.iter().map(move |pair| pair[which].abs())));
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

/// An exponent whose power of two is at least the sum of non-negative numbers, within a factor of four, that does not depend on
/// their order.
fn exponent_of_sum(numbers: impl Iterator<Item = f64> + Clone) -> i32 {
    let largest = numbers.clone().fold(0.0, f64::max);
    if largest == 0.0 {
        return 0;
    }
    // Each number, in units of 2^-31 of a power of two above the largest, rounded up: no sum of 2^32 of them overflows.
    let above = exponent(largest) + 1;
    let factor = power_of_two((31 - above).clamp(-1022, 1022));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 2^31")]
    let sum: u64 = numbers.map(|number| (number * factor) as u64 + 1).sum();
    #[expect(clippy::cast_possible_wrap, reason = "at most 64")]
    let bits = (u64::BITS - sum.leading_zeros()) as i32;
    bits + above - 31
}

/// The exponent of the largest power of two at or below a positive normal number.
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
                assert!(total <= 1 << 62 && total >= 1 << 59, "{scale} {which}: 2^{}", (total as f64).log2());
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
