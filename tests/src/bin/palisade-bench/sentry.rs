//! The audit: a planned fleet of a hundred nodes, and ten real nodes looked at from outside.
//!
//! What a live audit takes is for the nodes to say: two answers on a connection, and no new one before the last is forgotten. Its
//! floor is the same without our own pause between connections, on one node.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use comet::key::PrivateKey;
use palisade_sentry::io::probe::{Options, probe};
use palisade_sentry::live::{Live, Part, Pex, named};
use palisade_sentry::{Subject, audit, resolve};
use palisade_tests::comet_node::{CometNode, Plan, Validator, network};
use palisade_tests::http;
use palisade_tests::node_line::Line;
use palisade_tests::process::until;
use palisade_tests::scratch::Scratch;
use serde_json::{Value, json};

/// Nodes of the planned fleet: a validator, an RPC node, and sentries.
const PLANNED: usize = 100;
/// Entries in the book of each node that is looked at.
const BOOK: usize = 300;

/// Audits a plan `rounds` times, and `sentries` real nodes once.
pub(crate) fn measure(rounds: usize, sentries: usize) -> Result<()> {
    let text = fleet(PLANNED);
    let (mut resolved, mut audited) = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds.max(1) {
        let began = Instant::now();
        let fleet = resolve(&text)?;
        resolved = resolved.min(began.elapsed());
        let began = Instant::now();
        let report = audit(&fleet);
        audited = audited.min(began.elapsed());
        ensure!(report.nodes == PLANNED, "{} nodes", report.nodes);
    }
    println!(
        "sentry, audit of a planned fleet of {PLANNED} nodes     resolve {:.1} ms, audit {:.1} ms    goal: 1000 ms together",
        ms(resolved),
        ms(audited)
    );
    match Line::V0_38.program() {
        Ok(_) => live(sentries),
        Err(error) => {
            println!("sentry, live audit: not measured: {error:#}");
            Ok(())
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn fleet(nodes: usize) -> String {
    let mut text = "[[chain]]\nid = \"bench-1\"\nnode_line = \"0.38\"\n".to_owned();
    for i in 0..nodes {
        let role = match i {
            0 => "validator",
            1 => "rpc",
            _ => "sentry",
        };
        let public = if i == 0 { String::new() } else { format!("public = [\"198.18.0.{i}\"]\n") };
        text += &format!(
            "[[host]]\nname = \"h{i}\"\nprovider = \"p{}\"\n{public}wireguard = \"10.66.0.{i}\"\n[[host.node]]\nchain = \"bench-1\"\n\
             role = \"{role}\"\nid = \"{:040x}\"\n",
            i % 7,
            i + 1
        );
    }
    text
}

fn live(sentries: usize) -> Result<()> {
    let scratch = Scratch::new()?;
    let plan = Plan {
        line: Line::V0_38,
        chain_id: "bench-1",
        proxy_app: "kvstore",
        vote_extensions: false,
        timeout_commit: "1s",
        timeout_propose: Duration::from_secs(3),
    };
    let validators: Vec<Validator> = (0..sentries)
        .map(|i| Validator::Local(PrivateKey::from_seed(&[u8::try_from(i).unwrap_or(u8::MAX); 32])))
        .collect();
    let mut nodes = network(scratch.path(), &plan, &validators)?;
    let mut ports = Vec::new();
    for node in &mut nodes {
        ports.push(open(node.home())?);
        node.start()?;
    }
    let mut targets = Vec::new();
    for (node, port) in nodes.iter().zip(ports) {
        let status =
            until("a node answers", Duration::from_secs(60), || Ok(http::rpc(&node.rpc, "/status").ok()))?;
        targets.push((status["node_info"]["id"].as_str().context("no id")?.to_owned(), port));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let look = |targets: &[(String, u16)], pause: Duration| -> Result<(Duration, Live)> {
        let wanted = targets.iter().enumerate().map(|(i, (id, port))| {
            let subject = Subject::host(&format!("sentry-{i}"));
            Ok(named(Part::Outsider, subject, id.parse()?, IpAddr::from([127, 0, 0, 1]), *port))
        });
        let wanted = wanted.collect::<Result<Vec<_>>>()?;
        let options = Options { pause, ..Options::default() };
        let began = Instant::now();
        let live = runtime.block_on(probe(wanted, Vec::new(), &options));
        Ok((began.elapsed(), live))
    };
    let pause = Options::default().pause;
    let (floor, _) = look(targets.get(..1).unwrap_or_default(), Duration::ZERO)?;
    let (one, _) = look(targets.get(..1).unwrap_or_default(), pause)?;
    let (all, seen) = look(&targets, pause)?;
    let answers: Vec<u32> = seen.targets.iter().filter_map(read).collect();
    println!(
        "sentry, live audit of {sentries} nodes, books of {BOOK}        {:.1} s ({} answers); one node {:.1} s, without our pauses {:.1} s",
        all.as_secs_f64(),
        answers.iter().sum::<u32>(),
        one.as_secs_f64(),
        floor.as_secs_f64()
    );
    nodes.iter_mut().try_for_each(CometNode::stop)
}

/// Answers that a book was read by.
fn read(target: &palisade_sentry::live::Target) -> Option<u32> {
    match &target.node()?.1.pex {
        Pex::Read(census, _) => Some(census.answers()),
        _ => None,
    }
}

/// Makes a node of the network a sentry that nobody is connected with and that has a book; returns its P2P port.
fn open(home: &Path) -> Result<u16> {
    let path = home.join("config/config.toml");
    let config: String = std::fs::read_to_string(&path)?
        .lines()
        .filter(|line| !line.starts_with("persistent_peers") && !line.starts_with("allow_duplicate_ip"))
        .map(|line| format!("{}\n", line.replace("pex = false", "pex = true\nmax_num_outbound_peers = 0")))
        .collect();
    let p2p = config.split("[p2p]").nth(1).context("no [p2p]")?;
    let port = p2p.split("laddr = \"tcp://127.0.0.1:").nth(1).and_then(|rest| rest.split('"').next());
    let port = port.context("no port")?.parse()?;
    std::fs::write(&path, &config)?;
    let entry = |i: usize| {
        let address = json!({"id": format!("{:040x}", i + 1), "ip": format!("198.18.{}.{}", i / 250, 1 + i % 250), "port": 26656});
        json!({
            "addr": address, "src": address, "buckets": [i % 256], "bucket_type": 1, "attempts": 0,
            "last_attempt": "2024-01-01T00:00:00Z", "last_success": "0001-01-01T00:00:00Z",
            "last_ban_time": "0001-01-01T00:00:00Z",
        })
    };
    let book: Value =
        json!({"key": "6e0abe0c2a4f6a5c7d1e5a5b", "addrs": (0..BOOK).map(entry).collect::<Vec<_>>()});
    std::fs::write(home.join("config/addrbook.json"), book.to_string())?;
    Ok(port)
}
