//! The chain as a witness against the own arithmetic: its events block by block, and its whole state at an anchor.
//!
//! A contradiction is only a suspicion, because the parameters may have changed; the next anchor convicts or explains it.

use super::State;
use crate::change::Change;
use crate::event::Claims;
use crate::jailing::Params;
use crate::windows::{Source, Step, Windows};

/// Own arithmetic against the chain's events of the same block. The chain's word wins.
pub(super) fn check(
    windows: &mut Windows,
    step: &Step,
    claims: &Claims,
    height: i64,
    changes: &mut Vec<Change>,
) {
    for (address, chain) in &claims.liveness {
        let own = step.liveness.get(address).copied();
        if own == Some(*chain) {
            continue;
        }
        if let Some(entry) = windows.entries.get_mut(address).filter(|e| e.window.bits.is_none()) {
            // Only a counter is known: the event corrects it, and that is no disagreement.
            entry.window.missed = *chain;
            continue;
        }
        changes.push(Change::Contradicted { address: *address, height, own, chain: Some(*chain) });
    }
    for (address, own) in &step.liveness {
        if !claims.liveness.iter().any(|(a, _)| a == address) {
            changes.push(Change::Contradicted { address: *address, height, own: Some(*own), chain: None });
        }
    }
    for address in &step.jailed {
        if !claims.jailed.contains(address) {
            changes.push(Change::Contradicted { address: *address, height, own: None, chain: None });
        }
    }
    for address in claims.jailed.iter().filter(|a| !step.jailed.contains(a)) {
        windows.jail(address, height);
        changes.push(Change::Jailed { address: *address, height });
    }
}

/// Brings a pending anchor to the head, compares it with the own windows and takes its place.
pub(super) fn join_anchor(state: &mut State, changes: &mut Vec<Change>) {
    let (Some(head), Some(anchor)) = (&state.head, &state.pending) else { return };
    if anchor.height > head.height {
        return;
    }
    let (head_height, head_time) = (head.height, head.time);
    let Some(anchor) = state.pending.take() else { return };
    let (height, params) = (anchor.height, anchor.params);
    let Some(windows) = anchor.replay(&state.recent, &state.jailings, head_height, head_time) else {
        changes.push(Change::AnchorLost { height });
        return;
    };
    settle(state, height, params, changes);
    let comparable = state.windows.as_ref().filter(|own| {
        own.height == windows.height
            && own.params == params
            && own.source == Source::Store
            && windows.source == Source::Store
    });
    if let (Some(own), Some(row)) = (comparable, state.recent.back()) {
        for address in own.disagreements(&windows, &row.set) {
            let missed = |w: &Windows| w.entries.get(&address).map(|e| e.window.missed);
            let (own, chain) = (missed(own), missed(&windows));
            changes.push(Change::Disagreement { address, height, own, chain });
            state.disagreements += 1;
        }
    }
    state.windows = Some(windows);
    changes.push(Change::Anchored { height });
}

/// An anchor says why the chain contradicted: other parameters explain all that was computed with the old ones, the
/// same parameters convict the own arithmetic. A contradiction in block `h` is settled by the state after `h - 1`, which
/// its BeginBlock started from.
fn settle(state: &mut State, height: i64, params: Params, changes: &mut Vec<Change>) {
    if state.windows.as_ref().is_some_and(|own| own.params != params) {
        state.suspicions.clear();
        changes.push(Change::Params { height });
        return;
    }
    let open = state.suspicions.len();
    state.suspicions.retain(|h| *h > height + 1);
    state.disagreements += (open - state.suspicions.len()) as u64;
}
