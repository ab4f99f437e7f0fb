//! `tests/bench`: every number beside its floor, both measured in the same run on the same machine.
//!
//! Nothing here asserts a timing: a slow machine must not fail a test. The goals are printed next to the figures so that a
//! person can see at once whether they hold.

mod contender;
mod floor;
mod many;
mod monitor;
mod node;
mod signer;
mod stats;

use anyhow::Result;

/// What to measure and how much of it.
struct Plan {
    signer: bool,
    monitor: bool,
    requests: usize,
    chains: usize,
    paced: usize,
    blocks: usize,
}

fn main() -> Result<()> {
    let mut plan =
        Plan { signer: true, monitor: true, requests: 5_000, chains: 100, paced: 3_000, blocks: 4_000 };
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "signer" => plan.monitor = false,
            "monitor" => plan.signer = false,
            "--smoke" => (plan.requests, plan.paced, plan.blocks) = (500, 500, 500),
            other => anyhow::bail!("unknown argument {other}\ntry: tests/bench [signer|monitor] [--smoke]"),
        }
    }
    if plan.signer {
        signer::measure(plan.requests)?;
        many::measure(plan.chains, plan.paced)?;
    }
    if plan.monitor {
        monitor::measure(plan.blocks)?;
    }
    Ok(())
}
