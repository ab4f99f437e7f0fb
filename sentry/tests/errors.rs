//! Every mistake in a fleet file is refused with its place and the way out. Each case is the example with one edit.

use palisade_sentry::resolve;

const CLASSIC: &str = include_str!("fleets/classic.toml");

/// Replaces the first occurrence, which must be there, and returns the error.
fn error(from: &str, to: &str) -> String {
    assert!(CLASSIC.contains(from), "the example lost {from:?}");
    let text = resolve(&CLASSIC.replacen(from, to, 1)).expect_err(to).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.iter().filter(|l| l.starts_with("try: ")).count(), 1, "{text}");
    assert!(lines.last().is_some_and(|l| l.starts_with("try: ")), "{text}");
    text
}

#[test]
fn each_names_line_host_and_key() {
    let val = CLASSIC.lines().position(|l| l.contains("name = \"val-1\"")).unwrap() + 1;
    for (from, to, expected) in [
        ("wireguard = \"10.66.0.10\"", "wireguard = \"10.66.0.0/24\"", format!("line {}: host \"val-1\": key `wireguard`: \"10.66.0.0/24\" is not an IP", val + 4)),
        ("signed_by = \"akash\"", "signed_by = \"kash\"", format!("line {}: host \"val-1\": key `node.signed_by`: key \"kash\" is not declared\ntry: declare it, or use one of: akash", val + 10)),
        ("node_line = \"0.38\"", "node_line = \"0.36\"", "key `chain.node_line`: \"0.36\" is no known node line\ntry: use one of: 0.33, 0.34, 0.37, 0.38, 0.39, 0.40, 1.0".into()),
        ("role = \"rpc\"", "role = \"rpc\"\nnode_line = \"v0.38\"", "host \"rpc-1\": key `node.node_line`: \"v0.38\" is no known node line".into()),
        ("keys = [\"akash\"]", "keys = [\"kash\"]", "host \"signer-1\": key `signer.keys`: key \"kash\"".into()),
        ("keys = [\"akash\"]", "keys = [\"akash\", \"akash\"]", "\"akash\" is declared twice".into()),
        ("keys = [\"akash\"]", "keys = []", "host \"signer-1\": key `signer.keys`: the signer holds no key".into()),
        ("[host.signer]\nkeys = [\"akash\"]", "[host.monitor]", "host \"val-1\": key `node.signed_by`: no signer holds key \"akash\"".into()),
        ("signed_by = \"akash\"", "", "key `key.name`: no node is signed by key \"akash\"".into()),
        ("role = \"validator\"", "role = \"king\"", "unknown variant `king`".into()),
        ("role = \"validator\"", "rule = \"validator\"", "unknown field `rule`".into()),
        ("site = \"helsinki\"", "sight = \"helsinki\"", "unknown field `sight`".into()),
        ("name = \"sentry-2\"", "name = \"sentry-1\"", "\"sentry-1\" is declared twice".into()),
        ("name = \"sentry-2\"", "name = \"../etc\"", "\"../etc\" is not a usable name".into()),
        ("wireguard = \"10.66.0.22\"", "wireguard = \"10.66.0.21\"", "belongs to host \"sentry-1\" already".into()),
        ("public = [\"198.51.100.22\"]\n", "", "host \"sentry-2\": key `node.role`: role sentry needs a public address".into()),
        ("role = \"validator\"", "role = \"validator\"\nbehind = [\"rpc-1\"]", "key `node.behind`: \"rpc-1\" has no sentry".into()),
        ("role = \"rpc\"", "role = \"rpc\"\nbehind = [\"sentry-1\"]", "host \"rpc-1\": key `node.behind`: `behind` is for validators".into()),
        ("role = \"rpc\"", "role = \"rpc\"\nconfig.p2p.private_peer_ids = \"10.0.0.1\"", "key `node.config.p2p.private_peer_ids`: \"10.0.0.1\" is not a node id".into()),
        ("role = \"rpc\"", "role = \"rpc\"\nconfig.rpc.laddr = \"tcp://rpc:26657\"", "is not a listening address".into()),
        ("role = \"rpc\"", "role = \"rpc\"\nports.rpc = 9090", "host \"rpc-1\": two listeners at tcp://0.0.0.0:9090".into()),
        ("role = \"validator\"", "role = \"validator\"\nconfig.priv_validator_laddr = \"tcp://127.0.0.1:26659\"", "the signer on signer-1 cannot reach the privval port of val-1 (akashnet-2) at tcp://127.0.0.1:26659".into()),
        ("role = \"validator\"", "role = \"validator\"\nconfig.priv_validator_laddr = \"unix:///run/pv.sock\"", "cannot reach the privval port".into()),
        ("[host.monitor]", "", "host \"monitor-1\": key `name`: the host runs nothing".into()),
        ("[host.monitor]", "[host.monitor]\nlisten = \"unix:///x\"", "host \"monitor-1\": key `monitor.listen`: \"unix:///x\" is not a listening".into()),
    ] {
        let text = error(from, to);
        assert!(text.contains(&expected), "{to}\n{text}\n{expected}");
    }
}

#[test]
fn a_monitor_without_any_network_is_blind() {
    let hidden =
        CLASSIC.replace("role = \"rpc\"", "role = \"rpc\"\nconfig.rpc.laddr = \"tcp://10.66.0.31:26657\"");
    let text = resolve(&hidden.replace("wireguard = \"10.66.0.41\"\n", "")).unwrap_err().to_string();
    assert!(
        text.contains("host \"monitor-1\": key `monitor.chains`: the monitor on monitor-1 reaches no RPC"),
        "{text}"
    );
}

#[test]
fn an_empty_file_has_nothing() {
    assert_eq!(resolve("").unwrap_err().to_string(), "the fleet has no chain\ntry: add a [[chain]] table");
}

#[test]
fn broken_toml_names_its_line() {
    let text = resolve("[[chain]]\nid = \"a\"\n[[host\n").unwrap_err().to_string();
    assert!(text.starts_with("line 3: "), "{text}");
}
