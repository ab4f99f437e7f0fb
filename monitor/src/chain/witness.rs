//! The chain as a witness against the own arithmetic: its events block by block, and its whole state at an anchor.
//!
//! A contradiction is only a suspicion, because the parameters may have changed; the next anchor convicts or explains it.

use super::State;
use crate::change::Change;
use crate::event::Claims;
use crate::jailing::Params;
use crate::line::Rules;
use crate::windows::{Outside, Source, Step, Windows};
use comet::key::Address;

/// Own arithmetic against the chain's events of the same block. The chain's word wins.
pub(super) fn check(
    windows: &mut Windows,
    step: &Step,
    claims: &Claims,
    evidence: bool,
    height: i64,
    changes: &mut Vec<Change>,
) {
    for (address, chain) in &claims.liveness {
        let own = step.liveness.get(address);
        let entry = windows.entries.get_mut(address).filter(|_| !step.jailed.contains(address));
        if let Some(entry) = entry.filter(|e| !e.window.is_counted()) {
            // Only bounds are known: the event says where between them.
            entry.window.told(&windows.params, *chain);
        }
        if own.is_some_and(|bounds| bounds.contains(chain)) {
            continue;
        }
        let own = own.map(|bounds| *bounds.end());
        changes.push(Change::Contradicted { address: *address, height, own, chain: Some(*chain) });
    }
    for (address, own) in &step.liveness {
        if !claims.liveness.iter().any(|(a, _)| a == address) {
            let own = Some(*own.end());
            changes.push(Change::Contradicted { address: *address, height, own, chain: None });
        }
    }
    for address in &step.jailed {
        if !claims.jailed.contains(address) {
            changes.push(Change::Contradicted { address: *address, height, own: None, chain: None });
        }
    }
    for what in outside(claims, step, evidence) {
        windows.outside(what, height);
        if let Outside::Jailed(address) | Outside::Idle(address) = what {
            changes.push(Change::Jailed { address, height });
        }
    }
}

/// What an older anchor needs to be told: [`outside`], and the jailings that own arithmetic knew of and the chain does not
/// deny. Where only counters were read the anchor's own arithmetic cannot be sure of them.
pub(super) fn noted(claims: Option<&Claims>, step: &Step, evidence: bool) -> Vec<Outside> {
    let denied = |address: &&Address| claims.is_some_and(|claims| !claims.jailed.contains(address));
    let own = step.jailed.iter().filter(|a| !denied(a)).copied().map(Outside::Idle);
    own.chain(claims.map(|claims| outside(claims, step, evidence)).unwrap_or_default()).collect()
}

/// What the events say that own arithmetic has not decided. In a block with evidence a jailing is for that.
pub(super) fn outside(claims: &Claims, step: &Step, evidence: bool) -> Vec<Outside> {
    let unseen = claims.jailed.iter().filter(|a| !step.jailed.contains(a)).copied();
    let jailed = unseen.map(if evidence { Outside::Jailed } else { Outside::Idle });
    let rotated = claims.rotated.iter().map(|(old, new)| Outside::Rotated { old: *old, new: *new });
    jailed.chain(rotated).collect()
}

/// Brings a pending anchor to the head, compares it with the own windows and takes its place.
pub(super) fn join_anchor(state: &mut State, changes: &mut Vec<Change>) {
    let (Some(head), Some(anchor)) = (&state.head, &state.pending) else { return };
    if anchor.height > head.height {
        return;
    }
    let (head_height, head_time) = (head.height, head.time);
    let Some(anchor) = state.pending.take() else { return };
    let (height, params, rules) = (anchor.height, anchor.params, anchor.rules);
    let Some(mut windows) = anchor.replay(&state.recent, &state.outside, head_height, head_time) else {
        changes.push(Change::AnchorLost { height });
        return;
    };
    settle(state, height, params, rules, changes);
    let comparable = state
        .windows
        .as_ref()
        .filter(|own| own.height == windows.height && own.params == params && own.rules == rules);
    if let (Some(own), Some(row)) = (comparable, state.recent.back()) {
        let differ = match (own.source, windows.source) {
            (_, Source::Store) => own.disagreements(&windows, &row.set),
            _ => windows.keep_bits_of(own, &row.set),
        };
        for address in differ {
            let missed = |w: &Windows| w.entries.get(&address).map(|e| e.window.missed);
            let (own, chain) = (missed(own), missed(&windows));
            changes.push(Change::Disagreement { address, height, own, chain });
            state.disagreements += 1;
        }
    }
    state.windows = Some(windows);
    changes.push(Change::Anchored { height });
}

/// An anchor says why the chain contradicted: other parameters or rules (an upgrade) explain all that was computed with the old ones, the
/// same parameters convict the own arithmetic. A contradiction in block `h` is settled by the state after `h - 1`, which
/// its BeginBlock started from.
fn settle(state: &mut State, height: i64, params: Params, rules: Rules, changes: &mut Vec<Change>) {
    if state.windows.as_ref().is_some_and(|own| own.params != params || own.rules != rules) {
        state.suspicions.clear();
        changes.push(Change::Params { height });
        return;
    }
    let open = state.suspicions.len();
    state.suspicions.retain(|h| *h > height + 1);
    state.disagreements += (open - state.suspicions.len()) as u64;
}
