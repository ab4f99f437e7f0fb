//! Signatures whose mark is in a real etcd of three members, in turn with bare puts into the same etcd by the same client, with flushes of
//! a file as the one under each mark, and with signatures of a threshold key.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use palisade_signer::{
    config::Config,
    etcd::kv::{PutRequest, PutResponse},
    io::etcd::Client,
    metrics::Metrics,
    record::RECORD,
};
use palisade_tests::etcd::{Cluster, Line};

use crate::{
    contender::{Contender, chain},
    floor,
    many::ask_all,
    node::precommit,
    signer::sign,
    stats::Samples,
};

const PUT: &str = "/etcdserverpb.KV/Put";
/// Measured without a pause before the other has its turn.
const TURN: usize = 50;

/// `count` of each, then what many chains get through when all of them ask as fast as they can.
pub(crate) fn measure(chains: usize, count: usize) -> Result<()> {
    if palisade_tests::binaries::node("etcd-v3.6").is_err() {
        println!("SKIPPED: marks in etcd (it is not there; try: tests/run nodes)\n");
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let mut cluster = Cluster::on_loopback(&dir.path().join("etcd"), Line::V3_6, 3)?;
    cluster.start()?;
    let store = cluster.store("signer");
    let client = client(dir.path(), &store)?;
    let mut signer = Contender::palisade_with(1, &store)?;
    let mut frost = Contender::threshold_with(&store)?;
    let (mut puts, mut signatures, mut height) = (Vec::new(), Vec::new(), 0);
    let (file, mut flushes, mut thresholds) = (floor::flushed_file()?, Vec::new(), Vec::new());
    for turn in 0..count.div_ceil(TURN) + 1 {
        for _ in 0..TURN {
            let started = Instant::now();
            let put = PutRequest { key: b"/palisade/bench".to_vec(), value: vec![1; RECORD] };
            client.call::<_, PutResponse>(PUT, put)?;
            puts.push(started.elapsed());
        }
        for (link, times) in [(&mut signer.links[0], &mut signatures), (&mut frost.links[0], &mut thresholds)]
        {
            for at in 1..=TURN {
                times.push(sign(link, &precommit(&chain(0), height + at))?);
            }
        }
        height += TURN;
        flushes.extend(floor::flushes(&file, TURN)?);
        if turn == 0 {
            [&mut puts, &mut signatures, &mut flushes, &mut thresholds].into_iter().for_each(Vec::clear);
        }
    }
    let [puts, signatures, flushes, thresholds] = [puts, signatures, flushes, thresholds].map(Samples::new);
    println!("marks in etcd 3.6, three members on this machine ({} each)   p50 µs   p99 µs", puts.len());
    for (name, samples) in [
        ("floor: a bare put of a record, mutual TLS", &puts),
        ("a flush of the signer's own file, beside it", &flushes),
        ("palisade-signer, socket to socket", &signatures),
        ("palisade-signer, FROST 2 of 3", &thresholds),
    ] {
        println!("  {name:<56} {:>8.1} {:>8.1}", samples.p50(), samples.p99());
    }
    println!("  {:<56} {:>8.2}  (goal ≤ 1.30)", "p50 over that of a bare put", signatures.p50() / puts.p50());
    println!(
        "  {:<56} {:>8.2}",
        "over a bare put and a flush, one after the other",
        signatures.p50() / (puts.p50() + flushes.p50())
    );
    drop((signer, frost));
    let mut signer = Contender::palisade_with(chains, &store)?;
    let links = std::mem::take(&mut signer.links);
    let (_, links) = ask_all(links, 2, |_, _| Duration::ZERO, 1)?;
    let started = Instant::now();
    let each = (count / chains).max(5);
    let (times, _) = ask_all(links, each, |_, _| Duration::ZERO, 10)?;
    let per_second = times.len() as f64 / started.elapsed().as_secs_f64();
    let times = Samples::new(times);
    println!(
        "  {:<56} {:>8.1} {:>8.1}  {per_second:.0} signatures/s\n",
        format!("{chains} chains, all as fast as they can"),
        times.p50(),
        times.p99()
    );
    Ok(())
}

/// The signer's own client, for the same cluster.
fn client(dir: &std::path::Path, store: &str) -> Result<Client> {
    let text = format!(
        "state_dir = \"s\"\nlisten = \"127.0.0.1:0\"\n[[key]]\nname = \"k\"\nbackend = \"softsign\"\npath = \"k\"\n\
         [[chain]]\nid = \"c\"\nkey = \"k\"\nnodes = [\"tcp://127.0.0.1:1\"]\n{store}"
    );
    let config = Config::parse(&text, dir)?;
    let etcd = config.chains[0].store.etcd().ok_or_else(|| anyhow!("no etcd in {text}"))?;
    Ok(Client::new(etcd.cluster.clone(), Metrics::new("").etcd))
}
