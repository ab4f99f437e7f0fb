//! What the history takes on disk for a million blocks of 64 validators, and how fast old rows are sealed and folded.
//!
//! Rows are made here, so that there are enough of them: six seconds a block, a set with other powers every 50 blocks, and
//! every validator away on its own now and then.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use comet::key::Address;
use palisade_devnet::dice;
use palisade_monitor::{
    flag::Flag,
    io::history::{History, Written},
    row::Row,
    set::{Member, Set},
};

const VALIDATORS: u8 = 64;
const BATCH: usize = 64;
const SECONDS: i64 = 6;

/// Stores `blocks` rows of a calm chain and of one that misses a lot.
pub(crate) fn measure(blocks: i64) -> Result<()> {
    println!(
        "monitor, history of {blocks} blocks, {VALIDATORS} validators          blocks/s  MB per million blocks"
    );
    for (name, misses) in [("misses 0.1 %", 1_000), ("misses 2 %, each on its own", 20_000)] {
        let (took, bytes) = store(blocks, misses)?;
        let (speed, size) = (blocks as f64 / took.as_secs_f64(), bytes as f64 / blocks as f64);
        println!("  {name:<55} {speed:>9.0} {size:>22.1}");
    }
    Ok(())
}

/// How long it took, and how much the file has.
fn store(blocks: i64, misses: u64) -> Result<(Duration, i64)> {
    let dir = tempfile::tempdir()?;
    let mut history = History::open(dir.path(), "bench")?;
    let mut set = powers(0);
    let mut rows = Vec::with_capacity(BATCH);
    let mut took = Duration::ZERO;
    for height in 1..=blocks {
        if height % 50 == 0 {
            set = powers(height);
        }
        rows.push(Arc::new(row(height, &set, misses)));
        if rows.len() == BATCH || height == blocks {
            let begin = Instant::now();
            history.record(Written { rows: &rows, ..Written::default() }, |_| None)?;
            took += begin.elapsed();
            rows.clear();
        }
    }
    let begin = Instant::now();
    while history.maintain()? {}
    took += begin.elapsed();
    history.load()?;
    Ok((took, history.view().map_or(0, |view| view.bytes)))
}

fn row(height: i64, set: &Arc<Set>, misses: u64) -> Row {
    let flag = |seat: usize| match dice::roll(2, height, seat) % 1_000_000 < misses {
        true => Flag::Absent,
        false => Flag::Commit,
    };
    Row {
        height,
        time: (1_700_000_000 + height * SECONDS) * 1_000_000_000
            + (dice::roll(3, height, 0) % 1_000_000_000).cast_signed(),
        round: i32::from(height % 200 == 0),
        proposer: usize::try_from(height).ok().map(|height| height % usize::from(VALIDATORS)),
        set: set.clone(),
        flags: (0..usize::from(VALIDATORS)).map(flag).collect(),
    }
}

/// A set in which one validator has got or lost some stake since the last one.
fn powers(height: i64) -> Arc<Set> {
    let member = |n: u8| {
        let changed = if height / 50 % i64::from(VALIDATORS) == i64::from(n) { height } else { 0 };
        Member { address: Address([n; 20]), power: 1_000_000 + changed, key: vec![n; 32] }
    };
    Arc::new(Set::new(format!("{height:064X}"), (0..VALIDATORS).map(member).collect()))
}
