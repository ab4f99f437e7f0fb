//! The leak vectors of spec p2p.md §4 that can be built with real nodes, on every line: built, found, fixed by the rendered
//! configuration, and then not found.
//!
//! Each is first built alone and judged by the files. Then all that a running node can have at once are built together and looked
//! at from outside. Needs root for network namespaces; without it the tests say loudly that they did nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use palisade_sentry::node_config::{File, Value};
use palisade_tests::guarded_fleet::{Guarded, Part, rules_at};
use palisade_tests::hidden_validator::{keep_in_book, scrub};
use palisade_tests::netns::Internet;
use palisade_tests::node_line::Line;
use palisade_tests::process::until;

/// One setting that gives something away.
struct Leak {
    /// The row of the table.
    vector: u8,
    host: &'static str,
    file: File,
    key: &'static str,
    value: Value,
    /// What the files tell.
    home: &'static [&'static str],
    /// What strangers see, and on which host; none where a node cannot run so, or nothing shows.
    live: &'static [(&'static str, &'static str)],
    /// Whether the node can run with it beside the others.
    runs: bool,
}

const IN_PEX: (&str, &str) = ("sen", "hidden_node_in_pex_answers");
const IN_ANSWERS: (&str, &str) = ("sen", "hidden_node_in_answers");

/// Every leak that a node of this line can have.
fn leaks(line: Line, fleet: &Guarded) -> Vec<Leak> {
    let mut leaks = Vec::new();
    let mut leak = |vector, (host, file), key, value, home, live, runs| {
        leaks.push(Leak { vector, host, file, key, value, home, live, runs });
    };
    let text = |value: &str| Value::Text(value.to_owned());
    let (sen, val) = (("sen", File::Config), ("val", File::Config));
    let yes = || Value::Flag(true);
    leak(1, sen, "p2p.private_peer_ids", text(""), &["validator_id_private_on_sentries"], &[IN_PEX], true);
    leak(1, sen, "p2p.addr_book_strict", Value::Flag(false), &["addr_book_strict_on_sentries"], &[], true);
    let address = text(&format!("{}:26656", fleet.public("val")));
    leak(3, val, "p2p.external_address", address, &["validator_external_address_empty"], &[IN_PEX], true);
    leak(
        4,
        val,
        "p2p.laddr",
        text("tcp://0.0.0.0:26656"),
        &["validator_reachable_only_by_sentries"],
        &[("val", "validator_reachable_only_by_sentries")],
        true,
    );
    leak(4, val, "p2p.pex", yes(), &["validator_pex_off"], &[], true);
    let everywhere = || text("tcp://0.0.0.0:26657");
    leak(
        5,
        sen,
        "rpc.laddr",
        everywhere(),
        &["rpc_not_public_on_sentries"],
        // The genesis is among the answers: vector 12.
        &[("sen", "rpc_not_public_on_sentries"), IN_ANSWERS, ("sen", "hidden_node_in_genesis")],
        true,
    );
    let live = &[("val", "rpc_not_public_on_validator")];
    leak(6, val, "rpc.laddr", everywhere(), &["rpc_not_public_on_validator"], live, true);
    leak(7, sen, "rpc.unsafe", yes(), &["rpc_unsafe_off"], &[("sen", "rpc_unsafe_off")], true);
    let pprof = if line == Line::V0_33 { "prof_laddr" } else { "rpc.pprof_laddr" };
    leak(7, sen, pprof, text("0.0.0.0:6060"), &["pprof_off"], &[("sen", "pprof_off")], true);
    let grpc = if line == Line::V1_0 { "grpc.laddr" } else { "rpc.grpc_laddr" };
    let home = &["grpc_not_public_on_validator"];
    let live = &[("val", "grpc_not_public_on_validator")];
    leak(8, val, grpc, text("tcp://0.0.0.0:9090"), home, live, true);
    let metrics = "instrumentation.prometheus_listen_addr";
    let home = &["prometheus_not_public"];
    leak(9, val, metrics, text(":26660"), home, &[("val", "prometheus_not_public")], true);
    leak(10, sen, metrics, text(":26660"), home, &[("sen", "prometheus_not_public"), IN_ANSWERS], true);
    let live = &[("val", "moniker_tells_nothing")];
    leak(11, val, "moniker", text("acme validator"), &["moniker_tells_nothing"], live, true);
    let listens = text("tcp://0.0.0.0:26659");
    leak(19, val, "priv_validator_laddr", listens, &["privval_listener_not_public"], &[], false);
    let address = text(&format!("{}:26656", fleet.inner("sen")));
    leak(23, sen, "p2p.external_address", address, &[], &[("sen", "inner_address_in_node_info")], true);
    if matches!(line, Line::V0_33 | Line::V0_34) {
        leak(4, val, "p2p.upnp", yes(), &["upnp_off"], &[], false);
    } else if line == Line::V0_40 {
        leak(22, sen, "p2p.libp2p.enabled", yes(), &["p2p_over_quic"], &[], false);
    }
    if line != Line::V0_33 {
        let app = ("val", File::App);
        leak(8, app, "api.enable", yes(), &["grpc_not_public_on_validator"], &[], true);
        let often = Value::Number(1000);
        leak(35, app, "state-sync.snapshot-interval", often, &["no_snapshots_from_validator"], &[], true);
    }
    leaks
}

