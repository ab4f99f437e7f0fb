//! One validator's key behind three signers and three real nodes, their mark in an etcd whose members live in namespaces, and a
//! recorder of every signature between each signer and its node.
//!
//! The chain has a second validator with three quarters of the power and its key in its own node: blocks go on whatever happens to the
//! first, and show what it missed.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use comet::key::PrivateKey;
use rand_core::OsRng;
use serde_json::{Value, json};

use crate::binaries;
use crate::comet_node::{CometNode, Plan, Validator, network};
use crate::etcd::{Cluster, Line, Place};
use crate::netns::Internet;
use crate::node_line;
use crate::recorder::{Endpoint, Handle, Record, Recorder};
use crate::scratch::Scratch;
use crate::signer_process::Signer;

/// Chain id.
pub const CHAIN: &str = "palisade-three";
/// Signers, nodes, members: three of each.
const THREE: usize = 3;
/// In a signer's directory: by how much its wall clock is off.
const CLOCK: &str = "clock";
/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// All of it.
pub struct Net {
    /// Inside `s0` to `s2`.
    pub signers: Vec<Signer>,
    /// Inside `e0` to `e2`.
    pub cluster: Cluster,
    /// The other validator's node, then one for each signer.
    pub nodes: Vec<CometNode>,
    /// Where they are.
    pub internet: Internet,
    recorders: Vec<Recorder>,
    // Kept if the test fails, so it goes last.
    dir: Scratch,
}

/// What the chain says of the shared validator between two heights.
#[derive(Clone, Copy, Debug)]
pub struct Blocks {
    /// Heights looked at.
    pub blocks: usize,
    /// Without its signature.
    pub missed: usize,
    /// In a row.
    pub longest: usize,
    /// With its signature for nil.
    pub nil: usize,
}

impl Net {
    /// Everything at work, with blocks that come about so long after each other.
    pub fn set(line: Line, timeout_commit: &str) -> Result<Self> {
        let dir = Scratch::new()?;
        let mut internet = Internet::new("ha")?;
        for at in 0..THREE {
            internet.public_host(&format!("e{at}"), &format!("{}/24", member(at)))?;
            internet.public_host(&format!("s{at}"), &format!("198.18.0.1{at}/24"))?;
        }
        let places = (0..THREE).map(|at| (member(at), place(internet.inside(&format!("e{at}")))));
        let mut cluster = Cluster::new(&dir.path().join("etcd"), line, places.collect())?;
        cluster.start()?;
        Signer::set_up(&dir.path().join("maker"), CHAIN, &[], "", &[&["key", "generate", "keys/own.json"]])?;
        let key = dir.path().join("maker/keys/own.json");
        let (mut signers, mut recorders, mut validators) = (Vec::new(), Vec::new(), Vec::new());
        for at in 0..THREE {
            let [to_signer, to_node] =
                ["recorder", "node"].map(|name| Endpoint::Unix(dir.path().join(format!("{name}{at}.sock"))));
            let of = (CHAIN, &[to_signer.url()][..], &*cluster.store("signer"));
            let home = dir.path().join(format!("signer{at}"));
            let inside = [internet.inside(&format!("s{at}")), own_clock(&home)?].concat();
            let signer = Signer::with_same_key(&home, of, &key, inside)?;
            recorders.push(Recorder::start(CHAIN, signer.key.clone(), &to_signer, to_node.clone(), 0)?);
            validators.push(Validator::Remote(signer.key.clone(), to_node.url()));
            signers.push(signer);
        }
        validators.insert(0, Validator::Local(PrivateKey::generate(&mut OsRng)));
        let plan = Plan {
            line: node_line::Line::V0_38,
            chain_id: CHAIN,
            proxy_app: "kvstore",
            vote_extensions: false,
            timeout_commit,
            timeout_propose: Duration::from_secs(1),
        };
        let mut nodes = network(dir.path(), &plan, &validators)?;
        for node in &mut nodes {
            two_validators(node.home())?;
        }
        for signer in &mut signers {
            signer.start()?;
        }
        for node in &mut nodes {
            node.start()?;
        }
        let mut net = Self { signers, cluster, nodes, internet, recorders, dir };
        let height = net.nodes[0].reach(5, LIMIT).with_context(|| net.tails())?;
        net.signed_again(height)?;
        Ok(net)
    }

    /// Where a member is.
    pub fn member(&self, at: usize) -> String {
        member(at)
    }

    /// A test's own files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Puts a signer's wall clock off by so much, `+1d` or `-3h`, within a second.
    pub fn set_clock(&self, at: usize, off: &str) -> Result<()> {
        Ok(std::fs::write(self.signers[at].dir().join(CLOCK), off)?)
    }

    /// The year by a signer's clock, as its log has it.
    pub fn year(&self, at: usize) -> Result<u64> {
        // Something to say.
        self.signers[at].signal(rustix::process::Signal::HUP)?;
        std::thread::sleep(Duration::from_millis(50));
        let log = std::fs::read_to_string(self.signers[at].dir().join("signer.log"))?;
        let mut years = log.lines().filter_map(|line| line.get(..4)?.parse().ok());
        years.next_back().context("nothing in its log has a date")
    }

