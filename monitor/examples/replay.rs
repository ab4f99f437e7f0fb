//! How fast a chain is replayed: `block` answers as bytes through decoding, `apply` and the exact windows, on one core.
//!
//! `cargo run --release -p palisade-monitor --example replay -- 64 20000`

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::key::Address;
use comet::rpc::{self, CommitSig, FLAG_COMMIT};
use palisade_monitor::chain::{State, apply};
use palisade_monitor::event::Event;
use palisade_monitor::jailing::{Params, Window};
use palisade_monitor::line::Line;
use palisade_monitor::set::{Member, Set};
use palisade_monitor::windows::{Entry, Source, Windows};
use palisade_monitor::{decode, view};
use std::time::Instant;

fn address(n: usize) -> Address {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    Address(bytes)
}

fn sample_index(height: i64) -> usize {
    usize::try_from(height).unwrap_or_default()
}

/// A block as a node writes it: one validator in thirty misses.
fn block(height: i64, validators: usize) -> Result<Vec<u8>, serde_json::Error> {
    let signature = |n: usize| match (n as u64 * 7919 + height.unsigned_abs()) % 30 {
        0 => CommitSig::absent(),
        _ => CommitSig {
            block_id_flag: FLAG_COMMIT,
            validator_address: address(n).to_string(),
            timestamp: "2026-11-21T10:00:00.123456789Z".into(),
            signature: Some(BASE64.encode([7; 64])),
        },
    };
    let signatures = (0..validators).map(signature).collect();
    let commit = rpc::Commit { height: height - 1, signatures, ..rpc::Commit::default() };
    let header = rpc::Header {
        chain_id: "bench-1".into(),
        height,
        time: format!("2026-11-21T{:02}:{:02}:{:02}.5Z", height / 3600 % 24, height / 60 % 60, height % 60),
        validators_hash: "A".repeat(64),
        proposer_address: address(sample_index(height) % validators).to_string(),
        ..rpc::Header::default()
    };
    let block = rpc::Block { header, last_commit: Some(commit), ..rpc::Block::default() };
    let answer = rpc::BlockAnswer { block: Some(block), ..rpc::BlockAnswer::default() };
    serde_json::to_vec(&rpc::Envelope::answer(1.into(), answer))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let (validators, blocks) = (args.next().unwrap_or(Ok(64))?, args.next().unwrap_or(Ok(5000))?);
    let member = |n| Member { address: address(n), power: 1, key: vec![] };
    let set = Set::new("A".repeat(64), (0..validators).map(member).collect());
    let entry = |n| {
        let window = Window { index_offset: 500, ..Window::fresh(0) };
        (address(n), Entry { window, jailed: false, jailed_since: 0, jailed_until: None, tombstoned: false })
    };
    let params = Params {
        window: 10_000,
        min_signed: "0.05".parse()?,
        jail_duration: 600_000_000_000,
        slash_downtime: "0.0001".parse()?,
    };
    let entries = (0..validators).map(entry).collect();
    let anchor = Windows {
        height: 1000,
        params,
        source: Source::Store,
        rules: Line::V050.rules(),
        read_at: 1000,
        rotated: Vec::new(),
        entries,
    };
    let sample: Vec<Vec<u8>> = (1000..1256).map(|h| block(h, validators)).collect::<Result<_, _>>()?;

    let mut state = State::new();
    let read = |state: State, height: i64, bytes: &[u8]| -> Result<State, Box<dyn std::error::Error>> {
        let envelope: rpc::Envelope<rpc::BlockAnswer> = decode::json("block", bytes)?;
        let answer = envelope.into_result()?.block.ok_or("no block")?;
        let mut block = decode::block("bench-1", &answer)?;
        // The sample repeats; heights go on.
        block.height = height;
        block.commit.iter_mut().for_each(|c| c.height = height - 1);
        block.time = height * 1_000_000_000;
        Ok(apply(state, Event::Block(block)).0)
    };
    state = read(state, 1000, &sample[0])?;
    state = apply(apply(state, Event::Set(set)).0, Event::Anchor(anchor)).0;
    let start = Instant::now();
    for n in 1..=blocks {
        state = read(state, 1000 + i64::try_from(n)?, &sample[n % sample.len()])?;
    }
    let replay = start.elapsed();
    let start = Instant::now();
    let views = 200;
    for _ in 0..views {
        std::hint::black_box(view::chain("bench-1", &state, &[]));
    }
    let drawn = start.elapsed();
    #[allow(clippy::cast_precision_loss, reason = "a report")]
    let (n, size) = (blocks as f64, sample.iter().map(Vec::len).sum::<usize>() as f64 / sample.len() as f64);
    println!(
        "{validators} validators, blocks of {size:.0} bytes: {:.0} blocks/s, {:.3} ms per block, and {:.3} ms per view",
        n / replay.as_secs_f64(),
        replay.as_secs_f64() * 1e3 / n,
        drawn.as_secs_f64() * 1e3 / f64::from(views)
    );
    assert!(state.windows().is_some_and(|w| w.height == 1000 + i64::try_from(blocks).unwrap_or(0)));
    Ok(())
}
