//! Many chains in one process: does a chain notice that it is not alone?
//!
//! Both runs have the same requests per second in all: one chain gets them all, or each of many gets its share at moments of
//! its own, so that requests of different chains may meet. Then every chain asks at the same moment, which is the worst that
//! can happen.

use std::{
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    contender::{Contender, chain},
    node::{Link, precommit},
    signer::sign,
    stats::{self, Samples},
};

/// Requests per second in all: 100 chains with a block every six seconds ask for 33 to 50.
const PER_SECOND: f64 = 50.0;

/// One chain against `chains`, `count` requests each.
pub(crate) fn measure(chains: usize, count: usize) -> Result<()> {
    println!("chains in one process, {PER_SECOND} requests/s in all       p50 µs   p99 µs  CPU µs  RSS MiB");
    let alone = run(1, count, "one chain")?;
    let many = run(chains, count, &format!("{chains} chains, a key each"))?;
    println!("  {:<50} {:>8} {:>8.2}  (goal ≤ 2.00)\n", "p99 over that of one", "", many.p99() / alone.p99());
    Ok(())
}

fn run(chains: usize, count: usize, name: &str) -> Result<Samples> {
    let mut contender = Contender::palisade(chains)?;
    let id = contender.id();
    let links = std::mem::take(&mut contender.links);
    let each = count.div_ceil(chains);
    // The first signature of a chain is not like the others.
    let (warm, links) = ask_all(links, 5, |_, _| Duration::ZERO, 1)?;
    drop(warm);
    let before = stats::processor_time(id)?;
    let period = Duration::from_secs_f64(chains as f64 / PER_SECOND);
    // The golden ratio spreads the chains over the period without a pattern.
    let due = move |index: usize, turn: usize| {
        period.mul_f64((index as f64 * 0.618_033_988_75).fract())
            + period * u32::try_from(turn).unwrap_or(u32::MAX)
    };
    let (paced, links) = ask_all(links, each, due, 10)?;
    let processor = stats::processor_time(id)?.saturating_sub(before);
    let paced = Samples::new(paced);
    let row =
        |name: &str, samples: &Samples| print!("  {name:<50} {:>8.1} {:>8.1}", samples.p50(), samples.p99());
    row(name, &paced);
    println!(
        " {:>7.1} {:>8.1}",
        processor.as_secs_f64() * 1e6 / paced.len() as f64,
        stats::resident_mib(id)?
    );
    if chains > 1 {
        let (burst, _) = ask_all(
            links,
            20,
            |_, turn| Duration::from_millis(500) * u32::try_from(turn).unwrap_or(u32::MAX),
            10_000,
        )?;
        row("  all of them at the same moment", &Samples::new(burst));
        println!();
    }
    Ok(paced)
}

/// Each chain asks on a thread of its own when it is due after a common start.
pub(crate) fn ask_all(
    links: Vec<Link>,
    turns: usize,
    due: impl Fn(usize, usize) -> Duration + Copy + Send + 'static,
    first_height: usize,
) -> Result<(Vec<Duration>, Vec<Link>)> {
    let together = Arc::new(Barrier::new(links.len()));
    let asking: Vec<_> = links
        .into_iter()
        .enumerate()
        .map(|(index, mut link)| {
            let together = Arc::clone(&together);
            thread::spawn(move || -> Result<(Vec<Duration>, Link)> {
                let mut times = Vec::with_capacity(turns);
                together.wait();
                let begin = Instant::now();
                for turn in 0..turns {
                    let at = begin + due(index, turn);
                    thread::sleep(at.saturating_duration_since(Instant::now()));
                    times.push(sign(&mut link, &precommit(&chain(index), first_height + turn))?);
                }
                Ok((times, link))
            })
        })
        .collect();
    let (mut times, mut links) = (Vec::new(), Vec::new());
    for thread in asking {
        let (one, link) = thread.join().map_err(|_| anyhow::anyhow!("a chain's thread panicked"))??;
        times.extend(one);
        links.push(link);
    }
    Ok((times, links))
}
