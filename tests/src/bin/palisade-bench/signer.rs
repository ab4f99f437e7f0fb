//! Signatures socket to socket, one after another: palisade-signer with a key in a file and with a threshold
//! key (three cosigners on the same machine), and tmkms where there is one, each in turn with the floor.

use std::time::{Duration, Instant};

use anyhow::Result;
use comet::privval::{Message, Sum};

use crate::{
    contender::{Contender, chain},
    floor,
    node::{Link, precommit},
    stats::{self, Samples},
};

/// One signer while it is measured.
struct Runner {
    name: &'static str,
    contender: Contender,
    height: usize,
    times: Vec<Duration>,
    processor: Duration,
}

impl Runner {
    fn new(name: &'static str, contender: Contender) -> Result<Self> {
        let mut runner = Self { name, contender, height: 0, times: Vec::new(), processor: Duration::ZERO };
        runner.sign(200)?;
        (runner.times, runner.processor) = (Vec::new(), Duration::ZERO);
        Ok(runner)
    }

    fn sign(&mut self, count: usize) -> Result<()> {
        let before = stats::processor_time(self.contender.id())?;
        for _ in 0..count {
            self.height += 1;
            self.times.push(sign(&mut self.contender.links[0], &precommit(&chain(0), self.height))?);
        }
        self.processor += stats::processor_time(self.contender.id())?.saturating_sub(before);
        Ok(())
    }

    fn report(&self, floor: f64) -> Result<()> {
        let samples = Samples::new(self.times.clone());
        println!(
            "  {:<44} {:>8.1} {:>8.1} {:>8.0} {:>8.1} {:>8.1} {:>8.2} {:>8.1}",
            self.name,
            samples.p50(),
            samples.p99(),
            samples.per_second(),
            self.processor.as_secs_f64() * 1e6 / samples.len() as f64,
            stats::resident_mib(self.contender.id())?,
            samples.p50() / floor,
            self.contender.ready.as_secs_f64() * 1e3,
        );
        Ok(())
    }
}

/// Asks for one signature; how long it took.
pub(crate) fn sign(link: &mut Link, request: &Message) -> Result<Duration> {
    let start = Instant::now();
    let answer = link.ask(request)?;
    let took = start.elapsed();
    match answer.sum {
        Some(Sum::SignedVoteResponse(answer)) if answer.error.is_none() => Ok(took),
        other => anyhow::bail!("refused: {other:?}"),
    }
}

/// Measures `count` signatures of each signer.
pub(crate) fn measure(count: usize) -> Result<()> {
    let mut runners = vec![Runner::new("palisade-signer (durable)", Contender::palisade(1)?)?];
    match Contender::tmkms()? {
        Some(tmkms) => runners.push(Runner::new("tmkms 0.15", tmkms)?),
        None => println!("SKIPPED: tmkms beside it (it is not installed; tests/bench says why)\n"),
    }
    runners.push(Runner::new("palisade-signer, FROST 2 of 3 (durable)", Contender::threshold()?)?);
    let floor = floor::measure(count, |share| runners.iter_mut().try_for_each(|runner| runner.sign(share)))?;
    println!(
        "signers, softsign, socket to socket ({count} each)   p50 µs   p99 µs    per s  CPU µs  RSS MiB  / floor  start ms"
    );
    for runner in &runners {
        runner.report(floor.p50())?;
    }
    println!("  {:<44} {:>62}\n", "goal", "≤ 1.20");
    Ok(())
}
