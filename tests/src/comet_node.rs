//! Real Tendermint and CometBFT nodes on loopback, their homes written here and not by `cometbft init`, so that every key is known.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use comet::consensus::{PublicKey, SecretKey};
use comet::key::PrivateKey;
use comet::key_file::{write_node_key, write_priv_validator_key};
use rand_core::OsRng;
use serde_json::{Value, json};

use crate::node_line::Line;
use crate::process::{Process, until};
use crate::{http, ports};

/// Where a node's consensus key is.
#[allow(clippy::large_enum_variant, reason = "a test has a handful of them")]
pub enum Validator {
    /// In the node's home, as most have it.
    Local(PrivateKey),
    /// Behind `priv_validator_laddr`; the node never sees the key.
    Remote(PublicKey, String),
}

impl Validator {
    fn public(&self) -> PublicKey {
        match self {
            Self::Local(key) => key.public().into(),
            Self::Remote(key, _) => key.clone(),
        }
    }
}

/// One node's home, running or not.
pub struct CometNode {
    home: PathBuf,
    /// `host:port` of its RPC.
    pub rpc: String,
    line: Line,
    process: Option<Process>,
}

impl CometNode {
    /// Where `config` and `data` are.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Starts it. With a remote key, the signer has 3 s to connect or the node exits.
    pub fn start(&mut self) -> Result<()> {
        let mut command = Command::new(self.line.program()?);
        command.arg(self.line.verb()).arg("--home").arg(&self.home);
        self.process = Some(Process::start("node", &mut command, &self.home.join("node.log"))?);
        Ok(())
    }

    /// From its next start on its key is behind `priv_validator_laddr`.
    pub fn set_signer(&self, laddr: &str) -> Result<()> {
        let path = self.home.join("config/config.toml");
        let config = std::fs::read_to_string(&path)?;
        let local = "priv_validator_laddr = \"\"";
        anyhow::ensure!(config.contains(local), "its key is not local");
        Ok(std::fs::write(path, config.replace(local, &format!("priv_validator_laddr = \"{laddr}\"")))?)
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Stops it with SIGTERM.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.terminate(Duration::from_secs(10))?;
        }
        Ok(())
    }

    /// The height it has committed.
    pub fn height(&mut self) -> Result<i64> {
        if let Some(process) = &mut self.process {
            process.still_runs()?;
        }
        let status = http::rpc(&self.rpc, "/status")?;
        let height = status["sync_info"]["latest_block_height"].as_str().context("no height in /status")?;
        Ok(height.parse()?)
    }

    /// Waits until it has committed `height`.
    pub fn reach(&mut self, height: i64, limit: Duration) -> Result<i64> {
        until(&format!("height {height}"), limit, || Ok(Some(self.height()?).filter(|now| *now >= height)))
    }

    /// The signatures of the commit for `height`, from the block after it (the final ones).
    pub fn last_commit(&self, height: i64) -> Result<Vec<Value>> {
        let block = http::rpc(&self.rpc, &format!("/block?height={}", height + 1))?;
        let commit = &block["block"]["last_commit"];
        let height = height.to_string();
        anyhow::ensure!(
            commit["height"].as_str() == Some(&height),
            "not a commit of {height}: {}",
            commit["height"]
        );
        Ok(commit["signatures"].as_array().context("no signatures in the commit")?.clone())
    }

    /// What the commit for `height` is for: its round and its block id.
    pub fn commit_of(&self, height: i64) -> Result<Value> {
        let block = http::rpc(&self.rpc, &format!("/block?height={}", height + 1))?;
        Ok(block["block"]["last_commit"].clone())
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        self.process.as_ref().map(Process::tail).unwrap_or_default()
    }
}

/// How a chain of nodes is to be.
pub struct Plan<'a> {
    /// Which nodes.
    pub line: Line,
    /// Chain id.
    pub chain_id: &'a str,
    /// `proxy_app`: `kvstore`, inside the node, or where an application listens.
    pub proxy_app: &'a str,
    /// Whether votes are extended from height 1 on; only the lines since 0.38 can.
    pub vote_extensions: bool,
    /// `consensus.timeout_commit`.
    pub timeout_commit: &'a str,
    /// `consensus.timeout_propose`; the prevote and precommit timeouts are half of it.
    pub timeout_propose: Duration,
}

