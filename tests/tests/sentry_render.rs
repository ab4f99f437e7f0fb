//! Rendered configurations on real nodes of every line: the node starts, its keys are all known to it, and what it reports of
//! itself, from outside and by its own RPC, is what was rendered.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use palisade_tests::node_line::Line;
use palisade_tests::process::{Process, until};
use palisade_tests::scratch::Scratch;
use palisade_tests::{binaries, hidden_validator, http, ports};
use serde_json::Value;

fn sentry(args: &[&str]) -> Result<Output> {
    Ok(Command::new(binaries::own("palisade-sentry")?).args(args).output()?)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(program: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new(program).args(args).output()?;
    ensure!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    Ok(text(&output.stdout).trim().to_owned())
}

/// A validator (its key in a file: the node runs alone) or a public sentry on loopback, with a sibling that does not run.
fn fleet(line: Line, role: &str, id: &str, at: &Ports) -> String {
    let node = |role: &str, id: &str, more: &str| {
        format!("[[host.node]]\nchain = \"render-1\"\nrole = \"{role}\"\nid = \"{id}\"\n{more}")
    };
    let Ports { p2p, rpc, prometheus } = at;
    let own = format!(
        "ports = {{ p2p = {p2p}, rpc = {rpc}, prometheus = {prometheus} }}\n[host.node.config]\np2p.laddr = \"tcp://127.0.0.1:{p2p}\"\n"
    );
    let (other_role, public) =
        if role == "validator" { ("sentry", "") } else { ("validator", "public = [\"203.0.113.10\"]\n") };
    let other_public = if role == "validator" { "public = [\"203.0.113.20\"]\n" } else { "" };
    format!(
        "[[chain]]\nid = \"render-1\"\nnode_line = \"{}\"\n\
         [[host]]\nname = \"here\"\nprovider = \"a\"\n{public}{}\
         [[host]]\nname = \"other\"\nprovider = \"b\"\nwireguard = \"10.66.0.20\"\n{other_public}{}",
        line.name(),
        node(role, id, &own),
        node(other_role, &"2".repeat(40), ""),
    )
}

struct Ports {
    p2p: u16,
    rpc: u16,
    prometheus: u16,
}

/// What a role's rendered node says of itself.
fn rendered_nodes_start(line: Line) -> Result<()> {
    for role in ["validator", "sentry"] {
        let scratch = Scratch::new()?;
        let home = scratch.path().join("home");
        let dir = home.to_str().context("a path that is text")?;
        let program = line.program()?;
        run(&program, &["init", "--home", dir])?;
        let show = if line == Line::V0_33 { "show_node_id" } else { "show-node-id" };
        let id = run(&program, &[show, "--home", dir])?;
        let at = Ports { p2p: ports::free(), rpc: ports::free(), prometheus: ports::free() };
        let file = scratch.path().join("fleet.toml");
        std::fs::write(&file, fleet(line, role, &id, &at))?;
        let fleet = file.to_str().context("a path that is text")?;
        let genesis: Value = serde_json::from_slice(&std::fs::read(home.join("config/genesis.json"))?)?;
        let chain = genesis["chain_id"].as_str().context("a chain id")?.to_owned();

        // The node's own file has no key that the list of its line lacks, and is not yet what the fleet wants.
        let args = ["render", fleet, "--node", "here", "--home", dir];
        let diff = sentry(&args)?;
        let shown = text(&diff.stdout);
        ensure!(diff.status.code() == Some(1), "{line:?}: {shown}{}", text(&diff.stderr));
        ensure!(
            shown.contains("--- a/config/config.toml") && !shown.contains("ignores"),
            "{line:?}: {shown}"
        );
        let before = std::fs::read_to_string(home.join("config/config.toml"))?;
        let wrote = sentry(&[args.as_slice(), &["--write"]].concat())?;
        ensure!(wrote.status.success(), "{line:?}: {}", text(&wrote.stderr));
        let after = std::fs::read_to_string(home.join("config/config.toml"))?;
        let comments = |text: &str| text.lines().filter(|l| l.starts_with('#')).count();
        ensure!(comments(&before) == comments(&after), "{line:?}: a comment went");
        ensure!(sentry(&args)?.status.success(), "{line:?}: a second time there is nothing to do");

        // By the files alone: nothing wrong but that the plan has one sentry, and that the key is in a file.
        let audit = sentry(&["audit", fleet, "--node", "here", "--home", dir, "--json"])?;
        let audit: Value = serde_json::from_slice(&audit.stdout)?;
        let found = hidden_validator::rules(&audit);
        let of_files =
            ["config_keys_known", "config_values_read", "answers_with_declared_id", "home_files_private"];
        ensure!(found.iter().all(|rule| !of_files.contains(&rule.as_str())), "{line:?} {role}: {audit:#}");

        // On a line that takes its application from the command line and a chain of one validator.
        let mut command = Command::new(&program);
        command.arg(line.verb()).args(["--home", dir, "--proxy_app", "kvstore"]);
        let mut process = Process::start("node", &mut command, &scratch.path().join("node.log"))?;
        let rpc = format!("127.0.0.1:{}", at.rpc);
        let status = until("the rendered node answers", Duration::from_secs(60), || {
            process.still_runs()?;
            Ok(http::rpc(&rpc, "/status").ok())
        })
        .with_context(|| format!("{line:?} {role}: {}", process.tail()))?;
        ensure!(status["node_info"]["network"] == chain.as_str(), "{status:#}");
        let own = &status["node_info"];
        let index = own["other"]["tx_index"].as_str().unwrap_or_default();
        ensure!(index == "off", "{line:?} {role}: tx_index {index}");
        let listens = own["listen_addr"].as_str().unwrap_or_default();
        let advertised = match role {
            "validator" => format!("127.0.0.1:{}", at.p2p),
            _ => format!("203.0.113.10:{}", at.p2p),
        };
        ensure!(listens.trim_start_matches("tcp://") == advertised, "{line:?} {role}: {listens}");
        ensure!(own["other"]["rpc_address"] == format!("tcp://{rpc}").as_str(), "{line:?}: {own:#}");
        // Channel 00 is there with PEX on and only then.
        let channels = own["channels"].as_str().unwrap_or_default();
        let pex = channels.as_bytes().chunks(2).any(|channel| channel == b"00");
        ensure!(pex == (role == "sentry"), "{line:?} {role}: channels {channels}");
        // The same from outside, by the handshake of the probe.
        let target = format!("{id}@127.0.0.1:{}", at.p2p);
        let seen =
            sentry(&["audit", "--json", "--timeout", "2", "--pex-requests", "1", "--target", &target])?;
        let seen: Value = serde_json::from_slice(&seen.stdout)?;
        let said = hidden_validator::says(&seen, "p2p");
        ensure!(said.contains("PEX off") == (role == "validator"), "{line:?} {role}: {said}");
        let metrics = http::get(&format!("127.0.0.1:{}", at.prometheus), "/metrics")?;
        ensure!(metrics.contains("go_goroutines"), "{line:?} {role}: no metrics");
        process.terminate(Duration::from_secs(20))?;
    }
    Ok(())
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn tendermint_0_33() -> Result<()> {
    rendered_nodes_start(Line::V0_33)
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn cometbft_0_34() -> Result<()> {
    rendered_nodes_start(Line::V0_34)
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn cometbft_0_37() -> Result<()> {
    rendered_nodes_start(Line::V0_37)
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn cometbft_0_38() -> Result<()> {
    rendered_nodes_start(Line::V0_38)
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn cometbft_0_39() -> Result<()> {
    rendered_nodes_start(Line::V0_39)
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn cometbft_0_40() -> Result<()> {
    rendered_nodes_start(Line::V0_40)
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn cometbft_1_0() -> Result<()> {
    rendered_nodes_start(Line::V1_0)
}
