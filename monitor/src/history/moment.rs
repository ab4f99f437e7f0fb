//! A place in a history, as a human says it: a height, a time, or how long ago.

use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

/// Where something begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A height.
    Height(i64),
    /// Unix nanoseconds.
    Time(i64),
}

/// That a text is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is no height, time or age\ntry: 1234567, 2026-11-21, 2026-11-21T10:00:00Z or 24h (also s, m, d, w)"
)]
pub struct MomentError(String);

impl Moment {
    /// Reads `text`; ages count back from `now`, Unix nanoseconds.
    pub fn parse(text: &str, now: i64) -> Result<Self, MomentError> {
        let bad = || MomentError(text.into());
        if let Ok(height) = text.parse::<i64>() {
            return if height >= 0 { Ok(Self::Height(height)) } else { Err(bad()) };
        }
        if let Some(age) = seconds(text) {
            return Ok(Self::Time(now - age.checked_mul(1_000_000_000).ok_or_else(bad)?));
        }
        let at = match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(at) => at,
            Err(_) => {
                let day = time::format_description::parse_borrowed::<2>("[year]-[month]-[day]");
                let day = day.ok().and_then(|day| Date::parse(text, &day).ok()).ok_or_else(bad)?;
                day.midnight().assume_utc()
            }
        };
        i64::try_from(at.unix_timestamp_nanos()).map(Self::Time).map_err(|_| bad())
    }
}

/// `90d`, `12h`, `2w` in seconds.
pub fn seconds(text: &str) -> Option<i64> {
    let unit = match text.chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let count: i64 = text[..text.len() - 1].parse().ok()?;
    (count >= 0).then(|| count.checked_mul(unit)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_times_and_ages() {
        let now = 1_000_000_000_000_000_000;
        let parse = |text| Moment::parse(text, now).unwrap();
        assert_eq!(parse("17"), Moment::Height(17));
        assert_eq!(parse("1970-01-02"), Moment::Time(86_400_000_000_000));
        assert_eq!(parse("1970-01-01T00:00:01.5Z"), Moment::Time(1_500_000_000));
        assert_eq!(parse("2h"), Moment::Time(now - 7_200_000_000_000));
        for bad in ["", "-5", "yesterday", "5y", "2026-13-01", "h", "99999999999999999w"] {
            assert!(Moment::parse(bad, now).is_err(), "{bad}");
        }
    }
}
