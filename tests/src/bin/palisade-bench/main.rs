//! `tests/bench`: every number beside its floor, both measured in the same run on the same machine.
//!
//! Nothing here asserts a timing: a slow machine must not fail a test. The goals are printed next to the figures so that a
//! person can see at once whether they hold.

mod contender;
mod deploy;
mod floor;
mod follow;
mod growth;
mod many;
mod monitor;
mod node;
mod sentry;
mod shared;
mod signer;
mod stats;

use anyhow::Result;

/// What to measure and how much of it.
struct Plan {
    signer: bool,
    monitor: bool,
    replay: bool,
    sentry: bool,
    deploy: bool,
    requests: usize,
    chains: usize,
    paced: usize,
    blocks: usize,
    rows: i64,
    sentries: usize,
    live: follow::Extent,
}

fn main() -> Result<()> {
    let mut plan = Plan {
        signer: true,
        monitor: true,
        replay: true,
        sentry: true,
        deploy: true,
        requests: 5_000,
        chains: 100,
        paced: 3_000,
        blocks: 4_000,
        rows: 200_000,
        sentries: 10,
        live: follow::Extent { calm: 1_100, blocks: 1_000, seen: 300, chains: 100 },
    };
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "signer" => (plan.monitor, plan.sentry, plan.deploy) = (false, false, false),
            "monitor" => (plan.signer, plan.sentry, plan.deploy) = (false, false, false),
            "sentry" => (plan.signer, plan.monitor, plan.deploy) = (false, false, false),
            "live" => (plan.signer, plan.sentry, plan.deploy, plan.replay) = (false, false, false, false),
            "deploy" => (plan.signer, plan.monitor, plan.sentry) = (false, false, false),
            "--smoke" => {
                (plan.requests, plan.paced, plan.blocks, plan.sentries, plan.rows) =
                    (500, 500, 500, 2, 20_000);
                plan.live = follow::Extent { calm: 100, blocks: 200, seen: 60, chains: 1 };
            }
            other => {
                anyhow::bail!(
                    "unknown argument {other}\ntry: tests/bench [signer|monitor|live|sentry|deploy] [--smoke]"
                )
            }
        }
    }
    if plan.signer {
        signer::measure(plan.requests)?;
        many::measure(plan.chains, plan.paced)?;
        shared::measure(plan.chains, plan.requests / 2)?;
    }
    if plan.monitor {
        if plan.replay {
            monitor::measure(plan.blocks)?;
            growth::measure(plan.rows)?;
        }
        follow::measure(&plan.live)?;
    }
    if plan.sentry {
        sentry::measure(20, plan.sentries)?;
    }
    if plan.deploy {
        deploy::measure(5)?;
    }
    Ok(())
}
