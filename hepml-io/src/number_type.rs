//! Types of numbers that are known only at run time.

/// The type of numbers in a binary file: floating point, whole or truth value, 1 to 8 bytes, in either byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberType {
    kind: Kind,
    size: usize,
    big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    Signed,
    Unsigned,
    Bool,
}

impl NumberType {
    /// A number of `size` bytes, if there is such a type.
    #[cfg(feature = "hdf5")]
    pub(crate) fn new(kind: Kind, size: usize, big_endian: bool) -> Option<Self> {
        let known: &[usize] = match kind {
            Kind::Float => &[2, 4, 8],
            Kind::Signed | Kind::Unsigned => &[1, 2, 4, 8],
            Kind::Bool => &[1],
        };
        known.contains(&size).then_some(Self { kind, size, big_endian })
    }

    /// The number of bytes.
    pub(crate) fn size(self) -> usize {
        self.size
    }

    /// The type that NumPy calls `descr`.
    pub(crate) fn of_numpy(descr: &str) -> Result<Self, String> {
        let (order, code) = match descr.as_bytes() {
            [order @ (b'<' | b'>' | b'=' | b'|'), code @ ..] => (*order, code),
            code => (b'=', code),
        };
        let kind = match code {
            b"f2" | b"f4" | b"f8" => Kind::Float,
            b"i1" | b"i2" | b"i4" | b"i8" => Kind::Signed,
            b"u1" | b"u2" | b"u4" | b"u8" => Kind::Unsigned,
            b"b1" | b"?" => Kind::Bool,
            [b'O', ..] => return Err("arrays of Python objects are pickles and are not read".into()),
            _ => return Err(format!("numbers of type {descr:?} are not read")),
        };
        let size = if kind == Kind::Bool { 1 } else { usize::from(code[1] - b'0') };
        let native = cfg!(target_endian = "big");
        Ok(Self { kind, size, big_endian: order == b'>' || order == b'=' && native })
    }

    /// The number in `bytes`, or the text of one that f64 cannot hold.
    pub(crate) fn decode(self, bytes: &[u8]) -> Result<f64, String> {
        let mut wide = [0; 8];
        // As a little-endian number of 8 bytes, whatever it was.
        for (to, index) in wide.iter_mut().zip(0..self.size) {
            *to = bytes[if self.big_endian { self.size - 1 - index } else { index }];
        }
        let bits = u64::from_le_bytes(wide);
        let unused = 64 - 8 * self.size;
        match self.kind {
            Kind::Float => Ok(match self.size {
                2 => half(u16::from_le_bytes([wide[0], wide[1]])),
                4 => f64::from(f32::from_le_bytes([wide[0], wide[1], wide[2], wide[3]])),
                _ => f64::from_bits(bits),
            }),
            Kind::Signed => exact_i64((bits << unused).cast_signed() >> unused),
            Kind::Unsigned => exact_u64(bits),
            Kind::Bool => Ok(f64::from(u8::from(bits != 0))),
        }
    }
}

/// A whole number as f64.
pub(crate) fn exact_i64(value: i64) -> Result<f64, String> {
    let float = value as f64;
    // 2^63 itself would saturate back to i64::MAX.
    #[expect(clippy::cast_possible_truncation, reason = "compared with the original")]
    if float < 9_223_372_036_854_775_808.0 && float as i64 == value {
        Ok(float)
    } else {
        Err(format!("{value} is not exactly representable as a 64-bit float"))
    }
}

/// A whole number as f64.
pub(crate) fn exact_u64(value: u64) -> Result<f64, String> {
    let float = value as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared with the original")]
    if float < 18_446_744_073_709_551_616.0 && float as u64 == value {
        Ok(float)
    } else {
        Err(format!("{value} is not exactly representable as a 64-bit float"))
    }
}

/// An IEEE 754 half-precision number.
pub(crate) fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_have_the_values_of_ieee_754() {
        // 1, -2, the largest, the smallest normal, the smallest subnormal (IEEE 754-2019, binary16).
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 2_f64.powi(-14)),
            (0x0001, 2_f64.powi(-24)),
        ] {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert!(half(0x7c01).is_nan());
        assert!(half(0x8000).is_sign_negative());
    }
}
