//! A validator on a private wire to one sentry that faces the outside, each on addresses of its own, and the live audit run
//! on them from there.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use comet::key::PrivateKey;
use comet::key_file::{write_node_key, write_priv_validator_key};
use serde_json::{Value, json};

use crate::binaries;
use crate::netns::Internet;
use crate::node_line::Line;
use crate::process::{Process, until};
use crate::scratch::Scratch;

/// The sentry's public address.
pub const SENTRY: &str = "198.18.0.2";
/// Its end of the wire.
pub const SENTRY_WIRE: &str = "100.64.7.1";
/// The validator's end.
pub const VALIDATOR_WIRE: &str = "100.64.7.2";

/// Validator and sentry, running or not.
pub struct Fleet {
    /// The namespaces `out`, `sen` and `val`.
    pub internet: Internet,
    /// Where the homes are.
    pub scratch: Scratch,
    line: Line,
    /// Node key.
    pub validator: PrivateKey,
    /// Node key.
    pub sentry: PrivateKey,
    /// What to stop.
    pub running: Vec<Process>,
}

/// What is written into the sentry's configuration.
#[derive(Clone, Copy, Default)]
pub struct Sentry<'a> {
    /// `p2p.private_peer_ids`.
    pub private_peer_ids: &'a str,
    /// Where RPC and metrics listen.
    pub open: &'a str,
    /// `p2p.pex`.
    pub pex: bool,
    /// `rpc.unsafe`.
    pub rpc_unsafe: bool,
    /// `p2p.libp2p.enabled`.
    pub libp2p: bool,
}

impl Fleet {
    /// Makes the networks; nothing runs yet.
    pub fn new(line: Line) -> Result<Self> {
        let mut internet = Internet::new(&format!("{line:?}").to_lowercase().replace('_', ""))?;
        internet.outside("198.18.0.1/16")?;
        internet.public_host("sen", &format!("{SENTRY}/16"))?;
        internet.private_host("val")?;
        internet.wire(("sen", &format!("{SENTRY_WIRE}/24")), ("val", &format!("{VALIDATOR_WIRE}/24")))?;
        let (validator, sentry) = (PrivateKey::from_seed(&[41; 32]), PrivateKey::from_seed(&[42; 32]));
        Ok(Self { internet, scratch: Scratch::new()?, line, validator, sentry, running: Vec::new() })
    }

    /// The home of a host.
    pub fn home(&self, host: &str) -> PathBuf {
        self.scratch.path().join(host)
    }

    /// The id of a node key.
    pub fn id(key: &PrivateKey) -> String {
        key.public().node_id().to_string()
    }

    fn write(&self, host: &str, node_key: &PrivateKey, consensus: &PrivateKey, config: &str) -> Result<()> {
        let home = self.home(host);
        write_home(
            &home,
            self.line,
            node_key,
            consensus,
            &genesis(self.line, &PrivateKey::from_seed(&[43; 32])),
        )?;
        Ok(std::fs::write(home.join("config/config.toml"), config)?)
    }

    /// (Re)writes both configurations and starts both nodes; the sentry dials the validator.
    pub fn start(&mut self, sentry: Sentry<'_>) -> Result<()> {
        let id = Self::id(&self.validator);
        let to_validator = format!("{id}@{VALIDATOR_WIRE}:26656");
        let own = format!("tcp://{SENTRY}:26656");
        let config = config("acme", &own, "127.0.0.1", &to_validator, sentry);
        self.write("sen", &self.sentry, &PrivateKey::from_seed(&[44; 32]), &config)?;
        let hidden = Sentry { open: "127.0.0.1", ..Sentry::default() };
        let own = format!("tcp://{VALIDATOR_WIRE}:26656");
        let config = config_of_validator(&own, hidden);
        self.write("val", &self.validator, &PrivateKey::from_seed(&[43; 32]), &config)?;
        for host in ["val", "sen"] {
            let mut command = self.internet.command(host, &self.line.program()?);
            command.arg(self.line.verb()).arg("--home").arg(self.home(host));
            self.running.push(Process::start(host, &mut command, &self.home(host).join("node.log"))?);
        }
        Ok(())
    }

    /// Stops everything.
    pub fn stop(&mut self) -> Result<()> {
        for process in self.running.drain(..) {
            process.terminate(Duration::from_secs(20))?;
        }
        Ok(())
    }

    /// What the live audit says from outside.
    pub fn audit(&mut self, more: &[&str]) -> Result<(Option<i32>, Value)> {
        self.audit_from("out", SENTRY, more)
    }

    /// Waits until the validator is a peer of the sentry, by the sentry's own RPC on its loopback.
    pub fn validator_is_linked(&mut self) -> Result<()> {
        until("the sentry has the validator as a peer", Duration::from_secs(60), || {
            let (_, report) = self.audit_from("sen", "127.0.0.1", &[])?;
            Ok(rules(&report).iter().any(|rule| rule == "hidden_node_in_answers").then_some(()))
        })
    }

    fn audit_from(&mut self, host: &str, at: &str, more: &[&str]) -> Result<(Option<i32>, Value)> {
        for process in &mut self.running {
            process.still_runs()?;
        }
        let target = format!("{}@{at}:26656", Self::id(&self.sentry));
        let private = Self::id(&self.validator);
        let mut command = self.internet.command(host, &binaries::own("palisade-sentry")?);
        command
            .args(["audit", "--json", "--timeout", "2", "--target", &target, "--private", &private])
            .args(more);
        let output = command.output()?;
        let report: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok((output.status.code(), report))
    }

