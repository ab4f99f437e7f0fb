//! The live audit against real nodes of every line, each on addresses of its own: what leaks is found, and once it is fixed
//! it is not.
//!
//! One validator on a private wire to one sentry, which faces the outside; the probe runs outside. Needs root for network
//! namespaces; without it the tests say loudly that they did nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use comet::key::PrivateKey;
use comet::key_file::{write_node_key, write_priv_validator_key};
use palisade_tests::binaries;
use palisade_tests::netns::Internet;
use palisade_tests::node_line::Line;
use palisade_tests::process::{Process, until};
use palisade_tests::scratch::Scratch;
use serde_json::{Value, json};

const SENTRY: &str = "198.18.0.2";
const SENTRY_WIRE: &str = "100.64.7.1";
const VALIDATOR_WIRE: &str = "100.64.7.2";

struct Fleet {
    internet: Internet,
    scratch: Scratch,
    line: Line,
    validator: PrivateKey,
    sentry: PrivateKey,
    running: Vec<Process>,
}

/// What is written into the sentry's configuration.
#[derive(Clone, Copy, Default)]
struct Sentry<'a> {
    private_peer_ids: &'a str,
    /// Where RPC and metrics listen.
    open: &'a str,
    pex: bool,
    rpc_unsafe: bool,
    libp2p: bool,
}

impl Fleet {
    fn new(line: Line) -> Result<Self> {
        let mut internet = Internet::new(&format!("{line:?}").to_lowercase().replace('_', ""))?;
        internet.outside("198.18.0.1/16")?;
        internet.public_host("sen", &format!("{SENTRY}/16"))?;
        internet.private_host("val")?;
        internet.wire(("sen", &format!("{SENTRY_WIRE}/24")), ("val", &format!("{VALIDATOR_WIRE}/24")))?;
        let (validator, sentry) = (PrivateKey::from_seed(&[41; 32]), PrivateKey::from_seed(&[42; 32]));
        Ok(Self { internet, scratch: Scratch::new()?, line, validator, sentry, running: Vec::new() })
    }

    fn home(&self, host: &str) -> PathBuf {
        self.scratch.path().join(host)
    }

    fn id(key: &PrivateKey) -> String {
        key.public().node_id().to_string()
    }

