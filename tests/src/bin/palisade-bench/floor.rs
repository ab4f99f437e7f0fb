//! What no durable signer can be faster than: one flush, one signature, one encrypted round trip.

use std::{
    fs::File,
    net::{TcpListener, TcpStream},
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use comet::{
    canonical,
    key::PrivateKey,
    privval::{Message, SignedVoteResponse, Sum},
};

use crate::{
    node::{Link, precommit},
    stats::Samples,
};

/// Bytes of one mark on the disk; the signer's own records are not larger.
const RECORD: usize = 512;

/// Shares in which everything is measured in turn.
const ROUNDS: usize = 10;

/// The three parts, and their sum at the median.
pub(crate) struct Floor {
    flush: Samples,
    sign: Samples,
    round_trip: Samples,
}

impl Floor {
    /// Sum of the medians in microseconds.
    pub(crate) fn p50(&self) -> f64 {
        self.flush.p50() + self.sign.p50() + self.round_trip.p50()
    }
}

/// Measures each part alone, `count` times in all, with `between` run after each of [`ROUNDS`] shares of them: so what is
/// compared with the floor sees the same machine, minute by minute.
pub(crate) fn measure(count: usize, mut between: impl FnMut(usize) -> Result<()>) -> Result<Floor> {
    let (mut flushes, mut signs, mut trips) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let share = count.div_ceil(ROUNDS);
        flushes.push(flush(share)?);
        signs.push(sign(share));
        trips.push(round_trip(share)?);
        between(share)?;
    }
    let floor = Floor {
        flush: Samples::merge(flushes),
        sign: Samples::merge(signs),
        round_trip: Samples::merge(trips),
    };
    println!("floor of one durable signature ({count} times each)          p50 µs   p99 µs");
    for (name, samples) in [
        ("write in place + fdatasync of one record", &floor.flush),
        ("Ed25519 signature of a precommit", &floor.sign),
        ("SecretConnection round trip on loopback", &floor.round_trip),
    ] {
        println!("  {name:<55} {:>8.1} {:>8.1}", samples.p50(), samples.p99());
    }
    println!("  {:<55} {:>8.1}\n", "sum", floor.p50());
    Ok(floor)
}

fn timed(count: usize, mut one: impl FnMut(usize) -> Result<()>) -> Result<Samples> {
    let mut times = Vec::with_capacity(count);
    for index in 0..count {
        let start = Instant::now();
        one(index)?;
        times.push(start.elapsed());
    }
    Ok(Samples::new(times))
}

fn flush(count: usize) -> Result<Samples> {
    Ok(Samples::new(flushes(&flushed_file()?, count)?))
}

/// A file that marks can be written to in place.
pub(crate) fn flushed_file() -> Result<File> {
    let file = tempfile::tempfile()?;
    file.write_all_at(&[0; 8 * RECORD], 0)?;
    file.sync_all()?;
    Ok(file)
}

/// How long it takes to write a record in place and flush it, so many times.
pub(crate) fn flushes(file: &File, count: usize) -> Result<Vec<Duration>> {
    let record = [0x5a; RECORD];
    let one = |index: usize| {
        let start = Instant::now();
        file.write_all_at(&record, (index % 2 * 4096).min(7 * RECORD) as u64)?;
        file.sync_data()?;
        Ok(start.elapsed())
    };
    (0..count).map(one).collect()
}

fn sign(count: usize) -> Samples {
    let key = PrivateKey::from_seed(&[5; 32]);
    let sign_bytes: Vec<Vec<u8>> = (1..=count)
        .filter_map(|height| match precommit("bench-1", height).sum {
            Some(Sum::SignVoteRequest(request)) => request.vote.map(|vote| canonical::vote("bench-1", &vote)),
            _ => None,
        })
        .collect();
    let times = sign_bytes
        .iter()
        .map(|bytes| {
            let start = Instant::now();
            std::hint::black_box(key.sign(bytes));
            start.elapsed()
        })
        .collect::<Vec<Duration>>();
    Samples::new(times)
}

/// A server that answers with a vote of the right size and does nothing else.
fn round_trip(count: usize) -> Result<Samples> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = std::thread::spawn(move || -> Result<()> {
        let mut link = Link::shake_hands(TcpStream::connect(address)?)?;
        for _ in 0..count {
            let Some(Sum::SignVoteRequest(request)) = link.receive()?.sum else {
                anyhow::bail!("not a vote")
            };
            let vote = request.vote.map(|mut vote| {
                vote.signature = vec![0x33; 64];
                vote
            });
            link.send(&Message::of(Sum::SignedVoteResponse(SignedVoteResponse { vote, error: None })))?;
        }
        Ok(())
    });
    let (socket, _) = listener.accept()?;
    let mut link = Link::shake_hands(socket)?;
    let samples = timed(count, |index| link.ask(&precommit("bench-1", index + 1)).map(drop).context("echo"))?;
    server.join().map_err(|_| anyhow::anyhow!("the echo thread panicked"))??;
    Ok(samples)
}