    /// The chain's height.
    pub fn height(&mut self) -> Result<i64> {
        self.nodes[0].height()
    }

    /// Waits until a block after `height` has the shared validator's signature.
    pub fn signed_again(&mut self, height: i64) -> Result<i64> {
        let deadline = Instant::now() + LIMIT;
        let mut at = height + 1;
        loop {
            self.nodes[0].reach(at + 1, LIMIT).with_context(|| self.tails())?;
            if self.has_signed(at)? {
                return Ok(at);
            }
            ensure!(Instant::now() < deadline, "nothing signed since {height}\n{}", self.tails());
            at += 1;
        }
    }

    /// What it missed from the first to the last of these heights.
    pub fn blocks(&self, from: i64, to: i64) -> Result<Blocks> {
        let (mut missed, mut row, mut longest, mut nil) = (0, 0, 0, 0);
        for height in from..=to {
            let flag = self.flag(height)?;
            nil += usize::from(flag == 3);
            let signed = flag != 1;
            row = if signed { 0 } else { row + 1 };
            missed += usize::from(!signed);
            longest = longest.max(row);
        }
        Ok(Blocks { blocks: usize::try_from(to - from + 1)?, missed, longest, nil })
    }

    /// The longest time without a signature of any signer while `meanwhile` goes on.
    pub fn longest_silence<T>(
        &mut self,
        meanwhile: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(Duration, T)> {
        let records: Vec<_> = self.recorders.iter().map(Recorder::handle).collect();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let count = || records.iter().map(Handle::signatures).sum::<usize>();
                let (mut last, mut since, mut longest) = (count(), Instant::now(), Duration::ZERO);
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(10));
                    longest = longest.max(since.elapsed());
                    let now = count();
                    if now != last {
                        (last, since) = (now, Instant::now());
                    }
                }
                longest
            });
            let done = meanwhile(self);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            let longest = watch.join().ok().context("the watch panicked")?;
            Ok((longest, done?))
        })
    }

    /// Everything that was signed, by whichever signer; fails if any place was signed in two ways.
    pub fn record(&self) -> Result<Record> {
        let mut all = Record::default();
        for record in self.recorders.iter().map(Recorder::record) {
            all.signatures += record.signatures;
            all.forged += record.forged;
            all.refusals.extend(record.refusals);
            for (slot, released) in record.released {
                let there = all.released.entry(slot).or_default();
                for one in released {
                    if !there.contains(&one) {
                        there.push(one);
                    }
                }
            }
        }
        ensure!(all.double_signs().is_empty(), "signed in two ways: {:?}", all.double_signs());
        ensure!(all.forged == 0, "{} signatures do not verify", all.forged);
        Ok(all)
    }

    fn has_signed(&self, height: i64) -> Result<bool> {
        Ok(self.flag(height)? == 2)
    }

    /// 1 absent, 2 for the block, 3 for nil.
    fn flag(&self, height: i64) -> Result<i64> {
        let address = self.signers[0].key.address().to_string();
        let commit = self.nodes[0].last_commit(height)?;
        let own = commit.iter().find(|one| one["validator_address"] == *address);
        Ok(own.and_then(|own| own["block_id_flag"].as_i64()).unwrap_or(1))
    }

    fn tails(&self) -> String {
        let signers = self.signers.iter().map(Signer::tail);
        let nodes = self.nodes.iter().map(CometNode::tail);
        signers.chain(nodes).collect::<Vec<_>>().join("\n---\n")
    }
}

/// What a signer is run by to have a wall clock that can be put forward and back. Monotonic clocks have no reason to jump.
fn own_clock(home: &Path) -> Result<Vec<String>> {
    std::fs::create_dir_all(home)?;
    std::fs::write(home.join(CLOCK), "+0")?;
    let library = binaries::node("libfaketime")?.canonicalize()?;
    Ok(vec![
        "env".into(),
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME_TIMESTAMP_FILE={}", home.join(CLOCK).display()),
        "FAKETIME_CACHE_DURATION=1".into(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".into(),
        "DONT_FAKE_MONOTONIC=1".into(),
    ])
}

fn member(at: usize) -> String {
    format!("198.18.0.{}", at + 1)
}

/// How a program is started by these words.
pub fn place(words: Vec<String>) -> Place {
    Box::new(move |program| {
        let mut command = std::process::Command::new(&words[0]);
        command.args(&words[1..]).arg(program);
        command
    })
}

/// Makes of a genesis with the same validator several times one with it once, and the first with three quarters of the power.
fn two_validators(home: &Path) -> Result<()> {
    let path = home.join("config/genesis.json");
    let mut genesis: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let validators = genesis["validators"].as_array_mut().context("validators")?;
    validators.truncate(2);
    validators[0]["power"] = json!("30");
    Ok(std::fs::write(path, serde_json::to_string_pretty(&genesis)?)?)
}
