//! Properties of every fleet: resolved and audited alike in any order of hosts, clean when nothing was overridden, and
//! caught when one setting leaks.

use palisade_sentry::{Fleet, Severity, audit, report, resolve};
use proptest::prelude::*;

const HEAD: &str = "[[chain]]\nid = \"test-1\"\n[[key]]\nname = \"k\"\nchain = \"test-1\"\nbackend = \"softsign\"\npath = \"k.json\"\n";

/// One host block each: validator, signer, `sentries` sentries, `privates` private sentries, an rpc node, a monitor.
fn blocks(sentries: u8, privates: u8, served: bool, rpc: bool, leak: Option<&str>) -> Vec<String> {
    let host = |name: &str, n: u8, public: bool, body: &str| {
        let public = if public { format!("public = [\"203.0.113.{n}\"]\n") } else { String::new() };
        format!(
            "[[host]]\nname = \"{name}\"\nprovider = \"p{}\"\nsite = \"{name}\"\n{public}wireguard = \"10.66.0.{n}\"\n{body}",
            n % 3
        )
    };
    let node = |role: &str, n: u8, more: &str| {
        format!(
            "[[host.node]]\nchain = \"test-1\"\nrole = \"{role}\"\nid = \"{:040x}\"\n{more}",
            1000 + u32::from(n)
        )
    };
    let signed = "signed_by = \"k\"\n";
    let mut blocks = vec![host("signer", 1, false, "[host.signer]\nkeys = [\"k\"]\n")];
    if !served {
        let leak = leak.map(|l| format!("{l}\n")).unwrap_or_default();
        blocks.push(host("validator", 2, false, &node("validator", 2, &format!("{signed}{leak}"))));
    }
    for i in 0..sentries {
        let leak =
            if served && i == 0 { leak.map(|l| format!("{l}\n")).unwrap_or_default() } else { String::new() };
        let more = if served { format!("{signed}{leak}") } else { String::new() };
        blocks.push(host(&format!("sentry-{i}"), 10 + i, true, &node("sentry", 10 + i, &more)));
    }
    for i in 0..privates {
        blocks.push(host(&format!("private-{i}"), 40 + i, false, &node("private-sentry", 40 + i, "")));
    }
    if rpc {
        blocks.push(host("rpc", 60, true, &node("rpc", 60, "")));
    }
    blocks.push(host("monitor", 70, false, "[host.monitor]\n"));
    blocks
}

fn text(blocks: &[String]) -> String {
    HEAD.to_owned() + &blocks.concat()
}

/// Everything that the file means: all but its own text.
fn meant(fleet: &Fleet) -> String {
    let (chains, keys, hosts): (Vec<_>, Vec<_>, Vec<_>) =
        (fleet.chains().collect(), fleet.keys().collect(), fleet.hosts().collect());
    let views: Vec<_> = fleet.views().collect();
    let (signers, monitors, links) = (fleet.signers(), fleet.monitors(), fleet.links());
    format!(
        "{chains:#?}{keys:#?}{hosts:#?}{views:#?}{signers:#?}{monitors:#?}{links:#?}{:#?}",
        fleet.deployment()
    )
}

proptest! {
    #[test]
    fn order_of_hosts_does_not_matter(
        sentries in 2u8..12, privates in 0u8..4, served: bool, rpc: bool,
        shuffled: u64,
    ) {
        let ordered = blocks(sentries, privates, served, rpc, None);
        let mut mixed = ordered.clone();
        let mut state = shuffled | 1;
        for i in (1..mixed.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            mixed.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
        }
        let (a, b) = (resolve(&text(&ordered)).unwrap(), resolve(&text(&mixed)).unwrap());
        prop_assert_eq!(meant(&a), meant(&b));
        prop_assert_eq!(report::show(&a), report::show(&b));
        prop_assert_eq!(audit(&a), audit(&b));
    }

    #[test]
    fn implied_settings_leave_no_errors(sentries in 2u8..12, privates in 0u8..4, served: bool, rpc: bool) {
        let report = audit(&resolve(&text(&blocks(sentries, privates, served, rpc, None))).unwrap());
        prop_assert!(!report.fails(Severity::Error), "{}", report::text(&report, "fleet"));
    }

    #[test]
    fn one_leaking_setting_is_an_error(
        sentries in 2u8..6, served: bool,
        leak in prop::sample::select(vec![
            "config.priv_validator_laddr = \"tcp://0.0.0.0:26659\"",
            "config.rpc.laddr = \"tcp://0.0.0.0:26657\"",
            "config.rpc.unsafe = true",
            "config.rpc.pprof_laddr = \":6060\"",
            "config.instrumentation.prometheus_listen_addr = \":26660\"",
            "app.grpc.address = \"0.0.0.0:9090\"",
        ]),
    ) {
        let report = audit(&resolve(&text(&blocks(sentries, 0, served, true, Some(leak)))).unwrap());
        prop_assert!(report.fails(Severity::Error), "{leak}");
    }

    #[test]
    fn one_leaking_setting_of_a_validator_is_an_error(
        sentries in 2u8..6,
        leak in prop::sample::select(vec![
            "config.p2p.pex = true",
            "config.p2p.seed_mode = true",
            "config.p2p.laddr = \"tcp://0.0.0.0:26656\"",
            "config.p2p.external_address = \"203.0.113.2:26656\"",
            "config.p2p.persistent_peers = \"\"",
            "config.p2p.upnp = true",
            "behind = []",
        ]),
    ) {
        let report = audit(&resolve(&text(&blocks(sentries, 0, false, true, Some(leak)))).unwrap());
        prop_assert!(report.fails(Severity::Error), "{leak}");
    }

    #[test]
    fn one_leaking_setting_of_any_sentry_is_an_error(
        (sentries, leaking) in (2u8..6).prop_flat_map(|n| (Just(n), 0..n)),
        leak in prop::sample::select(vec![
            "config.p2p.private_peer_ids = \"\"",
            "config.p2p.unconditional_peer_ids = \"\"",
            "config.p2p.max_num_inbound_peers = 0",
            "config.rpc.laddr = \"tcp://0.0.0.0:26657\"",
            "config.instrumentation.prometheus_listen_addr = \":26660\"",
        ]),
    ) {
        let mut blocks = blocks(sentries, 0, false, true, None);
        let sentry = blocks.iter_mut().find(|b| b.contains(&format!("\"sentry-{leaking}\""))).unwrap();
        sentry.push_str(&format!("{leak}\n"));
        let report = audit(&resolve(&text(&blocks)).unwrap());
        prop_assert!(report.fails(Severity::Error), "{leak}");
    }

    #[test]
    fn no_text_panics(text in "(?s).{0,400}") {
        let _ = resolve(&text);
    }

    #[test]
    fn no_mangled_fleet_panics(at in 0usize..4000, len in 0usize..40, with in "[a-z0-9\"=\\[\\]. \n]{0,12}") {
        let classic = include_str!("../../examples/fleet-classic.toml");
        let start = at.min(classic.len());
        let end = (start + len).min(classic.len());
        let mangled = format!("{}{with}{}", &classic[..start], &classic[end..]);
        if let Ok(fleet) = resolve(&mangled) {
            let _ = report::text(&audit(&fleet), "fleet");
        }
    }
}
