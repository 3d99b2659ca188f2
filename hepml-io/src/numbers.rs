//! Numbers as generators write them: C's and Fortran's.

use std::str::SplitAsciiWhitespace;

/// What is wrong with a field; the reader adds where.
pub(crate) type Fault = String;

/// The whitespace-separated fields of a line.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    tokens: SplitAsciiWhitespace<'a>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(line: &'a str) -> Self {
        Self { tokens: line.split_ascii_whitespace() }
    }

    /// The next field.
    pub(crate) fn word(&mut self, what: &str) -> Result<&'a str, Fault> {
        self.tokens.next().ok_or_else(|| format!("expected {what}, but the line ends"))
    }

    /// The next field, if there is one.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        self.tokens.next()
    }

    /// The next field as a finite number.
    pub(crate) fn real(&mut self, what: &str) -> Result<f64, Fault> {
        self.word(what).and_then(|token| real(token, what))
    }

    /// `N` finite numbers.
    pub(crate) fn reals<const N: usize>(&mut self, what: [&str; N]) -> Result<[f64; N], Fault> {
        let mut numbers = [0.0; N];
        for (number, what) in numbers.iter_mut().zip(what) {
            *number = self.real(what)?;
        }
        Ok(numbers)
    }

    /// The next field as an integer.
    pub(crate) fn integer<T: TryFrom<i64>>(&mut self, what: &str) -> Result<T, Fault> {
        self.word(what).and_then(|token| integer(token, what))
    }
}

/// A finite number, in C's or in Fortran's notation (`1.5D+02`, `1.5+102`).
pub(crate) fn real(token: &str, what: &str) -> Result<f64, Fault> {
    let value = match token.parse::<f64>() {
        Ok(value) => value,
        Err(_) => fortran(token).ok_or_else(|| format!("expected {what}, found {:?}", clipped(token)))?,
    };
    if value.is_finite() { Ok(value) } else { Err(format!("{what} is not finite ({:?})", clipped(token))) }
}

/// An integer that fits its type.
pub(crate) fn integer<T: TryFrom<i64>>(token: &str, what: &str) -> Result<T, Fault> {
    let value: i64 =
        token.parse().map_err(|_| format!("expected {what} (an integer), found {:?}", clipped(token)))?;
    T::try_from(value).map_err(|_| format!("{what} is out of range ({value})"))
}

/// Fortran's notations that C does not know: `D` or `Q` for `E`, and three-digit exponents without a letter.
fn fortran(token: &str) -> Option<f64> {
    // The longest number any compiler prints is far shorter; this bounds the copy.
    if token.len() > 64 || !token.is_ascii() {
        return None;
    }
    let sign = token.starts_with(['+', '-']).into();
    let exponent = token[sign..].find(['D', 'd', 'Q', 'q', '+', '-'])? + sign;
    let (mantissa, exponent) = token.split_at(exponent);
    if mantissa.contains(['e', 'E']) || !mantissa.ends_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    format!("{mantissa}e{}", exponent.strip_prefix(['D', 'd', 'Q', 'q']).unwrap_or(exponent)).parse().ok()
}

/// The beginning of a field, for an error message.
pub(crate) fn clipped(token: &str) -> &str {
    match token.char_indices().nth(40) {
        Some((end, _)) => &token[..end],
        None => token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_of_c_and_fortran() {
        let known = [
            ("1", 1.0),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1.5e+02", -150.0),
            ("1.5D+02", 150.0),
            ("1.5d2", 150.0),
            ("-0.15Q-1", -0.015),
            ("1.5+102", 1.5e102),
            ("-1.5-102", -1.5e-102),
            ("+0.1-3", 1e-4),
        ];
        for (token, value) in known {
            assert_eq!(real(token, "x"), Ok(value), "{token}");
        }
    }

    #[test]
    fn what_is_no_finite_number_is_refused() {
        for token in [
            "nan", "NaN", "-inf", "Infinity", "1e999", "1.0D+999", "abc", "", "-", "1.5D", "e5", "1e5+2",
            "1DD5", "é+1",
        ] {
            assert!(real(token, "x").is_err(), "{token}");
        }
        assert!(integer::<i32>("3000000000", "n").is_err());
        assert!(integer::<u32>("-1", "n").is_err());
        assert!(integer::<i32>("1.0", "n").is_err());
        assert_eq!(integer::<i32>("+12", "n"), Ok(12));
    }

    #[test]
    fn fields_say_what_is_missing() {
        let mut fields = Fields::new("1  2.5 ");
        assert_eq!(fields.integer::<i32>("first"), Ok(1));
        assert_eq!(fields.reals(["second"]), Ok([2.5]));
        assert_eq!(fields.real("third"), Err("expected third, but the line ends".into()));
        assert!(real(&"9x".repeat(1000), "x").unwrap_err().len() < 100);
    }
}
