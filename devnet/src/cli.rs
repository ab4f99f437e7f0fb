//! `palisade-devnet`: a chain for other tools to be pointed at.
//!
//! Exit codes: 0 good; 1 a remote signer signed something twice; 2 cannot start.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::Parser;
use comet::key::PublicKey;

use crate::io::{Handle, Options, Remote, StartError, start};
use crate::script::{self, Script};
use crate::seats::Origin;

/// An honest chain of 64 validators in one process, with faults by script.
#[derive(Debug, Parser)]
#[command(name = "palisade-devnet", version)]
struct Args {
    /// Validators in the genesis; the first 64 have the names and stakes of akashnet-1.
    #[arg(long, default_value_t = 64)]
    validators: usize,
    /// From one block to the next, such as 1s or 200ms; 0s is as fast as possible.
    #[arg(long, default_value = "1s", value_parser = script::duration)]
    block_time: Duration,
    /// Faults, in TOML; without it nothing goes wrong.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Address that the RPC and gRPC listen on.
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    host: Ipv4Addr,
    /// Port of the RPC; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    rpc_port: u16,
    /// Port of the gRPC; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    grpc_port: u16,
    /// A node of the remote seat listens here for its signer: tcp://host:port or unix:///path. Repeat it for more nodes.
    #[arg(long, value_name = "ADDRESS")]
    privval: Vec<String>,
    /// The seat that the nodes of --privval sign for.
    #[arg(long, default_value_t = 0)]
    seat: usize,
    /// Hex of the remote seat's public key. Without it the chain begins when the first signer has named its key.
    #[arg(long, value_name = "HEX")]
    pub_key: Option<String>,
    /// Signed-blocks window of x/slashing, instead of the script's or akashnet-1's 10,000.
    #[arg(long)]
    window: Option<i64>,
    /// Chain id.
    #[arg(long)]
    chain_id: Option<String>,
    /// End after so many blocks.
    #[arg(long)]
    blocks: Option<i64>,
    /// Blocks kept for queries; each takes some 50 KB.
    #[arg(long, default_value_t = 5_000)]
    keep: usize,
    /// Print addresses and the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command with these arguments, the first of which is the program's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Printing to a closed pipe is the caller's business.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(args)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (blocks, json) = (args.blocks, args.json);
    let started = start(options(args)?).await;
    let handle = started.map_err(|error| anyhow!("{error}\ntry: {}", remedy(&error)))?;
    announce(&handle, json);
    let interrupted = tokio::signal::ctrl_c();
    match blocks {
        None => interrupted.await?,
        Some(last) => {
            tokio::select! {
                done = interrupted => done?,
                _ = handle.wait_height(last) => {}
            }
        }
    }
    let doubles = handle.double_signs();
    let truth = handle.truth();
    handle.stop().await;
    if json {
        let summary = serde_json::json!({ "truth": truth, "double_signs": doubles });
        println!("{summary}");
    }
    if doubles.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{} heights, rounds and steps have more than one signature", doubles.len());
    Ok(ExitCode::from(1))
}

fn remedy(error: &StartError) -> &'static str {
    match error {
        StartError::Listen { .. } => "another address or port, or port 0 for a free one",
        StartError::Seat(..) => "--seat 0",
        StartError::Empty => "--validators 64 --window 100",
    }
}

fn options(args: Args) -> anyhow::Result<Options> {
    let mut origin = Origin::akashnet_1().with_seats(args.validators);
    origin.max_validators = origin.max_validators.max(args.validators);
    origin.chain_id = args.chain_id.unwrap_or(origin.chain_id);
    let mut script = match &args.script {
        Some(path) => {
            let shown = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| anyhow!("{shown}: {error}\ntry: --script devnet/data/demo.toml"))?;
            Script::parse(&text, args.validators).map_err(|error| {
                anyhow!("{shown}: {error}\ntry: the actions listed in devnet/src/script.rs")
            })?
        }
        None => Script::default(),
    };
    script.overrides.window = args.window.or(script.overrides.window);
    let key = args.pub_key.as_deref().map(pub_key).transpose()?;
    let remote = Remote { seat: args.seat, addresses: args.privval, key };
    Ok(Options {
        origin,
        script,
        block_time: args.block_time,
        rpc: SocketAddr::from((args.host, args.rpc_port)),
        grpc: SocketAddr::from((args.host, args.grpc_port)),
        remote: (!remote.addresses.is_empty()).then_some(remote),
        pace: None,
        hold: None,
        blocks: args.blocks,
        keep: args.keep,
    })
}

fn pub_key(text: &str) -> anyhow::Result<PublicKey> {
    let wrong = || {
        anyhow!("{text} is no Ed25519 public key\ntry: 64 hex digits, as `palisade-signer key show` prints")
    };
    PublicKey::from_bytes(&hex::decode(text).map_err(|_| wrong())?).map_err(|_| wrong())
}

fn announce(handle: &Handle, json: bool) {
    let (rpc, grpc) = (handle.rpc_addr(), handle.grpc_addr());
    if json {
        let line = serde_json::json!({
            "chain_id": handle.chain_id(),
            "rpc": format!("http://{rpc}"),
            "grpc": format!("http://{grpc}"),
            "privval": handle.privval_addrs(),
        });
        println!("{line}");
        return;
    }
    println!("chain    {}", handle.chain_id());
    println!("rpc      http://{rpc}");
    println!("grpc     http://{grpc}");
    for address in handle.privval_addrs() {
        println!("privval  {address}");
    }
    if !handle.privval_addrs().is_empty() {
        println!("The chain begins when a signer has named the key, if --pub-key has not.");
    }
}
