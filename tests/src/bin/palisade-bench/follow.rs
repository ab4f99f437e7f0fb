//! The monitor as it lives: a process of its own beside a chain that goes on.
//!
//! Processor time for each block that it meets live, with everything that it does by default; from the block to the number
//! on `/metrics`; what it has in RAM, and how long a scrape takes. Then 100 chains in one process. The chains run in this
//! process, faster than real ones so that there are enough blocks: what is counted is the work of a block, not of a second.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use palisade_devnet::{
    io::{Handle, Options, start},
    script::Script,
    seats::Origin,
};
use palisade_tests::{http, monitor_process::Monitor, process::until, scratch::Scratch};
use tokio::runtime::Runtime;

use crate::stats::{Samples, processor_time, resident_mib};

const SCRIPT: &str = "[random]\nseed = 7\nmiss_per_million = 20000\n";
const LIMIT: Duration = Duration::from_secs(600);

/// How much of it.
pub(crate) struct Extent {
    /// Blocks before anything is measured; with 1,100 it has as many rows in memory as it will ever have.
    pub(crate) calm: i64,
    /// Blocks over which processor time is measured.
    pub(crate) blocks: i64,
    /// Blocks that are waited for on `/metrics`.
    pub(crate) seen: i64,
    /// Chains in one process; with one, neither them nor 1,000 validators.
    pub(crate) chains: usize,
}

/// One chain of 64, one of 1,000, and many of 64.
pub(crate) fn measure(extent: &Extent) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    println!(
        "monitor, live, window 10000                              CPU ms/block  block to metric p50/p99 ms  scrape p50/p99 ms  RSS MiB"
    );
    one(&runtime, 64, Duration::from_millis(50), extent)?;
    let tenth = Extent { calm: 60, blocks: extent.blocks / 10, seen: extent.seen / 5, chains: 1 };
    if extent.chains > 1 {
        one(&runtime, 1_000, Duration::from_millis(400), &tenth)?;
    }
    println!(
        "  {:<55} {:>12} {:>27} {:>18} {:>8}",
        "goal, 64 validators", "≤ 1, linear", "≤ 50", "≤ 5", "≤ 60"
    );
    if extent.chains > 1 { many(&runtime, extent.chains) } else { Ok(()) }
}

fn chain(runtime: &Runtime, index: usize, validators: usize, block_time: Duration) -> Result<Handle> {
    let mut origin = Origin::akashnet_1().with_seats(validators);
    origin.max_validators = validators;
    origin.slashing.window = 10_000;
    origin.chain_id = format!("bench-{index}");
    let script = Script::parse(SCRIPT, validators)?;
    let keep = 1_500;
    Ok(runtime.block_on(start(Options { origin, script, block_time, keep, ..Options::default() }))?)
}

fn one(runtime: &Runtime, validators: usize, block_time: Duration, extent: &Extent) -> Result<()> {
    let dir = Scratch::new()?;
    let chain = chain(runtime, 0, validators, block_time)?;
    let (rpc, grpc) = (chain.rpc_addr().to_string(), chain.grpc_addr().to_string());
    let mut monitor = Monitor::start(&dir.path().join("m"), chain.chain_id(), &[&rpc], &[&grpc], &[])?;
    monitor.reach(chain.height().max(extent.calm), true, LIMIT)?;
    let pid = monitor.pid().context("it runs")?;

    let (begin, from) = (processor_time(pid)?, counted(&monitor.listen)?);
    runtime.block_on(chain.wait_height(from + extent.blocks)).context("the chain stopped")?;
    let to = counted(&monitor.listen)?;
    let spent = processor_time(pid)?.saturating_sub(begin);
    let cpu = spent.as_secs_f64() * 1e3 / (to - from).max(1) as f64;

    let mut seen = Vec::new();
    for _ in 0..extent.seen {
        let height = runtime.block_on(chain.wait_height(chain.height() + 1)).context("the chain stopped")?;
        let begin = Instant::now();
        while counted(&monitor.listen)? < height - 1 {
            std::thread::sleep(Duration::from_micros(500));
        }
        seen.push(begin.elapsed());
    }
    let (seen, scrape, ram) = (Samples::new(seen), scrapes(&monitor.listen)?, resident_mib(pid)?);
    let name = format!("{validators} validators, {} live blocks", to - from);
    println!(
        "  {name:<55} {cpu:>12.2} {:>16.1} / {:>8.1} {:>8.1} / {:>7.1} {ram:>8.1}",
        seen.p50() / 1e3,
        seen.p99() / 1e3,
        scrape.p50() / 1e3,
        scrape.p99() / 1e3,
    );
    monitor.stop()?;
    runtime.block_on(chain.stop());
    Ok(())
}

