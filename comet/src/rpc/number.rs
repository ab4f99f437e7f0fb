//! Numbers and arrays the way CometBFT writes them: int64 as strings, int32 as numbers, empty lists as `null`.
//!
//! Which of the two a field uses has changed between lines (amino 0.33 writes `round` as a string), so reading
//! accepts both everywhere.

use serde::{Deserialize, Deserializer, Serializer, de};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

struct Lenient<T>(PhantomData<T>);

impl<T> de::Visitor<'_> for Lenient<T>
where
    T: FromStr + TryFrom<i64> + TryFrom<u64> + Default,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, as a number or as a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        if text.is_empty() {
            return Ok(T::default());
        }
        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        Ok(T::default())
    }
}

/// Reads an integer that may be a number, a string, empty or `null` (zero).
pub fn lenient<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr + TryFrom<i64> + TryFrom<u64> + Default,
{
    from.deserialize_any(Lenient(PhantomData))
}

/// An int64 or uint64 field: written as a string, read as either.
pub mod quoted {
    use super::{Deserializer, FromStr, Serializer};
    use std::fmt::Display;

    /// Writes `"5"`.
    pub fn serialize<S: Serializer, T: Display>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    /// Reads `"5"` or `5`.
    pub fn deserialize<'de, D, T>(from: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr + TryFrom<i64> + TryFrom<u64> + Default,
    {
        super::lenient(from)
    }
}

/// A value whose `null` means the default.
pub fn nullable<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}