    fn write(&self, host: &str, node_key: &PrivateKey, consensus: &PrivateKey, config: &str) -> Result<()> {
        let home = self.home(host);
        std::fs::create_dir_all(home.join("config"))?;
        std::fs::create_dir_all(home.join("data"))?;
        let put = |file: &str, text: &str| std::fs::write(home.join(file), text);
        put("config/config.toml", config)?;
        put("config/genesis.json", &genesis(self.line, &PrivateKey::from_seed(&[43; 32])).to_string())?;
        std::fs::write(home.join("config/node_key.json"), write_node_key(node_key).as_bytes())?;
        std::fs::write(
            home.join("config/priv_validator_key.json"),
            write_priv_validator_key(&palisade_tests::comet_node::copy_of(consensus)).as_bytes(),
        )?;
        if !home.join("data/priv_validator_state.json").exists() {
            put("data/priv_validator_state.json", r#"{"height":"0","round":0,"step":0}"#)?;
        }
        Ok(())
    }

    /// (Re)writes both configurations and starts both nodes; the sentry dials the validator.
    fn start(&mut self, sentry: Sentry<'_>) -> Result<()> {
        let id = Self::id(&self.validator);
        let to_validator = format!("{id}@{VALIDATOR_WIRE}:26656");
        let own = format!("tcp://{SENTRY}:26656");
        let config = config("sentry", &own, "127.0.0.1", &to_validator, sentry);
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

    fn stop(&mut self) -> Result<()> {
        for process in self.running.drain(..) {
            process.terminate(Duration::from_secs(20))?;
        }
        Ok(())
    }

    /// What the live audit says from outside.
    fn audit(&mut self, more: &[&str]) -> Result<(Option<i32>, Value)> {
        self.audit_from("out", SENTRY, more)
    }

    /// Waits until the validator is a peer of the sentry, by the sentry's own RPC on its loopback.
    fn validator_is_linked(&mut self) -> Result<()> {
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
    fn ready(&mut self) -> Result<Value> {
        until("the sentry answers", Duration::from_secs(60), || {
            let (_, report) = self.audit(&["--pex-requests", "1"])?;
            Ok(says(&report, "p2p").contains("node ").then_some(report))
        })
    }
}

fn genesis(line: Line, validator: &PrivateKey) -> Value {
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
    config("validator", laddr, "127.0.0.1", "", hidden)
}

fn config(moniker: &str, laddr: &str, otherwise: &str, peers: &str, of: Sentry<'_>) -> String {
    let open = if of.open.is_empty() { otherwise } else { of.open };
    let Sentry { private_peer_ids, pex, rpc_unsafe, libp2p, .. } = of;
    format!(
        r#"proxy_app = "kvstore"
moniker = "{moniker}"
log_level = "info"

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

[instrumentation]
prometheus = true
prometheus_listen_addr = "{open}:26660"
"#
    )
}

/// What was met at the first port of this service.
fn says(report: &Value, service: &str) -> String {
    let seen = report["seen"].as_array().unwrap().iter().find(|seen| seen["service"] == service);
    seen.map(|seen| format!("{} {}", seen["state"].as_str().unwrap(), seen["says"].as_str().unwrap()))
        .unwrap_or_default()
}

fn rules(report: &Value) -> Vec<String> {
    let mut rules: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap().to_owned())
        .collect();
    rules.dedup();
    rules
}

/// Everything open is found; the id in the private list but an old book is found; the scrubbed book is clean.
fn leaks_are_found_and_fixes_hold(line: Line) -> Result<()> {
    if let Err(why) = Internet::possible() {
        eprintln!("\n*** SKIPPED: sentry_probe on {line:?}: {why:#}; nothing was tested ***\n");
        return Ok(());
    }
    let mut fleet = Fleet::new(line)?;
    let validator = Fleet::id(&fleet.validator);

    // R6 and vectors 5, 7, 10: a carrier-grade address passes addr_book_strict, everything listens everywhere.
    fleet.start(Sentry { open: "0.0.0.0", pex: true, rpc_unsafe: true, ..Sentry::default() })?;
    fleet.ready()?;
    let report = until("the validator shows", Duration::from_secs(60), || {
        let (code, report) = fleet.audit(&[])?;
        ensure!(code == Some(1), "exit {code:?}");
        let found = rules(&report);
        let wanted = [
            "hidden_node_in_pex_answers",
            "hidden_node_in_answers",
            "rpc_not_public_on_sentries",
            "rpc_unsafe_off",
            "pprof_off",
            "prometheus_not_public",
        ];
        Ok(wanted.iter().all(|rule| found.iter().any(|f| f == rule)).then_some(report))
    })
    .with_context(|| format!("{line:?}: {:?}", fleet.audit(&[]).map(|(_, report)| rules(&report))))?;
    ensure!(says(&report, "p2p").contains("on probe-1"), "{}", says(&report, "p2p"));
    fleet.stop()?;
    let book = fleet.home("sen").join("config/addrbook.json");
    let kept = std::fs::read_to_string(&book)?;
    ensure!(kept.contains(&validator), "the book of {line:?} has the validator");
    ensure!(!kept.contains("\"0.0.0.0\""), "the probe is in the book of {line:?}: {kept}");

    // R8: the setting alone does not purge the book.
    let private = Sentry { private_peer_ids: &validator, pex: true, ..Sentry::default() };
    fleet.start(private)?;
    fleet.ready()?;
    let (code, report) = fleet.audit(&[])?;
    ensure!(code == Some(1) && rules(&report) == ["hidden_node_in_pex_answers"], "{line:?}: {report:#}");
    fleet.stop()?;

    // R7: with a scrubbed book it is hidden, and everything else is closed.
    scrub(&book, &validator)?;
    fleet.start(private)?;
    fleet.ready()?;
    fleet.validator_is_linked()?;
    let (code, report) = fleet.audit(&["--fail-on", "info"])?;
    ensure!(code == Some(0), "{line:?}: {report:#}");
    ensure!(says(&report, "rpc").starts_with("closed"), "{line:?}: {report:#}");
    fleet.stop()?;
    let kept = std::fs::read_to_string(&book)?;
    ensure!(!kept.contains(&validator) && !kept.contains("\"0.0.0.0\""), "{line:?}: {kept}");

    // R13: without PEX the node says who it is and no more.
    fleet.start(Sentry::default())?;
    let report = fleet.ready()?;
    ensure!(says(&report, "p2p").contains("PEX off"), "{line:?}: {}", says(&report, "p2p"));
    fleet.stop()
}

fn scrub(book: &Path, id: &str) -> Result<()> {
    let output = std::process::Command::new(binaries::own("palisade-sentry")?)
        .args(["addrbook", "scrub"])
        .arg(book)
        .args(["--id", id])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn cometbft_0_38() -> Result<()> {
    leaks_are_found_and_fixes_hold(Line::V0_38)
}

#[test]
fn cometbft_0_34() -> Result<()> {
    leaks_are_found_and_fixes_hold(Line::V0_34)
}

#[test]
fn cometbft_0_37() -> Result<()> {
    leaks_are_found_and_fixes_hold(Line::V0_37)
}

#[test]
fn cometbft_0_39() -> Result<()> {
    leaks_are_found_and_fixes_hold(Line::V0_39)
}

#[test]
fn cometbft_0_40() -> Result<()> {
    leaks_are_found_and_fixes_hold(Line::V0_40)
}

#[test]
fn cometbft_1_0() -> Result<()> {
    leaks_are_found_and_fixes_hold(Line::V1_0)
}

#[test]
fn tendermint_0_33_in_amino() -> Result<()> {
    leaks_are_found_and_fixes_hold(Line::V0_33)
}

/// Vector 22: with libp2p TCP is closed and QUIC answers, and the report says so.
#[test]
fn libp2p_is_reported() -> Result<()> {
    if let Err(why) = Internet::possible() {
        eprintln!("\n*** SKIPPED: libp2p_is_reported: {why:#}; nothing was tested ***\n");
        return Ok(());
    }
    let mut fleet = Fleet::new(Line::V0_40)?;
    fleet.start(Sentry { libp2p: true, ..Sentry::default() })?;
    until("QUIC answers", Duration::from_secs(60), || {
        let (_, report) = fleet.audit(&[])?;
        Ok(rules(&report).iter().any(|rule| rule == "p2p_over_quic").then_some(()))
    })?;
    fleet.stop()
}
