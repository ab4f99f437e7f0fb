//! One validator in depth, worked out when somebody asks: which slots of its window fall out when, where its counter goes
//! from here, and every height that is remembered.

use crate::chain::State;
use crate::jailing::{Params, Window};
use comet::key::Address;
use serde::Serialize;

/// Points of a curve, at most.
const POINTS: i64 = 200;

/// One validator in depth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// Last remembered height.
    pub to: i64,
    /// One letter per height up to it, as in the grid.
    pub flags: String,
    /// One digit per height: the round that decided it, `+` above nine, `?` unknown.
    pub rounds: String,
    /// Its slashing window.
    pub window: Option<WindowDetail>,
}

/// A slashing window in depth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WindowDetail {
    /// After the BeginBlock of this height.
    pub height: i64,
    /// W.
    pub blocks: i64,
    /// M.
    pub limit: Option<i64>,
    /// C.
    pub missed: i64,
    /// Runs of missed slots: the first falls out after so many blocks, and how many follow each other. `None` where the
    /// chain tells the counter only, like the curves.
    pub misses: Option<Vec<(i64, i64)>>,
    /// `(blocks from now, C)` if it misses all, without regard to jail.
    pub down: Option<Vec<(i64, i64)>>,
    /// The same if it signs all.
    pub signing: Option<Vec<(i64, i64)>>,
}

/// `None` for an address nothing is known of.
pub fn detail(state: &State, address: &Address) -> Option<Detail> {
    let entry = state.windows().and_then(|w| Some((w, w.entries.get(address)?)));
    if state.tally(address).is_none() && entry.is_none() {
        return None;
    }
    let to = state.recent().next_back().map_or(0, |row| row.height);
    let from = state.recent().next().map_or(to + 1, |row| row.height);
    let length = usize::try_from(to - from + 1).unwrap_or(0);
    let (mut flags, mut rounds) = (vec!['?'; length], vec!['?'; length]);
    for row in state.recent() {
        let Ok(at) = usize::try_from(row.height - from) else { continue };
        flags[at] = row.of(address).map_or('-', |(flag, proposed)| flag.letter(proposed));
        rounds[at] = round_letter(row.round);
    }
    Some(Detail {
        to,
        flags: flags.into_iter().collect(),
        rounds: rounds.into_iter().collect(),
        window: entry.map(|(windows, entry)| window(&entry.window, &windows.params, windows.height)),
    })
}

/// The round that decided a height, as one letter.
pub(super) fn round_letter(round: i32) -> char {
    u32::try_from(round).ok().and_then(|r| char::from_digit(r, 10)).unwrap_or('+')
}

fn window(window: &Window, params: &Params, height: i64) -> WindowDetail {
    let mut detail = WindowDetail {
        height,
        blocks: params.window,
        limit: params.max_missed(),
        missed: window.missed,
        ..WindowDetail::default()
    };
    let Some(bits) = &window.bits else { return detail };
    let (slots, next) = (params.slots(), window.slot(params));
    let mut runs: Vec<(i64, i64)> = Vec::new();
    let (mut down, mut signing) = (vec![(0, window.missed)], vec![(0, window.missed)]);
    let (mut up, mut off) = (window.missed, window.missed);
    let step = (params.window / POINTS).max(1);
    for k in 1..=params.window {
        let Some(slot) = usize::try_from(k - 1).ok().map(|k| (next + k) % slots) else { break };
        if bits.get(slot) {
            off -= 1;
            match runs.last_mut() {
                Some((from, length)) if *from + *length == k => *length += 1,
                _ => runs.push((k, 1)),
            }
        } else {
            up += 1;
        }
        if k % step == 0 || k == params.window {
            down.push((k, up));
            signing.push((k, off));
        }
    }
    detail.misses = Some(runs);
    detail.down = Some(down);
    detail.signing = Some(signing);
    detail
}

#[cfg(test)]
mod tests {
    use super::*;
    use comet::sdk::decimal::Dec;
    use proptest::prelude::*;

    proptest! {
        /// Runs and curves against windows that really go on.
        #[test]
        fn the_curves_are_what_happens(
            size in 1i64..300,
            history in proptest::collection::vec(proptest::bool::weighted(0.3), 0..700),
        ) {
            let min_signed = Dec::from_units(0);
            let params = Params { window: size, min_signed, jail_duration: 0, slash_downtime: Dec::default() };
            let mut now = Window::fresh(0);
            for (height, missed) in (3..).zip(history) {
                now.handle(&params, height, missed);
            }
            let shown = window(&now, &params, 1_000);
            let (mut down, mut signing) = (now.clone(), now.clone());
            let mut falls = Vec::new();
            for k in 1..=size {
                let before = signing.missed;
                down.handle(&params, 1_000 + k, true);
                signing.handle(&params, 1_000 + k, false);
                if signing.missed < before {
                    falls.push(k);
                }
                let at = |curve: &Option<Vec<(i64, i64)>>| curve.as_ref().unwrap().iter().find(|p| p.0 == k).map(|p| p.1);
                prop_assert!(at(&shown.down).is_none_or(|c| c == down.missed));
                prop_assert!(at(&shown.signing).is_none_or(|c| c == signing.missed));
            }
            let told: Vec<i64> = shown.misses.unwrap().iter().flat_map(|(from, length)| *from..from + length).collect();
            prop_assert_eq!(told, falls);
            prop_assert_eq!(shown.down.unwrap().last().unwrap().0, size);
        }
    }
}
