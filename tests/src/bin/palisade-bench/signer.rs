//! The signer as its users run it: its own process, softsign, a durable mark, SecretConnection, socket to socket.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use comet::privval::{Message, PubKeyRequest, Sum};

use crate::{
    floor,
    node::{Link, precommit},
    stats::{self, Samples},
};

const CHAIN: &str = "bench-1";

/// The child, ended by its own id whatever happens.
struct Signer(Child);

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures `count` signatures one after another, in turn with their floor, then two paced seconds.
pub(crate) fn measure(count: usize) -> Result<()> {
    let home = tempfile::tempdir()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let started = Instant::now();
    let signer = start(home.path(), listener.local_addr()?.port())?;
    let (socket, _) = listener.accept()?;
    let mut link = Link::shake_hands(socket)?;
    link.ask(&Message::of(Sum::PubKeyRequest(PubKeyRequest { chain_id: CHAIN.into() })))?;
    let ready = started.elapsed();

    let mut height = 0;
    let mut next = || {
        height += 1;
        precommit(CHAIN, height)
    };
    let mut sign = |request: &Message| -> Result<Duration> {
        let start = Instant::now();
        let answer = link.ask(request)?;
        let took = start.elapsed();
        match answer.sum {
            Some(Sum::SignedVoteResponse(answer)) if answer.error.is_none() => Ok(took),
            other => anyhow::bail!("refused: {other:?}"),
        }
    };
    for _ in 0..200 {
        sign(&next())?;
    }
    let before = stats::processor_time(signer.0.id())?;
    let mut sequential = Vec::with_capacity(count);
    let floor = floor::measure(count, |share| {
        for _ in 0..share {
            sequential.push(sign(&next())?);
        }
        Ok(())
    })?;
    let sequential = Samples::new(sequential);
    let cpu = stats::processor_time(signer.0.id())?.saturating_sub(before);

    let mut paced = Vec::new();
    let begin = Instant::now();
    for index in 0..100u32 {
        std::thread::sleep(
            (begin + Duration::from_millis(20) * index).saturating_duration_since(Instant::now()),
        );
        paced.push(sign(&next())?);
    }
    let paced = Samples::new(paced);

    println!(
        "signer, softsign, socket to socket ({count} sequential)       p50 µs   p99 µs    per s  CPU ms/1000"
    );
    println!(
        "  {:<55} {:>8.1} {:>8.1} {:>8.0} {:>12.1}",
        "palisade-signer (durable)",
        sequential.p50(),
        sequential.p99(),
        sequential.per_second(),
        cpu.as_secs_f64() * 1e6 / count as f64,
    );
    println!("  {:<55} {:>8.1} {:>8.1}", "paced, 50 requests/s", paced.p50(), paced.p99());
    println!("  {:<55} {:>8.2}  (goal ≤ 1.30)", "p50 over floor", sequential.p50() / floor.p50());
    println!("  {:<55} {:>8.1}\n", "start to first answer, ms", ready.as_secs_f64() * 1e3);
    Ok(())
}

fn start(home: &Path, port: u16) -> Result<Signer> {
    let config = home.join("signer.toml");
    std::fs::write(
        &config,
        format!(
            "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n\n[[key]]\nname = \"bench\"\nbackend = \"softsign\"\n\
             path = \"keys/bench.json\"\n\n[[chain]]\nid = \"{CHAIN}\"\nkey = \"bench\"\nnodes = [\"tcp://127.0.0.1:{port}\"]\n"
        ),
    )?;
    let run = |arguments: &[&str]| -> Result<()> {
        let output = command(home)?.args(arguments).output()?;
        anyhow::ensure!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    run(&["key", "generate", "keys/bench.json"])?;
    run(&["state", "init", "--config", "signer.toml", "--chain", CHAIN, "--height", "0"])?;
    let child = command(home)?
        .args(["run", "--config", "signer.toml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("starting palisade-signer")?;
    Ok(Signer(child))
}

/// The signer's binary lies beside this one.
fn command(home: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?.with_file_name("palisade-signer"));
    command.current_dir(home);
    Ok(command)
}