fn built_found_fixed_and_not_found(line: Line) -> Result<()> {
    if let Err(why) = Internet::possible() {
        eprintln!("\n*** SKIPPED: sentry_leaks on {line:?}: {why:#}; nothing was tested ***\n");
        return Ok(());
    }
    let mut fleet = Guarded::new(line, &[("val", Part::Validator), ("sen", Part::Sentry)])?;
    let leaks = leaks(line, &fleet);
    each_alone_by_the_files(line, &fleet, &leaks)?;

    // All that can be at once, from outside.
    for leak in leaks.iter().filter(|leak| leak.runs) {
        fleet.set_in(leak.file, leak.host, &[(leak.key, leak.value.clone())])?;
    }
    fleet.start()?;
    fleet.linked("sen", "val")?;
    let mut missing = Vec::new();
    let seen = until("every leak is seen from outside", Duration::from_secs(60), || {
        let report = outside(&mut fleet)?;
        let lacks =
            |(host, rule): &&(&str, &str)| !rules_at(&report, "live", host).contains(&(*rule).to_owned());
        missing =
            leaks.iter().flat_map(|leak| leak.live.iter().filter(lacks).map(|l| (leak.vector, *l))).collect();
        Ok(missing.is_empty().then_some(()))
    });
    seen.with_context(|| format!("{line:?}: not found {missing:?}"))?;
    fleet.stop()?;

    // Vectors 2 and 12: the settings are right again, and the old book and the genesis still tell.
    let (val, sen) = (fleet.id("val"), fleet.home("sen"));
    let book = sen.join("config/addrbook.json");
    keep_in_book(&book, &val, &fleet.inner("val"))?;
    for host in ["val", "sen"] {
        fleet.render(host)?;
    }
    let files = rules_at(&fleet.audit_home("sen")?, "home", "sen");
    for rule in ["hidden_node_in_address_book", "hidden_node_in_genesis"] {
        ensure!(files.contains(&rule.to_owned()), "{line:?}: {files:?}");
    }
    fleet.start()?;
    fleet.linked("sen", "val")?;
    let report = outside(&mut fleet)?;
    let live = [rules_at(&report, "live", "val"), rules_at(&report, "live", "sen")];
    ensure!(live == [vec![], vec!["hidden_node_in_pex_answers".to_owned()]], "{line:?}: {report:#}");
    fleet.stop()?;

    // A scrubbed book, and a node key that the genesis does not name.
    scrub(&book, &val)?;
    fleet.rotate("val")?;
    for host in ["val", "sen"] {
        fleet.render(host)?;
    }
    fleet.start()?;
    fleet.linked("sen", "val")?;
    let report = outside(&mut fleet)?;
    let live = report["findings"].as_array().unwrap().iter().filter(|f| f["source"] == "live").count();
    ensure!(live == 0, "{line:?}: {report:#}");
    for host in ["val", "sen"] {
        let files = rules_at(&fleet.audit_home(host)?, "home", host);
        let told = |rule: &&str| files.contains(&(*rule).to_owned());
        let mut all = leaks.iter().flat_map(|leak| leak.home).copied();
        let all = all.by_ref().chain(["hidden_node_in_address_book", "hidden_node_in_genesis"]);
        let still: Vec<&str> = all.filter(told).collect();
        ensure!(still.is_empty(), "{line:?} {host}: {still:?}");
    }
    fleet.stop()
}

/// Each setting alone, and file modes: found in the home, gone when it is rendered.
fn each_alone_by_the_files(line: Line, fleet: &Guarded, leaks: &[Leak]) -> Result<()> {
    for leak in leaks.iter().filter(|leak| !leak.home.is_empty()) {
        let what = || format!("{line:?} vector {}: {} of {}", leak.vector, leak.key, leak.host);
        let found = || -> Result<Vec<String>> {
            let all = rules_at(&fleet.audit_home(leak.host)?, "home", leak.host);
            Ok(all.into_iter().filter(|rule| leak.home.contains(&rule.as_str())).collect())
        };
        ensure!(found()?.is_empty(), "{}: found before it was built", what());
        fleet.set_in(leak.file, leak.host, &[(leak.key, leak.value.clone())])?;
        ensure!(found()? == leak.home, "{}: {:?}", what(), found()?);
        fleet.render(leak.host)?;
        ensure!(found()?.is_empty(), "{}: still there", what());
    }
    // Vector 34.
    let key = fleet.home("val").join("config/node_key.json");
    for (mode, is_found) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode))?;
        let report = fleet.audit_home("val")?;
        let mut of_keys =
            report["findings"].as_array().unwrap().iter().filter(|f| f["rule"] == "home_files_private");
        let told = of_keys.any(|f| f["evidence"].as_str().unwrap().contains("node_key.json"));
        ensure!(told == is_found, "{line:?}: {report:#}");
    }
    Ok(())
}

/// What strangers see. The books are small: one answer holds them whole.
fn outside(fleet: &mut Guarded) -> Result<serde_json::Value> {
    let file = fleet.file();
    fleet.look("out", Some(&file), &["--live", "--pex-requests", "4"])
}

#[test]
#[ignore = "needs real nodes and root: tests/run"]
fn tendermint_0_33() -> Result<()> {
    built_found_fixed_and_not_found(Line::V0_33)
}

#[test]
#[ignore = "needs real nodes and root: tests/run"]
fn cometbft_0_34() -> Result<()> {
    built_found_fixed_and_not_found(Line::V0_34)
}

#[test]
#[ignore = "needs real nodes and root: tests/run"]
fn cometbft_0_37() -> Result<()> {
    built_found_fixed_and_not_found(Line::V0_37)
}

#[test]
#[ignore = "needs real nodes and root: tests/run"]
fn cometbft_0_38() -> Result<()> {
    built_found_fixed_and_not_found(Line::V0_38)
}

#[test]
#[ignore = "needs real nodes and root: tests/run"]
fn cometbft_0_40() -> Result<()> {
    built_found_fixed_and_not_found(Line::V0_40)
}

#[test]
#[ignore = "needs real nodes and root: tests/run"]
fn cometbft_1_0() -> Result<()> {
    built_found_fixed_and_not_found(Line::V1_0)
}