/// Writes the homes of one node for each validator below `dir`, all of them connected, all of power 10.
pub fn network(dir: &Path, plan: &Plan<'_>, validators: &[Validator]) -> Result<Vec<CometNode>> {
    let genesis = genesis(plan, validators);
    let node_keys: Vec<PrivateKey> = validators.iter().map(|_| PrivateKey::generate(&mut OsRng)).collect();
    let p2p: Vec<String> = validators.iter().map(|_| ports::address()).collect();
    let peers: Vec<String> =
        node_keys.iter().zip(&p2p).map(|(key, at)| format!("{}@{at}", key.public().node_id())).collect();
    let mut nodes = Vec::new();
    for (i, validator) in validators.iter().enumerate() {
        let home = dir.join(format!("node{i}"));
        std::fs::create_dir_all(home.join("config"))?;
        std::fs::create_dir_all(home.join("data"))?;
        let rpc = ports::address();
        let others: Vec<&str> =
            peers.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, peer)| peer.as_str()).collect();
        let laddr = match validator {
            Validator::Remote(_, laddr) => laddr.as_str(),
            Validator::Local(key) => {
                std::fs::write(
                    home.join("config/priv_validator_key.json"),
                    write_priv_validator_key(&copy_of(key)).as_bytes(),
                )?;
                std::fs::write(home.join("data/priv_validator_state.json"), plan.line.fresh_state())?;
                ""
            }
        };
        std::fs::write(
            home.join("config/config.toml"),
            config(plan, i, laddr, &rpc, &p2p[i], &others.join(",")),
        )?;
        std::fs::write(home.join("config/genesis.json"), serde_json::to_string_pretty(&genesis)?)?;
        std::fs::write(home.join("config/node_key.json"), write_node_key(&node_keys[i]).as_bytes())?;
        nodes.push(CometNode { home, rpc, line: plan.line, process: None });
    }
    Ok(nodes)
}

fn genesis(plan: &Plan<'_>, validators: &[Validator]) -> Value {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let set: Vec<Value> = validators
        .iter()
        .map(|validator| {
            let key = validator.public();
            json!({
                "address": key.address().to_string(),
                "pub_key": {"type": key.key_type().public_json(), "value": BASE64_STANDARD.encode(key.as_bytes())},
                "power": "10",
                "name": "",
            })
        })
        .collect();
    let mut genesis = json!({
        "genesis_time": "2024-01-01T00:00:00Z",
        "chain_id": plan.chain_id,
        "validators": set,
        "app_hash": "",
    });
    if plan.line != Line::V0_33 {
        genesis["initial_height"] = "1".into();
    }
    let mut types: Vec<&str> =
        validators.iter().map(|validator| validator.public().key_type().name()).collect();
    types.sort_unstable();
    types.dedup();
    // Otherwise the node's own defaults, which are part of what is tested.
    if plan.vote_extensions || types != ["ed25519"] {
        genesis["consensus_params"] = plan.line.params(plan.vote_extensions, &types);
    }
    genesis
}

/// What is not written here is the node's default; every line knows all of this.
fn config(plan: &Plan<'_>, i: usize, laddr: &str, rpc: &str, p2p: &str, peers: &str) -> String {
    let propose = plan.timeout_propose.as_millis();
    let vote = propose / 2;
    let commit = plan.timeout_commit;
    let proxy_app = plan.proxy_app;
    format!(
        r#"proxy_app = "{proxy_app}"
moniker = "node{i}"
log_level = "info"
priv_validator_laddr = "{laddr}"

[rpc]
laddr = "tcp://{rpc}"

[p2p]
laddr = "tcp://{p2p}"
persistent_peers = "{peers}"
addr_book_strict = false
allow_duplicate_ip = true
pex = false

[consensus]
timeout_propose = "{propose}ms"
timeout_prevote = "{vote}ms"
timeout_precommit = "{vote}ms"
timeout_commit = "{commit}"
peer_gossip_sleep_duration = "10ms"
"#
    )
}

/// The same key again; keys are not `Clone`, on purpose.
pub fn copy_of(key: &PrivateKey) -> SecretKey {
    let bytes = key.to_seed_and_public().expect("tests make keys from seeds");
    PrivateKey::from_seed_and_public(&*bytes).expect("it was one").into()
}
