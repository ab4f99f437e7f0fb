//! Spans of time as a human writes them: `30s`, `10m`, `4h`, `7d`.

/// In milliseconds; `None` for anything else.
pub fn parse(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let number: i64 = number.parse().ok().filter(|n| *n >= 0)?;
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn spans() {
        assert_eq!(
            ["30s", "10m", "4h", "7d", "0s"].map(parse),
            [30_000, 600_000, 14_400_000, 604_800_000, 0].map(Some)
        );
        for bad in ["", "s", "10", "-1s", "1.5h", "1w", "10 m", "99999999999999999d", "é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
