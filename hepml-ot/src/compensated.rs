//! Sums that do not lose digits.

/// The sum of `terms` to about one rounding of the result plus eps² of their moduli (Neumaier's compensated sum).
///
/// Events that differ only in the order of their particles so have the same total energy, and the cost of the difference
/// of two totals is not rounding noise. The terms must be finite.
pub(crate) fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = 0.0_f64;
    let mut lost = 0.0;
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    // Once the sum overflows, `lost` is infinite with the other sign or NaN.
    if sum.is_finite() { sum + lost } else { sum }
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn keeps_what_cancels() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum([]), 0.0);
        assert_eq!(sum([1e308, 1e308]), f64::INFINITY);
    }
}
