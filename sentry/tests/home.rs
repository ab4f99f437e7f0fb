//! A node's home by the same rules as the plan: what was rendered passes, and one value that leaks fails.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use palisade_sentry::io::node_home;
use palisade_sentry::live::Hidden;
use palisade_sentry::node_config::{File, Value, Wanted, edit, wanted};
use palisade_sentry::rules::Evidence;
use palisade_sentry::{Fleet, NodeLine, Report, Role, Severity, View, examine, report, resolve};
use proptest::prelude::*;

const CLASSIC: &str = include_str!("../../examples/fleet-classic.toml");
const SERVED: &str = include_str!("../../examples/fleet-signer-served.toml");

fn rows(view: View<'_>, line: NodeLine, file: File) -> Vec<Wanted> {
    wanted(view, line).into_iter().filter(|row| row.file == file).collect()
}

/// A home with what the fleet implies, and then these values instead.
fn write(home: &Path, view: View<'_>, line: NodeLine, then: &[Wanted]) {
    fs::create_dir_all(home.join("config")).unwrap();
    for file in [File::Config, File::App] {
        let text = edit("", &rows(view, line, file)).unwrap().text;
        let then: Vec<Wanted> = then.iter().filter(|row| row.file == file).cloned().collect();
        fs::write(home.join(file.path()), edit(&text, &then).unwrap().text).unwrap();
        fs::set_permissions(home.join(file.path()), fs::Permissions::from_mode(0o640)).unwrap();
    }
}

fn audit(home: &Path, fleet: &Fleet, view: View<'_>, line: NodeLine) -> Report {
    let home = node_home::load(home, Some((fleet, view)), Some(line), &Hidden::of(fleet)).unwrap();
    examine(&Evidence { home: Some(&home), ..Evidence::default() })
}

fn wants(file: File, key: &'static str, value: Value) -> Wanted {
    Wanted { file, key, value, why: "a leak" }
}

/// Values that leak on a node of this role and line. A validator that hides well enough still fails on each.
fn leaks(fleet: &Fleet, view: View<'_>, line: NodeLine) -> Vec<Wanted> {
    let text = |key, value: &str| wants(File::Config, key, Value::Text(value.into()));
    let flag = |key, value| wants(File::Config, key, Value::Flag(value));
    let pprof = if line == NodeLine::V0_33 { "prof_laddr" } else { "rpc.pprof_laddr" };
    let mut leaks = Vec::new();
    if view.node.role != Role::Rpc {
        leaks.extend([
            text("rpc.laddr", "tcp://0.0.0.0:26657"),
            text("instrumentation.prometheus_listen_addr", ":26660"),
            text(pprof, ":6060"),
            flag("rpc.unsafe", true),
            // Not understood, so not known to be safe.
            text("p2p.private_peer_ids", "B62E867FA2F33AFE62D5D6B1642E1621D5433078"),
        ]);
    }
    if view.node.signs() {
        leaks.push(text("priv_validator_laddr", "tcp://0.0.0.0:26659"));
        if line != NodeLine::V0_33 {
            let grpc = if line == NodeLine::V1_0 { "grpc.laddr" } else { "rpc.grpc_laddr" };
            leaks.push(text(grpc, "tcp://0.0.0.0:9098"));
            leaks.push(wants(File::App, "api.enable", Value::Flag(true)));
        }
    }
    if view.node.role == Role::Validator {
        leaks.extend([
            flag("p2p.pex", true),
            flag("p2p.seed_mode", true),
            text("p2p.laddr", "tcp://0.0.0.0:26656"),
            text("p2p.external_address", "203.0.113.2:26656"),
            text("p2p.persistent_peers", ""),
        ]);
    } else if view.node.role == Role::Sentry && fleet.nodes().any(|n| n.role == Role::Validator) {
        leaks.extend([text("p2p.private_peer_ids", ""), text("p2p.unconditional_peer_ids", "")]);
    }
    if line.has_libp2p() {
        leaks.push(flag("p2p.libp2p.enabled", true));
    }
    leaks
}

