//! A network of ordinary Cosmos SDK nodes on loopback, made with the SDK's own commands (init, keys, gentx), one validator
//! each, all of the same power.
//!
//! Every state is kept (`--pruning nothing`), so that what the chain said at a height can be asked later. Deliberately
//! absent: anything that waits for a chain to do something; that is a test's business.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use comet::consensus::SecretKey;
use comet::key::Address;
use comet::key_file::{read_node_key, read_priv_validator_key};
use serde_json::Value;
use toml::Table;

use crate::process::{Process, until};
use crate::sdk_line::{Order, SdkLine};
use crate::sdk_truth;
use crate::{http, ports};

const BALANCE: &str = "1000000000stake";
const BONDED: &str = "100000000stake";
const PATIENCE: Duration = Duration::from_secs(30);

/// How the chain is to be.
pub struct Plan<'a> {
    /// Which nodes.
    pub line: SdkLine,
    /// Chain id.
    pub chain_id: &'a str,
    /// Size of the set.
    pub validators: usize,
    /// `signed_blocks_window`; half of it must be signed.
    pub window: i64,
    /// `downtime_jail_duration`, whole seconds.
    pub jail: Duration,
    /// Voting period of proposals, whole seconds.
    pub voting: Duration,
    /// `timeout_commit`, as Go writes durations.
    pub timeout_commit: &'a str,
}

/// One validator with its node, running or not.
pub struct SdkNode {
    home: PathBuf,
    /// `host:port` of the node's RPC.
    pub rpc: String,
    /// `host:port` of the SDK's gRPC (not in 0.39).
    pub grpc: String,
    /// `host:port` of the SDK's REST (not in 0.39).
    pub rest: String,
    p2p: String,
    /// Its consensus key, which a test may sign with as well.
    pub key: SecretKey,
    /// Account that owns the validator.
    operator: String,
    process: Option<Process>,
}

/// The network.
pub struct SdkNet {
    /// Which nodes.
    pub line: SdkLine,
    /// Chain id.
    pub chain_id: String,
    /// By index.
    pub nodes: Vec<SdkNode>,
    program: PathBuf,
    dir: PathBuf,
}

// === impl SdkNet ===