    /// Waits until the sentry answers with a node info and, if wanted, the validator is its peer.
    pub fn ready(&mut self) -> Result<Value> {
        until("the sentry answers", Duration::from_secs(60), || {
            let (_, report) = self.audit(&["--pex-requests", "1"])?;
            Ok(says(&report, "p2p").contains("node ").then_some(report))
        })
    }
}

/// Everything in a home but its configuration, closed to others as it should be.
pub(crate) fn write_home(
    home: &Path,
    line: Line,
    node_key: &PrivateKey,
    consensus: &PrivateKey,
    genesis: &Value,
) -> Result<()> {
    std::fs::create_dir_all(home.join("config"))?;
    std::fs::create_dir_all(home.join("data"))?;
    std::fs::write(home.join("config/genesis.json"), genesis.to_string())?;
    let consensus = write_priv_validator_key(&crate::comet_node::copy_of(consensus));
    for (file, key) in [
        ("node_key.json", write_node_key(node_key).as_bytes()),
        ("priv_validator_key.json", consensus.as_bytes()),
    ] {
        let path = home.join("config").join(file);
        std::fs::write(&path, key)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    let state = home.join("data/priv_validator_state.json");
    if !state.exists() {
        std::fs::write(state, line.fresh_state())?;
    }
    Ok(())
}

/// A chain of one validator.
pub(crate) fn genesis(line: Line, validator: &PrivateKey) -> Value {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let key = validator.public();
    let mut genesis = json!({
        "genesis_time": "2024-01-01T00:00:00Z",
        "chain_id": "probe-1",
        "validators": [{
            "address": key.address().to_string(),
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": BASE64_STANDARD.encode(key.as_bytes())},
            "power": "10",
            "name": "",
        }],
        "app_hash": "",
    });
    if line != Line::V0_33 {
        genesis["initial_height"] = "1".into();
    }
    genesis
}

fn config_of_validator(laddr: &str, hidden: Sentry<'_>) -> String {
    config("fern", laddr, "127.0.0.1", "", hidden)
}

fn config(moniker: &str, laddr: &str, otherwise: &str, peers: &str, of: Sentry<'_>) -> String {
    let open = if of.open.is_empty() { otherwise } else { of.open };
    let Sentry { private_peer_ids, pex, rpc_unsafe, libp2p, .. } = of;
    format!(
        r#"proxy_app = "kvstore"
moniker = "{moniker}"
log_level = "info"
prof_laddr = "{open}:6060"

[rpc]
laddr = "tcp://{open}:26657"
unsafe = {rpc_unsafe}
pprof_laddr = "{open}:6060"

[p2p]
laddr = "{laddr}"
persistent_peers = "{peers}"
private_peer_ids = "{private_peer_ids}"
addr_book_strict = true
pex = {pex}

[p2p.libp2p]
enabled = {libp2p}

[tx_index]
indexer = "null"

[instrumentation]
prometheus = true
prometheus_listen_addr = "{open}:26660"
"#
    )
}

/// Makes sure that a stopped node's book has this peer. Nodes save their books every two minutes, and when they stop if they are
/// quicker than their own exit; where they were not, the entry is written as they would have.
pub fn keep_in_book(book: &Path, id: &str, ip: &str) -> Result<()> {
    let kept = std::fs::read_to_string(book).unwrap_or_default();
    let entries = serde_json::from_str::<Value>(&kept).ok().and_then(|v| v["addrs"].as_array().cloned());
    if kept.contains(id) {
        return Ok(());
    }
    let address = json!({"id": id, "ip": ip, "port": 26656});
    let mut entries = entries.unwrap_or_default();
    entries.push(book_entry(&address, 0));
    let key = "6e0abe0c2a4f6a5c7d1e5a5b";
    Ok(std::fs::write(book, json!({"key": key, "addrs": entries}).to_string())?)
}

/// Cuts an id out of the address book of a node that is not running.
pub fn scrub(book: &Path, id: &str) -> Result<()> {
    let output = Command::new(binaries::own("palisade-sentry")?)
        .args(["addrbook", "scrub"])
        .arg(book)
        .args(["--id", id])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// An entry of an address book, never tried, in this bucket.
pub fn book_entry(address: &Value, bucket: usize) -> Value {
    json!({
        "addr": address, "src": address, "buckets": [bucket], "bucket_type": 1, "attempts": 0,
        "last_attempt": "2024-01-01T00:00:00Z", "last_success": "0001-01-01T00:00:00Z",
        "last_ban_time": "0001-01-01T00:00:00Z",
    })
}

/// What was met at the first port of this service.
pub fn says(report: &Value, service: &str) -> String {
    let seen = report["seen"].as_array().expect("an array").iter().find(|seen| seen["service"] == service);
    seen.map(|seen| {
        format!("{} {}", seen["state"].as_str().expect("a string"), seen["says"].as_str().expect("a string"))
    })
    .unwrap_or_default()
}

/// Names of the rules that found something.
pub fn rules(report: &Value) -> Vec<String> {
    let mut rules: Vec<String> = report["findings"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|finding| finding["rule"].as_str().expect("a string").to_owned())
        .collect();
    rules.dedup();
    rules
}