#[test]
fn what_is_rendered_for_the_examples_is_clean_on_every_line() {
    for text in [CLASSIC, SERVED] {
        let fleet = resolve(text).unwrap();
        for line in NodeLine::ALL {
            for view in fleet.views() {
                let home = tempfile::tempdir().unwrap();
                write(home.path(), view, line, &[]);
                let found = audit(home.path(), &fleet, view, line);
                assert_eq!(found.findings, [], "{line}: {}", report::text(&found, "home"));
            }
        }
    }
}

#[test]
fn every_single_leak_is_an_error_on_every_line() {
    let mut tried = 0;
    for text in [CLASSIC, SERVED] {
        let fleet = resolve(text).unwrap();
        for line in NodeLine::ALL {
            for view in fleet.views() {
                for leak in leaks(&fleet, view, line) {
                    let home = tempfile::tempdir().unwrap();
                    write(home.path(), view, line, std::slice::from_ref(&leak));
                    let found = audit(home.path(), &fleet, view, line);
                    assert!(found.fails(Severity::Error), "{line} {}: {}", view.node.name, leak.key);
                    assert!(found.findings.iter().all(|f| f.subject.host.as_ref() == Some(&view.host.name)));
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 300, "{tried}");
}

/// A fleet of one validator, some sentries, a private sentry and an RPC node, the validator with a signer or without.
fn fleet(sentries: u8, private: bool, rpc: bool, served: bool) -> Fleet {
    let mut text = "[[chain]]\nid = \"test-1\"\n[[key]]\nname = \"k\"\nchain = \"test-1\"\nbackend = \"softsign\"\npath = \"k\"\n".to_owned();
    let mut host = |name: &str, n: u8, public: bool, role: &str, more: &str| {
        text += &format!("[[host]]\nname = \"{name}\"\nprovider = \"p{n}\"\nwireguard = \"10.66.0.{n}\"\n");
        text += &if public { format!("public = [\"203.0.113.{n}\"]\n") } else { String::new() };
        text += &format!(
            "[[host.node]]\nchain = \"test-1\"\nrole = \"{role}\"\nid = \"{:040x}\"\n{more}",
            u32::from(n)
        );
    };
    let signed = "signed_by = \"k\"\n";
    if !served {
        host("validator", 2, false, "validator", signed);
    }
    for i in 0..sentries {
        host(&format!("sentry-{i}"), 10 + i, true, "sentry", if served { signed } else { "" });
    }
    if private {
        host("private", 40, false, "private-sentry", "");
    }
    if rpc {
        host("rpc", 50, true, "rpc", "");
    }
    text += "[[host]]\nname = \"signer\"\nprovider = \"own\"\nwireguard = \"10.66.0.1\"\n[host.signer]\nkeys = [\"k\"]\n";
    resolve(&text).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_fleet_rendered_passes_and_any_single_leak_fails(
        sentries in 2u8..8, private: bool, rpc: bool, served: bool,
        line in prop::sample::select(NodeLine::ALL.to_vec()), which: prop::sample::Index, leak: prop::sample::Index,
    ) {
        let fleet = fleet(sentries, private, rpc, served);
        let views: Vec<View<'_>> = fleet.views().collect();
        let view = views[which.index(views.len())];
        let home = tempfile::tempdir().unwrap();
        write(home.path(), view, line, &[]);
        let found = audit(home.path(), &fleet, view, line);
        prop_assert!(!found.fails(Severity::Error), "{}", report::text(&found, "home"));
        let leaks = leaks(&fleet, view, line);
        if !leaks.is_empty() {
            let leak = &leaks[leak.index(leaks.len())];
            write(home.path(), view, line, std::slice::from_ref(leak));
            prop_assert!(audit(home.path(), &fleet, view, line).fails(Severity::Error), "{line} {leak:?}");
        }
    }
}

#[test]
fn the_defaults_of_a_node_are_not_taken_for_the_plan() {
    let (fleet, home) = (resolve(CLASSIC).unwrap(), tempfile::tempdir().unwrap());
    let view = fleet.views().find(|v| v.node.role == Role::Validator).unwrap();
    fs::create_dir(home.path().join("config")).unwrap();
    fs::write(home.path().join("config/config.toml"), "moniker = \"x\"\n").unwrap();
    let found = audit(home.path(), &fleet, view, NodeLine::V0_38);
    let rules: Vec<&str> = found.findings.iter().map(|f| f.rule).collect();
    for rule in ["validator_pex_off", "validator_reachable_only_by_sentries", "validator_key_in_signer"] {
        assert!(rules.contains(&rule), "{rules:?}");
    }
}

/// The command on a home with everything wrong that files can show.
#[test]
fn a_careless_home_by_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let (home, fleet) = (dir.path(), resolve(CLASSIC).unwrap());
    let view = fleet.views().find(|v| v.host.name == "sentry-1").unwrap();
    let validator = fleet.nodes().find(|n| n.role == Role::Validator).unwrap().id.to_string();
    let stray = [wants(File::Config, "p2p.private_peers_ids", Value::Text(String::new()))];
    write(home, view, NodeLine::V0_38, &stray);
    let book = format!(
        r#"{{"key":"k","addrs":[{{"addr":{{"id":"{validator}","ip":"100.64.0.2","port":26656}},"src":null}}]}}"#
    );
    fs::write(home.join("config/addrbook.json"), book).unwrap();
    let memo = format!(
        r#"{{"chain_id":"c","app_state":{{"genutil":{{"gen_txs":[{{"body":{{"memo":"{validator}@10.66.0.10:26656","messages":[]}}}}]}}}}}}"#
    );
    fs::write(home.join("config/genesis.json"), memo).unwrap();
    // A key of its own, which is not the one in the fleet file.
    let key = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwPtSSjGKNHCxurpAziQWZVhKVknOlxj+TY2wUYUrIc30Q=="}}"#;
    fs::write(home.join("config/node_key.json"), key).unwrap();
    fs::set_permissions(home.join("config/node_key.json"), fs::Permissions::from_mode(0o644)).unwrap();
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-sentry"));
        command.arg("audit").arg("--home").arg(home).args(more);
        let out = command.output().unwrap();
        (out.status.code(), String::from_utf8(out.stdout).unwrap())
    };
    let fleet_file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fleet-classic.toml");
    let (code, text) = run(&[fleet_file, "--node", "sentry-1"]);
    assert_eq!(code, Some(1), "{text}");
    for rule in [
        "answers_with_declared_id",
        "config_keys_known",
        "hidden_node_in_address_book",
        "hidden_node_in_genesis",
        "home_files_private",
    ] {
        assert!(text.contains(rule), "{rule}: {text}");
    }
    let (_, json) = run(&[fleet_file, "--node", "sentry-1", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["findings"].as_array().unwrap().iter().all(|f| f["source"] == "home"), "{json:#}");
    let (_, sarif) = run(&[fleet_file, "--node", "sentry-1", "--sarif"]);
    assert!(sarif.contains("\"2.1.0\"") && sarif.contains("hidden_node_in_address_book"));
    // Without a fleet the files still speak for themselves.
    let (code, text) = run(&["--private", &validator]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("hidden_node_in_address_book") && text.contains("hidden_node_in_genesis"),
        "{text}"
    );
    assert_eq!(run(&[fleet_file]).0, Some(2), "whose home?");
    assert_eq!(run(&["--live"]).0, Some(2));
    fs::remove_file(home.join("config/config.toml")).unwrap();
    assert_eq!(run(&[]).0, Some(2));
}
