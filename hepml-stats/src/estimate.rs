//! A number with an error.

use std::fmt;

use hepml_core::Measure;

use crate::error::Result;

/// A value and its standard deviation, printed as `1.234(56)`.
///
/// The digits in brackets are the error in units of the last digits of the value; an error of 1 or more keeps its decimal
/// point. The precision of the format is the number of significant digits of the error (2 unless told otherwise).
///
/// ```
/// use hepml_stats::Estimate;
///
/// let mass = Estimate::new(1.23412, 0.0561)?;
/// assert_eq!(mass.to_string(), "1.234(56)");
/// assert_eq!(format!("{mass:.1}"), "1.23(6)");
/// assert_eq!(Estimate::new(171.77, 5.64)?.to_string(), "171.8(5.6)");
/// assert_eq!(Estimate::new(2.5e-19, 1.4e-21)?.to_string(), "2.500(14)e-19");
/// # Ok::<(), hepml_stats::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// One standard deviation.
    pub error: f64,
}

impl Estimate {
    /// A value with its error.
    ///
    /// # Errors
    /// A value or an error that is not finite; a negative error.
    pub fn new(value: f64, error: f64) -> Result<Self> {
        hepml_core::finite("value", value)?;
        hepml_core::finite("error", error)?;
        if error < 0.0 {
            return Err(hepml_core::Error::out_of_range("error", error, "0 or more").into());
        }
        Ok(Self { value, error })
    }

    /// The pull (value − truth) / error.
    pub fn pull(&self, truth: f64) -> f64 {
        (self.value - truth) / self.error
    }

    /// The difference to another estimate, with the error of statistically *independent* estimates.
    ///
    /// Estimates from the same events are not: see [`CorrelatedEstimates::difference`](crate::CorrelatedEstimates::difference).
    #[must_use]
    pub fn independent_difference(&self, other: Self) -> Self {
        Self { value: self.value - other.value, error: self.error.hypot(other.error) }
    }
}

impl From<Estimate> for Measure {
    fn from(estimate: Estimate) -> Self {
        Self { value: estimate.value, error: Some(estimate.error) }
    }
}

/// Above this power of ten (or below the lower one) a number is printed with an exponent.
const PLAIN_EXPONENTS: std::ops::RangeInclusive<i32> = -5..=5;

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = i32::try_from(f.precision().unwrap_or(2).clamp(1, 17)).expect("at most 17");
        let Self { value, error } = *self;
        if !value.is_finite() || !error.is_finite() || error <= 0.0 {
            return write!(f, "{value}({error})");
        }
        let of_error = exponent(error, digits);
        // The value as it will be shown: rounding may carry it over to the next power of ten.
        let shown = exponent(value, 17) - (of_error - digits);
        let leading =
            if value == 0.0 || shown < 1 { of_error } else { exponent(value, shown.min(17)).max(of_error) };
        if PLAIN_EXPONENTS.contains(&leading) {
            f.write_str(&bracketed(value, error, digits))
        } else {
            let scaled = bracketed(shift(value, -leading), shift(error, -leading), digits);
            write!(f, "{scaled}e{leading}")
        }
    }
}

/// The power of ten of the first digit of a positive or negative number once it is rounded to so many digits.
fn exponent(number: f64, digits: i32) -> i32 {
    let decimals = usize::try_from(digits - 1).expect("at least one digit");
    let text = format!("{number:.decimals$e}");
    let (_, exponent) = text.split_once('e').expect("the format has an exponent");
    exponent.parse().expect("the exponent is an integer")
}

/// number · 10^power in two steps, each of which stays within the range of f64.
fn shift(number: f64, power: i32) -> f64 {
    let half = power / 2;
    number * 10_f64.powi(half) * 10_f64.powi(power - half)
}

/// `value(error)` without an exponent.
fn bracketed(value: f64, error: f64, digits: i32) -> String {
    let first = exponent(error, digits);
    let last = first - (digits - 1);
    if last > 0 {
        let unit = 10_f64.powi(last);
        return format!("{:.0}({:.0})", (value / unit).round() * unit, (error / unit).round() * unit);
    }
    let decimals = usize::try_from(-last).expect("not positive");
    if first >= 0 {
        format!("{value:.decimals$}({error:.decimals$})")
    } else {
        format!("{value:.decimals$}({:.0})", shift(error, -last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: f64, error: f64) -> String {
        Estimate { value, error }.to_string()
    }

    #[test]
    fn display_follows_the_convention_of_the_field() {
        for (value, error, text) in [
            (1.234, 0.056, "1.234(56)"),
            (-1.234, 0.056, "-1.234(56)"),
            (0.0, 0.012, "0.000(12)"),
            (1.0, 0.0996, "1.00(10)"), // the error rounds up to the next power of ten
            (1.0, 0.996, "1.0(1.0)"),
            (12.34, 1.26, "12.3(1.3)"),
            (1234.0, 56.0, "1234(56)"),
            (12_341.0, 561.0, "12340(560)"),
            (1.0, 250.0, "0(250)"),
            (6.022_140_76e23, 1.1e16, "6.02214076(11)e23"),
            (1.0e-7, 2.5e-9, "1.000(25)e-7"),
            (9.999_96e-7, 1.0e-9, "1.0000(10)e-6"),
            (999_999.9, 1.0, "999999.9(1.0)"),
            (999_999.99, 1.0, "1.0000000(10)e6"),
            (1.0e-9, 3.0, "0.0(3.0)"),
            (3.0e-310, 1.0e-311, "3.00(10)e-310"),
        ] {
            assert_eq!(shown(value, error), text);
        }
    }

    #[test]
    fn display_without_an_error_shows_every_digit() {
        assert_eq!(shown(0.1, 0.0), "0.1(0)");
        assert_eq!(shown(0.1, f64::NAN), "0.1(NaN)");
        assert_eq!(shown(f64::INFINITY, 1.0), "inf(1)");
    }

    #[test]
    fn rejects_what_is_no_error() {
        assert!(Estimate::new(f64::NAN, 1.0).is_err());
        assert!(Estimate::new(1.0, f64::INFINITY).is_err());
        assert!(Estimate::new(1.0, -1.0).is_err());
    }

    #[test]
    fn differences_add_errors_in_quadrature() {
        let difference =
            Estimate { value: 5.0, error: 3.0 }.independent_difference(Estimate { value: 1.0, error: 4.0 });
        assert_eq!(difference, Estimate { value: 4.0, error: 5.0 });
        assert_eq!(difference.pull(-6.0), 2.0);
    }
}