impl SdkNet {
    /// Makes the chain below `dir` and starts all of it.
    pub fn start(dir: &Path, plan: &Plan<'_>) -> Result<Self> {
        let dir = dir.join("net");
        std::fs::create_dir_all(&dir)?;
        let program = plan.line.program()?;
        let mut net =
            Self { line: plan.line, chain_id: plan.chain_id.into(), nodes: Vec::new(), program, dir };
        for i in 0..plan.validators {
            let node = net.new_node(i)?;
            net.nodes.push(node);
        }
        net.make_genesis(plan)?;
        let peers: Vec<String> = net.nodes.iter().map(SdkNode::peer).collect::<Result<_>>()?;
        for (i, node) in net.nodes.iter().enumerate() {
            let others = peers.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, peer)| peer.as_str());
            node.configure(plan, &others.collect::<Vec<_>>().join(","))?;
        }
        (0..plan.validators).try_for_each(|i| net.start_node(i))?;
        Ok(net)
    }

    fn new_node(&self, i: usize) -> Result<SdkNode> {
        let home = self.dir.join(format!("v{i}"));
        let keyring = ["--keyring-backend", "test"];
        self.run(&home, &["init", &format!("v{i}"), "--chain-id", &self.chain_id])?;
        self.run(&home, &[&["keys", "add", "op"][..], &keyring].concat())?;
        let operator = self.run(&home, &[&["keys", "show", "op", "-a"][..], &keyring].concat())?;
        let key = std::fs::read_to_string(home.join("config/priv_validator_key.json"))?;
        let key = read_priv_validator_key(&key)?;
        let [rpc, grpc, rest, p2p] = std::array::from_fn(|_| ports::address());
        Ok(SdkNode { home, rpc, grpc, rest, p2p, key, operator: operator.trim().into(), process: None })
    }

    fn make_genesis(&self, plan: &Plan<'_>) -> Result<()> {
        let first = &self.nodes.first().context("a chain has a validator")?.home;
        let file = |home: &Path| home.join("config/genesis.json");
        for node in &self.nodes {
            let words = self.line.genesis("add-genesis-account");
            self.run(first, &[&words[..], &[&node.operator, BALANCE]].concat())?;
        }
        let gentxs = self.dir.join("gentxs");
        std::fs::create_dir_all(&gentxs)?;
        for (i, node) in self.nodes.iter().enumerate() {
            if node.home != *first {
                std::fs::copy(file(first), file(&node.home))?;
            }
            let mut words: Vec<String> = self.line.genesis("gentx").into_iter().map(str::to_owned).collect();
            words.extend(self.line.gentx(&node.home, BONDED, node.key.public().as_bytes())?);
            words.extend(["--keyring-backend", "test", "--ip", "127.0.0.1"].map(str::to_owned));
            if self.line != SdkLine::V0_39 {
                words.extend(["--chain-id".into(), self.chain_id.clone()]);
            }
            words
                .extend(["--output-document".into(), gentxs.join(format!("{i}.json")).display().to_string()]);
            self.run(&node.home, &words.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        let words = self.line.genesis("collect-gentxs");
        self.run(first, &[&words[..], &["--gentx-dir", &gentxs.display().to_string()]].concat())?;
        // Last, because those commands want a minute in jail at least; the chain itself does not.
        let mut genesis: Value = serde_json::from_slice(&std::fs::read(file(first))?)?;
        self.line.set_params(&mut genesis, plan.window, plan.jail, plan.voting);
        std::fs::write(file(first), genesis.to_string())?;
        for node in &self.nodes[1..] {
            std::fs::copy(file(first), file(&node.home))?;
        }
        Ok(())
    }

    /// Runs one command to its end; what it printed.
    fn run(&self, home: &Path, words: &[&str]) -> Result<String> {
        let done = Command::new(&self.program).args(words).arg("--home").arg(home).output()?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{words:?}: {said}{}", String::from_utf8_lossy(&done.stdout));
        Ok(String::from_utf8(done.stdout)?)
    }

    /// Starts a validator's node, for the first time or again.
    pub fn start_node(&mut self, i: usize) -> Result<()> {
        let node = &mut self.nodes[i];
        let mut command = Command::new(&self.program);
        command.args(["start", "--pruning", "nothing"]).arg("--home").arg(&node.home);
        let log = self.dir.join(format!("v{i}.log"));
        node.process = Some(Process::start(&format!("v{i}"), &mut command, &log)?);
        Ok(())
    }

    /// Stops a validator's node with SIGTERM.
    pub fn stop_node(&mut self, i: usize) -> Result<()> {
        if let Some(process) = self.nodes[i].process.take() {
            process.terminate(PATIENCE)?;
        }
        Ok(())
    }

    /// The height whose block the first node has. The application may still be at the one before.
    pub fn height(&mut self) -> Result<i64> {
        let first = self.nodes.first_mut().context("no node")?;
        if let Some(process) = &mut first.process {
            process.still_runs()?;
        }
        self.latest()
    }

    /// Waits until the first node has committed `height`.
    pub fn reach(&mut self, height: i64, limit: Duration) -> Result<i64> {
        until(&format!("height {height}"), limit, || Ok(Some(self.height()?).filter(|now| *now >= height)))
    }

    /// Sends an order of validator `i` and waits until it is done, in the block whose height is returned.
    pub fn send(&mut self, i: usize, order: Order) -> Result<i64> {
        let (node, rpc) = (&self.nodes[i], &self.nodes[0].rpc);
        let params = sdk_truth::params(self, self.latest()? - 1)?;
        let words = self.line.order(order, &node.operator, &params, &self.dir.join("order.json"))?;
        let mut all: Vec<&str> = words.iter().map(String::as_str).collect();
        let url = format!("tcp://{rpc}");
        all.extend(["--from", "op", "--keyring-backend", "test", "--chain-id", &self.chain_id]);
        all.extend(["--node", &url, "--gas", "500000", "--yes"]);
        let said = self.run(&node.home, &all)?;
        let hash = said.split("txhash").nth(1).and_then(|rest| {
            let rest = rest.trim_start_matches(|c: char| !c.is_ascii_hexdigit());
            rest.get(..64)
        });
        let hash = hash.with_context(|| format!("no hash in {said}"))?;
        let done = until(&format!("{order:?} of v{i}"), PATIENCE, || {
            http::rpc(rpc, &format!("/tx?hash=0x{hash}")).map(Some)
        });
        let done = done.with_context(|| said.clone())?;
        let code = done["tx_result"]["code"].as_i64().unwrap_or(0);
        ensure!(code == 0, "{order:?} of v{i} was refused: {}", done["tx_result"]["log"]);
        Ok(done["height"].as_str().context("no height in /tx")?.parse()?)
    }

    /// The same, without a look whether its process lives.
    pub fn latest(&self) -> Result<i64> {
        let status = http::rpc(&self.nodes[0].rpc, "/status")?;
        Ok(status["sync_info"]["latest_block_height"].as_str().context("no height in /status")?.parse()?)
    }
}

// === impl SdkNode ===

impl SdkNode {
    /// Consensus address.
    pub fn address(&self) -> Address {
        self.key.public().address()
    }

    fn peer(&self) -> Result<String> {
        let key = read_node_key(&std::fs::read_to_string(self.home.join("config/node_key.json"))?)?;
        Ok(format!("{}@{}", key.public().node_id(), self.p2p))
    }

    /// Changes what the SDK wrote into config.toml and app.toml; a line ignores what it does not know.
    fn configure(&self, plan: &Plan<'_>, peers: &str) -> Result<()> {
        let tcp = |address: &str| format!("tcp://{address}");
        edit(
            &self.home.join("config/config.toml"),
            &[
                ("", "prof_laddr", "".into()),
                ("rpc", "pprof_laddr", "".into()),
                ("rpc", "laddr", tcp(&self.rpc).into()),
                ("p2p", "laddr", tcp(&self.p2p).into()),
                ("p2p", "persistent_peers", peers.into()),
                ("p2p", "addr_book_strict", false.into()),
                ("p2p", "allow_duplicate_ip", true.into()),
                ("p2p", "pex", false.into()),
                ("consensus", "timeout_propose", "500ms".into()),
                ("consensus", "timeout_commit", plan.timeout_commit.into()),
                ("consensus", "peer_gossip_sleep_duration", "10ms".into()),
            ],
        )?;
        edit(
            &self.home.join("config/app.toml"),
            &[
                ("", "minimum-gas-prices", "0stake".into()),
                ("api", "enable", true.into()),
                ("api", "address", tcp(&self.rest).into()),
                ("grpc", "address", self.grpc.as_str().into()),
                ("grpc-web", "enable", false.into()),
            ],
        )
    }
}

/// Sets keys of sections ("" = the top) of a TOML file.
fn edit(path: &Path, changes: &[(&str, &str, toml::Value)]) -> Result<()> {
    let mut all: Table = std::fs::read_to_string(path)?.parse()?;
    for (section, key, value) in changes {
        let table = match *section {
            "" => Some(&mut all),
            name => all.entry(name).or_insert_with(|| Table::new().into()).as_table_mut(),
        };
        table.context("a section is a table")?.insert((*key).into(), value.clone());
    }
    Ok(std::fs::write(path, toml::to_string(&all)?)?)
}