/// The height that the monitor has counted, as a scrape sees it.
#[allow(clippy::cast_possible_truncation, reason = "a height")]
fn counted(listen: &str) -> Result<i64> {
    let text = http::get(listen, "/metrics")?;
    let line = text.lines().find(|line| line.starts_with("palisade_monitor_chain_counted_height{"));
    let value = line.and_then(|line| line.rsplit(' ').next()).context("no counted height")?;
    Ok(value.parse::<f64>()? as i64)
}

fn scrapes(listen: &str) -> Result<Samples> {
    let mut all = Vec::new();
    for _ in 0..100 {
        let begin = Instant::now();
        http::get(listen, "/metrics")?;
        all.push(begin.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Samples::new(all))
}

/// Many chains of 64 in one process, each at its own pace of about a block in six seconds.
fn many(runtime: &Runtime, chains: usize) -> Result<()> {
    let dir = Scratch::new()?;
    let handles: Vec<Handle> = (0..chains)
        .map(|index| chain(runtime, index, 64, Duration::from_millis(5_500 + 10 * index as u64)))
        .collect::<Result<_>>()?;
    let rest = handles.iter().skip(1).map(|chain| {
        let (rpc, grpc) = (chain.rpc_addr(), chain.grpc_addr());
        format!(
            "[[chain]]\nid = \"{}\"\nrpc = [\"http://{rpc}\"]\ngrpc = [\"http://{grpc}\"]\n",
            chain.chain_id()
        )
    });
    let more: String = rest.collect();
    let first = handles.first().context("no chains")?;
    let (rpc, grpc) = (first.rpc_addr().to_string(), first.grpc_addr().to_string());
    let mut monitor =
        Monitor::start_with(&dir.path().join("m"), first.chain_id(), &[&rpc], &[&grpc], &[], &more)?;
    let listen = monitor.listen.clone();
    let begin = Instant::now();
    until("every chain is counted with its windows", LIMIT, || {
        let chains_now = http::json(&listen, "/api/chains")?;
        let ready = chains_now.as_array().map_or(0, |all| {
            all.iter().filter(|chain| chain["counted_height"].is_i64() && !chain["window"].is_null()).count()
        });
        anyhow::ensure!(ready == chains, "{ready} of {chains}");
        Ok(Some(()))
    })?;
    let ready = begin.elapsed();
    let pid = monitor.pid().context("it runs")?;
    let (begin, from) = (processor_time(pid)?, Instant::now());
    std::thread::sleep(Duration::from_secs(20));
    let share = processor_time(pid)?.saturating_sub(begin).as_secs_f64() / from.elapsed().as_secs_f64();
    let scrape = scrapes(&listen)?;
    println!(
        "  {chains} chains of 64, a block in 6 s each: all counted after {:.1} s, {:.1} % of a core, scrape p50 {:.1} ms, RSS {:.1} MiB  (goal ≤ 400)",
        ready.as_secs_f64(),
        share * 100.0,
        scrape.p50() / 1e3,
        resident_mib(pid)?,
    );
    monitor.stop()?;
    for chain in handles {
        runtime.block_on(chain.stop());
    }
    Ok(())
}
