//! The live table: our validator, the five nearest to jail, the last block.

use super::seen::{Seen, SeenValidator};

/// Rows beside our own.
const WORST: usize = 5;
/// Columns of a moniker.
const NAME: usize = 24;

/// Draws the table, a line each.
pub fn draw(seen: &Seen) -> Vec<String> {
    let number = |value: Option<i64>| value.map_or_else(|| "–".into(), |value| value.to_string());
    let mut lines = vec![
        format!(
            "block {}   signed height {}   round {}",
            number(seen.height),
            number(seen.counted_height),
            seen.round.map_or_else(|| "–".into(), |round| round.to_string()),
        ),
        format!(
            "  {:<NAME$} {:>8} {:>7} {:>5} {:>10} {:>14} {:>9}",
            "validator", "signed", "missed", "nil", "window", "blocks to jail", "time"
        ),
    ];
    lines.extend(seen.own().map(|own| row("▶", own)));
    lines.extend(worst(seen).map(|validator| row(" ", validator)));
    lines
}

/// In the set first by blocks to jail, then whoever sits in jail already.
fn worst(seen: &Seen) -> impl Iterator<Item = &SeenValidator> {
    let mut others: Vec<_> = seen.validators.iter().filter(|v| !v.own && v.window_limit.is_some()).collect();
    others.sort_by_key(|v| {
        let window = std::cmp::Reverse(v.window_missed);
        (v.jailed != Some(true), v.blocks_to_jail.unwrap_or(i64::MAX), window)
    });
    others.into_iter().take(WORST)
}

fn row(mark: &str, validator: &SeenValidator) -> String {
    let window = match (validator.window_missed, validator.window_limit) {
        (Some(missed), Some(limit)) => format!("{missed}/{limit}"),
        _ => "–".into(),
    };
    let (blocks, time) = match (validator.tombstoned, validator.jailed, validator.blocks_to_jail) {
        (Some(true), _, _) => ("TOMBSTONED".into(), String::new()),
        (_, Some(true), _) => ("JAILED".into(), String::new()),
        (_, _, Some(blocks)) => {
            (blocks.to_string(), validator.seconds_to_jail.map_or_else(String::new, duration))
        }
        _ => ("–".into(), String::new()),
    };
    format!(
        "{mark} {} {:>8} {:>7} {:>5} {window:>10} {blocks:>14} {time:>9}",
        name(&validator.moniker),
        validator.signed,
        validator.missed,
        validator.nil,
    )
}

/// A moniker is whatever a stranger typed: no control characters, a fixed number of columns.
fn name(moniker: &str) -> String {
    let clean: String = moniker.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(NAME).collect();
    format!("{clean:<NAME$}")
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown as whole seconds")]
fn duration(seconds: f64) -> String {
    match seconds as u64 {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validator(moniker: &str, missed: i64, to_jail: i64) -> SeenValidator {
        SeenValidator {
            moniker: moniker.into(),
            window_missed: Some(missed),
            window_limit: Some(50),
            blocks_to_jail: Some(to_jail),
            seconds_to_jail: Some(90.4),
            ..SeenValidator::default()
        }
    }

    #[test]
    fn own_first_then_the_worst() {
        let mut validators: Vec<_> = (0..9).map(|i| validator(&format!("v{i}"), i, 51 - i)).collect();
        validators[3].own = true;
        validators[0].jailed = Some(true);
        let lines = draw(&Seen { height: Some(8), validators, ..Seen::default() });
        let names: Vec<_> =
            lines[2..].iter().map(|l| l.trim_start_matches('▶').split_whitespace().next()).collect();
        assert_eq!(names, ["v3", "v0", "v8", "v7", "v6", "v5"].map(Some));
        assert!(lines[3].contains("JAILED") && lines[4].contains("43") && lines[4].contains("90 s"));
    }

    #[test]
    fn a_moniker_cannot_draw_on_the_terminal() {
        assert_eq!(name("\x1b[31mred\u{202e}").trim_end(), "[31mred");
        assert_eq!(name("").len(), NAME);
    }
}
