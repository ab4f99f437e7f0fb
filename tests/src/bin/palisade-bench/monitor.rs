//! The monitor's work for one block: the JSON of `/block`, decoded, and x/slashing applied to every validator.
//!
//! The blocks are devnet's, honest ones with misses, made before the clock runs. One core, no sockets; once without and once
//! with the history, which is written as it is while the monitor catches up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use comet::{
    key::{NodeId, PrivateKey},
    privval::Timestamp,
    rpc::{BlockAnswer, Envelope, Validators},
    sdk::decimal::Dec,
};
use palisade_devnet::{
    answers, chain::Genesis, ledger::Ledger, node::Node, offline::Offline, script::Script, seats::Origin,
};
use palisade_monitor::{
    chain::{self, State},
    change::Change,
    decode,
    event::Event,
    io::history::{History, Written},
    jailing::{Params, Window},
    line::Line,
    windows::{Entry, Source, Windows},
};

/// Chain id and window of Akash.
const WINDOW: i64 = 10_000;
/// Heights in one transaction while the monitor catches up.
const BATCH: usize = 64;
const SCRIPT: &str = "[random]\nseed = 7\nmiss_per_million = 20000\n";

/// Replays `blocks` of 64 validators, and a tenth of that of 1,000.
pub(crate) fn measure(blocks: usize) -> Result<()> {
    println!(
        "monitor, replay on one core, window {WINDOW}                    blocks/s  µs per block  JSON bytes"
    );
    for (validators, blocks) in [(64, blocks), (1_000, blocks / 10)] {
        let recorded = record(validators, blocks)?;
        let bytes = recorded.blocks.iter().map(Vec::len).sum::<usize>() / recorded.blocks.len();
        let parse = parse_only(&recorded)?;
        let whole = replay(&recorded, None)?;
        let dir = tempfile::tempdir()?;
        let mut history = History::open(dir.path(), &recorded.chain_id)?;
        let stored = replay(&recorded, Some(&mut history))?;
        let rows = [
            ("replay", whole),
            ("replay, history written", stored),
            ("floor: JSON into a block, nothing else", parse),
        ];
        for (name, took) in rows {
            let per_block = took.as_secs_f64() / blocks as f64;
            let name = format!("{name}, {validators} validators");
            println!("  {name:<55} {:>9.0} {:>13.1} {bytes:>11}", 1.0 / per_block, per_block * 1e6);
        }
    }
    println!("  {:<55} {:>9}", "goal, 64 validators", "≥ 5000");
    Ok(())
}

struct Recorded {
    chain_id: String,
    blocks: Vec<Vec<u8>>,
    set: Vec<u8>,
}

/// Blocks as a node's RPC gives them, and the set that signs all of them.
fn record(validators: usize, blocks: usize) -> Result<Recorded> {
    let mut origin = Origin::akashnet_1().with_seats(validators);
    origin.max_validators = validators;
    let chain_id = origin.chain_id.clone();
    let script = Script::parse(SCRIPT, validators)?;
    let start = Timestamp { seconds: 1_700_000_000, nanos: 0 };
    let mut chain = Offline::new(origin.clone(), script, 1, start, Duration::from_secs(6));
    let genesis =
        Genesis { origin, keys: vec![PrivateKey::from_seed(&[1; 32]).public()], validators, time: start };
    let first = Arc::clone(chain.chain().rotation());
    let mut node = Node {
        id: NodeId([0; 20]),
        moniker: "bench".into(),
        rpc_address: String::new(),
        seat: 0,
        genesis,
        ledger: Ledger::new(8, first),
    };
    let ask = |node: &Node, method: &str, params: &[(&str, &str)]| -> Result<Vec<u8>> {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let params = answers::params::Params::from_uri(params);
        let reply = answers::reply(&1.into(), answers::answer(node, method, &params));
        Ok(serde_json::to_vec(&reply)?)
    };
    let (mut recorded, mut set) = (Vec::with_capacity(blocks), None);
    for height in 1..=blocks {
        let block = chain.step()?;
        node.ledger.push(block, Arc::clone(chain.chain().rotation()));
        let height = height.to_string();
        recorded.push(ask(&node, "block", &[("height", &height)])?);
        if set.is_none() {
            set = Some(all_validators(&node, validators, &ask)?);
        }
    }
    Ok(Recorded { chain_id, blocks: recorded, set: set.context("no blocks")? })
}

/// All pages of `/validators` at height 1 as one answer.
fn all_validators(
    node: &Node,
    count: usize,
    ask: &impl Fn(&Node, &str, &[(&str, &str)]) -> Result<Vec<u8>>,
) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for page in 1..=count.div_ceil(100) {
        let page = page.to_string();
        let answer = ask(node, "validators", &[("height", "1"), ("page", &page), ("per_page", "100")])?;
        all.extend(decode::json::<Envelope<Validators>>("set", &answer)?.into_result()?.validators);
    }
    Ok(serde_json::to_vec(&all)?)
}

fn parse_only(recorded: &Recorded) -> Result<Duration> {
    let begin = Instant::now();
    for bytes in &recorded.blocks {
        std::hint::black_box(decode::json::<Envelope<BlockAnswer>>("block", bytes)?);
    }
    Ok(begin.elapsed())
}

fn replay(recorded: &Recorded, mut history: Option<&mut History>) -> Result<Duration> {
    let validators: Vec<comet::rpc::Validator> = serde_json::from_slice(&recorded.set)?;
    let mut state = State::new();
    let mut rows = Vec::new();
    let begin = Instant::now();
    for (index, bytes) in recorded.blocks.iter().enumerate() {
        let answer = decode::json::<Envelope<BlockAnswer>>("block", bytes)?.into_result()?;
        let block = decode::block(&recorded.chain_id, answer.block.as_ref().context("no block")?)?;
        let set_hash = block.set_hash.clone();
        let (next, changes) = chain::apply(state, Event::Block(block));
        state = next;
        if let Some(history) = &mut history {
            rows.extend(changes.into_iter().filter_map(|change| match change {
                Change::Counted(row) => Some(row),
                _ => None,
            }));
            if rows.len() == BATCH {
                let written = Written { rows: &rows, head: state.head(), ..Written::default() };
                history.record(written, |address| state.tally(address))?;
                rows.clear();
            }
        }
        if index == 0 {
            let set = decode::set(&set_hash, &validators)?;
            let entries = set.members().iter().map(|member| (member.address, fresh())).collect();
            let anchor = Windows {
                height: 1,
                params: params(),
                source: Source::Store,
                rules: Line::V050.rules(),
                read_at: 1,
                rotated: Vec::new(),
                entries,
            };
            state = chain::apply(state, Event::Set(set)).0;
            state = chain::apply(state, Event::Anchor(anchor)).0;
        }
    }
    let took = begin.elapsed();
    let counted = state.recent().next_back().map_or(0, |row| row.height);
    anyhow::ensure!(
        usize::try_from(counted + 1).ok() == Some(recorded.blocks.len()),
        "counted only up to {counted}"
    );
    anyhow::ensure!(state.windows().is_some(), "the windows were lost on the way");
    Ok(took)
}

fn params() -> Params {
    let share = |thousandths: i128| Dec::from_units(thousandths * 1_000_000_000_000_000);
    Params { window: WINDOW, min_signed: share(50), jail_duration: 600_000_000_000, slash_downtime: share(1) }
}

fn fresh() -> Entry {
    Entry { window: Window::fresh(0), jailed: false, jailed_since: 0, jailed_until: None, tombstoned: false }
}
