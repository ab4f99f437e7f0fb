//! `LegacyDec`: a decimal with exactly 18 digits, as an integer.
//!
//! Floats would be wrong: 0.05 has no binary form, and the jailing limit is decided by banker's rounding of a product
//! that lands on exactly one half for some windows (spec/slashing.md §4).

use std::fmt;
use std::str::FromStr;

const ONE: i128 = 1_000_000_000_000_000_000;

/// A decimal with 18 digits after the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dec(i128);

/// A text that is not such a decimal, or too large for 128 bits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal with at most 18 digits after the point")]
pub struct DecError(String);

impl Dec {
    /// The decimal `units / 10^18`.
    pub fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The integer `self * 10^18`.
    pub fn units(self) -> i128 {
        self.0
    }

    /// From the bytes of a protobuf field: ASCII digits of the units.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, DecError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DecError("bytes that are not text".into()))?;
        text.parse().map(Self).map_err(|_| DecError(text.chars().take(80).collect()))
    }

    /// As the bytes of a protobuf field.
    pub fn to_wire(self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    /// `MulInt64(n).RoundInt64()`: the product rounded to the nearest integer, halves to the even one. `None` where the
    /// SDK would panic.
    pub fn mul_round(self, n: i64) -> Option<i64> {
        let product = self.0.checked_mul(i128::from(n))?;
        let (quotient, rest) =
            (product.unsigned_abs() / ONE.unsigned_abs(), product.unsigned_abs() % ONE.unsigned_abs());
        let half = ONE.unsigned_abs() / 2;
        let up = rest > half || (rest == half && quotient % 2 == 1);
        let magnitude = i128::try_from(quotient + u128::from(up)).ok()?;
        i64::try_from(if product < 0 { -magnitude } else { magnitude }).ok()
    }
}

/// Reads `0.05`: the human form of files and REST answers.
impl FromStr for Dec {
    type Err = DecError;

    fn from_str(text: &str) -> Result<Self, DecError> {
        let error = || DecError(text.chars().take(80).collect());
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |d| (true, d));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || fraction.len() > 18
            || !plain(whole)
            || !plain(fraction)
            || digits.ends_with('.')
        {
            return Err(error());
        }
        let whole: i128 = whole.parse().map_err(|_| error())?;
        let fraction: i128 = format!("{fraction:0<18}").parse().map_err(|_| error())?;
        let units = whole.checked_mul(ONE).and_then(|w| w.checked_add(fraction)).ok_or_else(error)?;
        Ok(Self(if negative { -units } else { units }))
    }
}

/// Writes `0.050000000000000000`, as the SDK does.
impl fmt::Display for Dec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:018}", units / ONE.unsigned_abs(), units % ONE.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_halves_to_even() {
        // spec/slashing.md §4
        for (window, min, expected) in [
            (10_000, "0.05", 500),
            (10_001, "0.5", 5000),
            (10_003, "0.5", 5002),
            (100, "0.5", 50),
            (3, "0.5", 2),
            (1, "0.5", 0),
            (10, "0.049999999999999999", 0),
            (10, "0.050000000000000001", 1),
            (30_000, "0.05", 1500),
        ] {
            assert_eq!(min.parse::<Dec>().unwrap().mul_round(window), Some(expected), "{window} x {min}");
        }
        assert_eq!("-0.5".parse::<Dec>().unwrap().mul_round(3), Some(-2));
        assert_eq!(Dec::from_units(i128::MAX).mul_round(2), None);
        assert_eq!(Dec::from_units(i128::MAX).mul_round(1), None, "does not fit an int64");
    }

    #[test]
    fn reads_and_writes_both_forms() {
        let dec = Dec::from_wire(b"50000000000000000").unwrap();
        assert_eq!(dec.to_string(), "0.050000000000000000");
        assert_eq!(dec, "0.05".parse().unwrap());
        assert_eq!(dec.to_wire(), b"50000000000000000");
        for bad in ["", ".5", "5.", "1e3", "0.0000000000000000001", "--1", "0.-5", "1.2.3", "９"] {
            assert!(bad.parse::<Dec>().is_err(), "{bad:?}");
        }
        assert!(Dec::from_wire(b"0.5").is_err());
        assert!(Dec::from_wire(&[0xff]).is_err());
        assert!(Dec::from_wire(b"").is_err());
    }
}
