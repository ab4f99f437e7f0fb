//! From TOML to a [`Script`].

use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use super::{Answers, Choice, Overrides, RoundFault, Script, VoteFault};
use crate::app::Operation;
use crate::line::Line;

/// A script that cannot be used.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// Not the TOML expected.
    #[error("script: {0}")]
    Toml(#[from] toml::de::Error),
    /// A value that is no decimal or duration.
    #[error("script: {0:?} is not a {1}")]
    Value(String, &'static str),
    /// An event without or with two actions.
    #[error("script: the event at height {0} has {1} actions; it needs exactly one")]
    Actions(i64, usize),
    /// An event about a validator without one.
    #[error("script: the event at height {0} names no validator")]
    NoValidator(i64),
    /// A window without blocks.
    #[error("script: a window of {0} blocks")]
    Window(i64),
    /// An event before the first block.
    #[error("script: height {0} is before the first block")]
    Height(i64),
    /// A validator that is no seat.
    #[error("script: validator {0} does not exist; seats are 0 to {1}")]
    NoSeat(usize, usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    #[serde(default)]
    chain: RawChain,
    #[serde(default)]
    random: RawRandom,
    #[serde(default)]
    event: Vec<RawEvent>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChain {
    window: Option<i64>,
    min_signed: Option<String>,
    jail: Option<String>,
    sdk: Option<Line>,
    max_validators: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRandom {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    miss_per_million: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    at: i64,
    validator: Option<usize>,
    blocks: Option<i64>,
    // The actions.
    down: Option<i64>,
    miss: Option<i64>,
    nil: Option<i64>,
    miss_every: Option<i64>,
    nil_every: Option<i64>,
    late_rounds: Option<i32>,
    late_round_every: Option<i64>,
    power: Option<u64>,
    join: Option<u64>,
    moniker: Option<String>,
    leave: Option<bool>,
    unjail: Option<bool>,
    halt: Option<String>,
    equivocate: Option<bool>,
    rpc_garbage: Option<i64>,
    rpc_unavailable: Option<i64>,
    rpc_slow: Option<String>,
    window: Option<i64>,
    min_signed: Option<String>,
}

pub(super) fn parse(toml: &str, seats: usize) -> Result<Script, ScriptError> {
    let raw: RawScript = toml::from_str(toml)?;
    let windows = raw.event.iter().filter_map(|e| e.window).chain(raw.chain.window);
    if let Some(window) = windows.into_iter().find(|w| *w < 1) {
        return Err(ScriptError::Window(window));
    }
    let mut script = Script {
        overrides: Overrides {
            window: raw.chain.window,
            min_signed: raw.chain.min_signed.as_deref().map(decimal).transpose()?,
            jail: raw.chain.jail.as_deref().map(duration).transpose()?,
            line: raw.chain.sdk,
            max_validators: raw.chain.max_validators,
        },
        seed: raw.random.seed,
        miss_per_million: raw.random.miss_per_million,
        ..Script::default()
    };
    for event in &raw.event {
        add(&mut script, event, seats)?;
    }
    let last = seats + script.joiners.len();
    let named = script.votes.iter().map(|f| f.seat).chain(script.equivocations.iter().map(|(_, seat)| *seat));
    let stranger = named.chain(script.operations.iter().filter_map(|(_, o)| seat_of(o))).find(|s| *s >= last);
    stranger.map_or(Ok(script), |seat| Err(ScriptError::NoSeat(seat, last.saturating_sub(1))))
}

fn seat_of(operation: &Operation) -> Option<usize> {
    match operation {
        Operation::Power { seat, .. }
        | Operation::Join { seat, .. }
        | Operation::Leave { seat }
        | Operation::Unjail { seat } => Some(*seat),
        Operation::Limits { .. } => None,
    }
}

fn add(script: &mut Script, event: &RawEvent, seats: usize) -> Result<(), ScriptError> {
    let at = event.at;
    if at < 1 {
        return Err(ScriptError::Height(at));
    }
    let before = size(script);
    let seat = || event.validator.ok_or(ScriptError::NoValidator(at));
    let open_end = event.blocks.map_or(i64::MAX, |n| at.saturating_add(n));
    let votes = [(event.down, Choice::Down), (event.miss, Choice::Late), (event.nil, Choice::Nil)];
    for (blocks, choice) in votes {
        if let Some(blocks) = blocks {
            let heights = at..at.saturating_add(blocks);
            script.votes.push(VoteFault { seat: seat()?, heights, every: 1, choice });
        }
    }
    for (every, choice) in [(event.miss_every, Choice::Late), (event.nil_every, Choice::Nil)] {
        if let Some(every) = every {
            script.votes.push(VoteFault { seat: seat()?, heights: at..open_end, every, choice });
        }
    }
    if let Some(rounds) = event.late_rounds {
        script.rounds.push(RoundFault { heights: at..at + 1, every: 1, rounds });
    }
    if let Some(every) = event.late_round_every {
        script.rounds.push(RoundFault { heights: at..open_end, every, rounds: 1 });
    }
    if let Some(coins) = event.power {
        script.operations.push((at, Operation::Power { seat: seat()?, coins }));
    }
    if let Some(coins) = event.join {
        // Without a number it is a newcomer, with one a validator that comes back.
        let newcomer = seats + script.joiners.len();
        let seat = event.validator.unwrap_or(newcomer);
        if seat == newcomer {
            let moniker = event.moniker.clone().unwrap_or_else(|| format!("newcomer-{seat}"));
            script.joiners.push((seat, moniker));
        }
        script.operations.push((at, Operation::Join { seat, coins }));
    }
    if event.leave == Some(true) {
        script.operations.push((at, Operation::Leave { seat: seat()? }));
    }
    if event.unjail == Some(true) {
        script.operations.push((at, Operation::Unjail { seat: seat()? }));
    }
    if event.window.is_some() || event.min_signed.is_some() {
        let min_signed = event.min_signed.as_deref().map(decimal).transpose()?;
        script.operations.push((at, Operation::Limits { window: event.window, min_signed }));
    }
    if let Some(pause) = &event.halt {
        script.halts.push((at, duration(pause)?));
    }
    if event.equivocate == Some(true) {
        script.equivocations.push((at, seat()?));
    }
    let until = |blocks: i64| -> Range<i64> { at..at.saturating_add(blocks) };
    if let Some(blocks) = event.rpc_garbage {
        script.answers.push((until(blocks), Answers::Garbage));
    }
    if let Some(blocks) = event.rpc_unavailable {
        script.answers.push((until(blocks), Answers::Unavailable));
    }
    if let Some(wait) = &event.rpc_slow {
        script.answers.push((until(event.blocks.unwrap_or(1)), Answers::Slow(duration(wait)?)));
    }
    match size(script) - before {
        1 => Ok(()),
        actions => Err(ScriptError::Actions(at, actions)),
    }
}

fn size(script: &Script) -> usize {
    script.votes.len()
        + script.rounds.len()
        + script.operations.len()
        + script.halts.len()
        + script.equivocations.len()
        + script.answers.len()
}

fn decimal(text: &str) -> Result<comet::sdk::decimal::Dec, ScriptError> {
    text.parse().map_err(|_| ScriptError::Value(text.to_owned(), "decimal such as \"0.5\""))
}

/// Reads `5s`, `200ms`, `2m`, `1h`.
pub fn duration(text: &str) -> Result<Duration, ScriptError> {
    let error = || ScriptError::Value(text.to_owned(), "duration such as \"5s\" or \"200ms\"");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| error())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        "h" => Ok(Duration::from_secs(number * 3600)),
        _ => Err(error()),
    }
}
