//! A floor out of the chain itself, for a key whose mark is lost: everything up to the newest block is closed, and some more.
//!
//! The newest block alone is not enough. The key may have signed at the height after it, which no block shows yet, and a node may
//! be behind; so a margin is added, and a node whose newest block is old is not believed. Where the newest block carries
//! the key's own precommit matters to the operator only: whether this is the right key, and whether somebody still signs with it.

use comet::{consensus::PublicKey, rpc::SignedHeader};
use thiserror::Error;

use crate::{
    doppelganger::{Sighting, sighting},
    mark::Hrs,
};

/// A node whose newest block is older than this many seconds is behind, or its chain has halted.
pub const FRESH: i64 = 60;

/// What one node says about the end of the chain.
#[derive(Clone, Debug)]
pub struct View {
    /// Its RPC.
    pub rpc: String,
    /// Its newest block.
    pub newest: SignedHeader,
}

/// Why there is no floor.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecoverError {
    /// Nobody was asked.
    #[error("no rpc was given")]
    NoRpc,
    /// The nodes may be behind.
    #[error("the newest block, {height}, is {age} s old: the nodes are behind, or the chain has halted")]
    Old {
        /// The newest height of all nodes.
        height: i64,
        /// Seconds since its time.
        age: i64,
    },
    /// Its newest block lies in the future, or has no time.
    #[error("the newest block, {height}, has the time {time:?}, which is not in the past")]
    Time {
        /// The newest height of all nodes.
        height: i64,
        /// As the node says it.
        time: String,
    },
}

/// The floor: above the newest block of any node, above everything already marked, by `margin` heights. `now` is in seconds since
/// 1970. With `halted` the age of the newest block does not matter.
pub fn floor(
    views: &[View],
    there: Option<Hrs>,
    margin: u32,
    now: i64,
    halted: bool,
) -> Result<Hrs, RecoverError> {
    let newest = views.iter().max_by_key(|view| view.newest.header.height).ok_or(RecoverError::NoRpc)?;
    let (height, time) = (newest.newest.header.height, newest.newest.header.time.as_str());
    match seconds(time).map(|at| now - at) {
        // Clocks of proposers may be a little ahead.
        Some(age) if halted || (-FRESH..=FRESH).contains(&age) => {}
        Some(age) if age > FRESH => return Err(RecoverError::Old { height, age }),
        _ => return Err(RecoverError::Time { height, time: time.chars().take(40).collect() }),
    }
    let there = there.map_or(0, |hrs| hrs.height);
    Ok(Hrs::whole_height(height.max(there).saturating_add(margin.into())))
}

/// The newest precommit of this key among commits.
pub fn newest_signed<'a>(
    commits: impl IntoIterator<Item = &'a SignedHeader>,
    key: &PublicKey,
) -> Option<Sighting> {
    commits.into_iter().filter_map(|signed| sighting(&signed.commit, key)).max_by_key(|seen| seen.hrs)
}

/// Seconds since 1970 of `2026-01-02T03:04:05…Z`, which is how every node writes a block's time.
fn seconds(time: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let marks = [(4, '-'), (7, '-'), (10, 'T'), (13, ':'), (16, ':')];
    let shape = marks.iter().all(|(at, mark)| time.get(*at..).is_some_and(|rest| rest.starts_with(*mark)));
    let ranges =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !shape || !time.ends_with('Z') || !ranges {
        return None;
    }
    // Days of the civil calendar, with the year beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mark::Step;

    const NOW: i64 = 1_767_323_045; // 2026-01-02T03:04:05Z

    fn view(height: i64, time: &str) -> View {
        let json = serde_json::json!({
            "header": {"chain_id": "c", "height": height.to_string(), "time": time},
            "commit": {"height": height.to_string()},
        });
        View { rpc: "http://n:1".into(), newest: serde_json::from_value(json).expect("a header") }
    }

    #[test]
    fn times_of_blocks() {
        for (time, expect) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-01-02T03:04:05Z", Some(NOW)),
            ("2026-01-02T03:04:05.123456789Z", Some(NOW)),
            ("2000-02-29T23:59:59Z", Some(951_868_799)),
            ("2024-03-01T00:00:00Z", Some(1_709_251_200)),
            ("0001-01-01T00:00:00Z", Some(-62_135_596_800)),
            ("2026-01-02T03:04:05+01:00", None),
            ("2026-13-02T03:04:05Z", None),
            ("2026-01-02 03:04:05Z", None),
            ("é026-01-02T03:04:05Z", None),
            ("", None),
        ] {
            assert_eq!(seconds(time), expect, "{time}");
        }
    }

    #[test]
    fn the_floor_lies_above_the_newest_block_and_the_mark() {
        let views = [view(90, "2026-01-02T03:02:00Z"), view(100, "2026-01-02T03:04:00Z")];
        let at = |there| floor(&views, there, 10, NOW, false);
        assert_eq!(at(None), Ok(Hrs::whole_height(110)));
        assert_eq!(at(Some(Hrs { height: 99, round: 0, step: Step::Propose })), Ok(Hrs::whole_height(110)));
        assert_eq!(at(Some(Hrs { height: 200, round: 0, step: Step::Propose })), Ok(Hrs::whole_height(210)));
    }

    #[test]
    fn old_blocks_are_not_believed() {
        let behind = [view(100, "2026-01-02T03:03:00Z")];
        assert_eq!(floor(&behind, None, 10, NOW, false), Err(RecoverError::Old { height: 100, age: 65 }));
        assert_eq!(floor(&behind, None, 10, NOW, true), Ok(Hrs::whole_height(110)));
        for time in ["2026-01-02T04:04:05Z", "", "yesterday"] {
            let error = floor(&[view(100, time)], None, 10, NOW, false);
            assert!(matches!(error, Err(RecoverError::Time { height: 100, .. })), "{time}");
        }
        assert_eq!(floor(&[], None, 10, NOW, false), Err(RecoverError::NoRpc));
    }
}
