//! Arithmetic and text of the chain's time, which is protobuf's `Timestamp` everywhere.
//!
//! Nanoseconds in 64 bits would end in 2262, but a tombstoned validator is jailed until 9999.

use std::time::Duration;

use comet::privval::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `at` and `by` added.
pub fn plus(at: Timestamp, by: Duration) -> Timestamp {
    from_nanos(nanos(at) + i128::try_from(by.as_nanos()).unwrap_or(i128::MAX / 2))
}

/// Nanoseconds since 1970.
pub fn nanos(at: Timestamp) -> i128 {
    i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos)
}

/// The moment so many nanoseconds after 1970; the end of time where that does not fit.
pub fn from_nanos(nanos: i128) -> Timestamp {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    let nanos = i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default();
    Timestamp { seconds, nanos }
}

/// RFC 3339 with as many digits as needed, as Go writes it; `0001-01-01T00:00:00Z` for a moment out of range.
pub fn rfc3339(at: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(nanos(at))
        .ok()
        .and_then(|t| t.format(&Rfc3339).ok())
        .unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_as_go_writes_it() {
        assert_eq!(
            rfc3339(Timestamp { seconds: 1_700_000_000, nanos: 123_456_000 }),
            "2023-11-14T22:13:20.123456Z"
        );
        assert_eq!(rfc3339(Timestamp::GO_ZERO), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(Timestamp { seconds: 1_700_000_000, nanos: 0 }), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn adding_carries_over_seconds() {
        let at = Timestamp { seconds: -1, nanos: 600_000_000 };
        assert_eq!(plus(at, Duration::from_millis(500)), Timestamp { seconds: 0, nanos: 100_000_000 });
    }
}
