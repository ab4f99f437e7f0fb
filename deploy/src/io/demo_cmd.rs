//! `palisade demo`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use super::demo::{self, Plan, Summary};

/// Arguments of `palisade demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Stop after this many blocks, and fail unless our validator signed all of them and the monitor's numbers equal
    /// the chain's.
    #[arg(long, value_parser = clap::value_parser!(i64).range(2..))]
    blocks: Option<i64>,
    /// From one block to the next.
    #[arg(long, default_value = "1s", value_parser = palisade_devnet::script::duration)]
    block_time: Duration,
    /// Print the summary as JSON and nothing else; addresses go to the standard error.
    #[arg(long)]
    json: bool,
}

/// Runs the demo; 0 when all is as it must be.
pub fn run(args: &DemoArgs) -> Result<ExitCode> {
    let plan = Plan { blocks: args.blocks, block_time: args.block_time, json: args.json };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let summary = runtime.block_on(demo::run(plan)).context("the demo cannot go on")?;
    let Some(summary) = summary else {
        // Interrupted: that is how a demo without --blocks ends.
        return Ok(ExitCode::from(if args.blocks.is_some() { 1 } else { 0 }));
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        print!("{}", words(&summary));
    }
    Ok(ExitCode::from(if summary.good { 0 } else { 1 }))
}

fn words(summary: &Summary) -> String {
    let mut text = format!(
        "\n{} blocks, {} of them in a later round; {} in jail\n\
         our validator signed {} of {} blocks, {} double signs\n\
         monitor and chain: {} validators compared, {} disagreements\n",
        summary.blocks,
        summary.late_rounds,
        summary.jailed,
        summary.signed,
        summary.signed_height,
        summary.double_signs,
        summary.validators,
        summary.disagreements.len(),
    );
    for d in &summary.disagreements {
        text += &format!("  {} {}: chain {}, monitor {}\n", d.valoper, d.counter, d.chain, d.monitor);
    }
    text + if summary.good { "good\n" } else { "NOT good\n" }
}
