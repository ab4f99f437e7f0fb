//! A `tmkms.toml` becomes a `signer.toml` that our own parser takes, and nothing is lost without a word.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;

use std::{fs, path::Path};

use command::{good, run};
use palisade_signer::config::{Backend, Config, Connector, SecretSource};
use tempfile::TempDir;

/// Everything that tmkms 0.15 knows, after its documentation.
const EVERYTHING: &str = r#"
[[chain]]
id = "cosmoshub-4"
key_format = { type = "bech32", account_key_prefix = "cosmospub", consensus_key_prefix = "cosmosvalconspub" }
sign_extensions = false
state_file = "/var/lib/tmkms/hub_state.json"
state_hook = { cmd = ["/path/hook"], timeout_secs = 5, fail_closed = true }
[[chain]]
id = "irishub-1"
key_format = { type = "cosmos-json" }
sign_extensions = true
[[chain]]
id = "led-1"
key_format = { type = "hex" }
[[validator]]
addr = "tcp://f88883b673fc69d7869cab098de3bafc2ff76eb8@10.0.0.5:26658"
chain_id = "cosmoshub-4"
secret_key = "kms-identity.key"
reconnect = false
timeout = 10
protocol_version = "v0.34"
max_height = "500000"
[[validator]]
addr = "unix:///run/hub.sock"
chain_id = "cosmoshub-4"
max_height = "400000"
[[validator]]
addr = "tcp://10.0.0.6:26658"
chain_id = "irishub-1"
protocol_version = "v0.33"
[[validator]]
addr = "tcp://10.0.0.7:26658"
chain_id = "led-1"
[[providers.softsign]]
chain_ids = ["cosmoshub-4"]
key_type = "consensus"
key_format = "base64"
path = "consensus.key"
[[providers.softsign]]
chain_ids = ["cosmoshub-4"]
path = "/keys/second one.key"
[[providers.softsign]]
chain_ids = ["irishub-1"]
key_type = "account"
path = "account.key"
[[providers.yubihsm]]
adapter = { type = "usb", timeout_ms = 1000 }
auth = { key = 1, password = "correct horse" }
keys = [ { chain_ids = ["irishub-1"], key = 7, type = "consensus" } ]
serial_number = "0123456789"
connector_server = { laddr = "tcp://127.0.0.1:12345", cli = { auth_key = 2 } }
[[providers.ledgertm]]
chain_ids = ["led-1"]
[[providers.fortanixdsm]]
api_endpoint = "https://dsm.example"
api_key = "correct battery"
signing_keys = [ { chain_ids = ["cosmoshub-4"], key_name = "k", type = "consensus" } ]
"#;

fn import(text: &str, line: &str) -> (TempDir, i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tmkms.toml"), text).unwrap();
    let (code, out, err) = run(&dir, line);
    (dir, code, out, err)
}

#[test]
fn everything_that_tmkms_knows_is_carried_or_named() {
    let (_dir, code, out, err) = import(EVERYTHING, "config import tmkms.toml --cwd /var/lib/tmkms");
    assert_eq!(code, 1, "{err}");
    let config = Config::parse(&out, Path::new("/etc/palisade")).unwrap();

    let ids: Vec<_> = config.chains.iter().map(|chain| chain.id.as_str()).collect();
    assert_eq!(ids, ["cosmoshub-4", "irishub-1"]);
    let nodes: Vec<_> = config.chains[0].nodes.iter().map(ToString::to_string).collect();
    assert_eq!(nodes, ["tcp://10.0.0.5:26658", "unix:///run/hub.sock"]);
    assert_eq!((config.chains[0].max_height, config.chains[1].max_height), (Some(400_000), None));
    let source = SecretSource::File("/etc/palisade/keys/cosmoshub-4.json".into());
    assert_eq!(config.keys[config.chains[0].key].backend, Backend::Softsign { source, passphrase: None });
    let Backend::YubiHsm(hsm) = &config.keys[config.chains[1].key].backend else { panic!("{config:?}") };
    assert_eq!(hsm.primary.connector, Connector::Usb { serial: Some(123_456_789) });
    assert_eq!((hsm.primary.auth_key, hsm.primary.key_id), (101, 7));
    assert_eq!(hsm.primary.password, SecretSource::File("/etc/palisade/secrets/hsm.password".into()));
    assert_eq!(hsm.connector_listen, Some(Connector::Http { host: "127.0.0.1".into(), port: 12345 }));

    for says in [
        "note: peer id f88883b673fc69d7869cab098de3bafc2ff76eb8 of 10.0.0.5:26658 is dropped",
        "note: reconnect = false of tcp://10.0.0.5:26658 is dropped",
        "note: timeout of tcp://10.0.0.5:26658 is dropped",
        "note: secret_key is dropped",
        "note: chain \"cosmoshub-4\": sign_extensions was false",
        "note: chain \"cosmoshub-4\": state_hook is dropped",
        "note: providers.softsign path consensus.key is relative to the directory that tmkms was started in; taken as /var/lib/tmkms/consensus.key",
        "note: account key account.key is left out",
        "MISSING: chain \"cosmoshub-4\" has the keys \"cosmoshub-4\" and \"cosmoshub-4-2\"; the first was taken",
        "MISSING: protocol_version of tcp://10.0.0.6:26658",
        "MISSING: tmkms signed with authentication key 1",
        "MISSING: the password of the HSM is written in tmkms.toml",
        "MISSING: providers.ledgertm is not supported and was left out",
        "MISSING: providers.fortanixdsm is not supported and was left out",
        "MISSING: chain \"led-1\" was left out: no supported provider has a consensus key for it",
        "\n  palisade-signer key import /var/lib/tmkms/consensus.key keys/cosmoshub-4.json --prefix cosmos\n",
        "\n  palisade-signer key import '/keys/second one.key' keys/cosmoshub-4-2.json --prefix cosmos\n",
        "\n  palisade-signer state import --config signer.toml --chain cosmoshub-4 --i-stopped-the-old-signer --prefix cosmos /var/lib/tmkms/hub_state.json\n",
        "\n  palisade-signer state import --config signer.toml --chain irishub-1 --i-stopped-the-old-signer /var/lib/tmkms/irishub-1_priv_validator_state.json\n",
    ] {
        assert!(err.contains(says), "{says}\n{err}");
    }
    assert!(!err.contains("irishub-1\": sign_extensions"), "{err}");
    // Neither of them is ever printed, nor carried.
    for secret in ["correct horse", "correct battery"] {
        assert!(!out.contains(secret) && !err.contains(secret), "{out}{err}");
    }
}

#[test]
fn the_printed_commands_do_what_they_say() {
    let old = r#"
[[chain]]
id = "akashnet-2"
key_format = { type = "bech32", account_key_prefix = "akashpub", consensus_key_prefix = "akashvalconspub" }
sign_extensions = true
state_file = "/STATE"
[[validator]]
addr = "tcp://127.0.0.1:1"
chain_id = "akashnet-2"
[[providers.softsign]]
chain_ids = ["akashnet-2"]
path = "/KEY"
"#;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(at("tmkms.toml"), old.replace("/STATE", &at("s.json")).replace("/KEY", &at("k"))).unwrap();
    fs::write(at("k"), "DEADBEEFDEADBEEFDEADBEEFDEADBEEFDEADBEEFDEA=\n").unwrap();
    fs::write(at("s.json"), r#"{"height":"100","round":"1","step":2,"block_id":null}"#).unwrap();
    let (code, out, err) = run(&dir, "config import tmkms.toml");
    assert_eq!(code, 0, "{err}");
    fs::write(at("signer.toml"), out).unwrap();
    let commands: Vec<_> =
        err.lines().filter_map(|line| line.strip_prefix("  palisade-signer ")).map(str::to_owned).collect();
    assert_eq!(commands.len(), 3, "{err}");
    good(&dir, &commands[0]);
    good(&dir, &format!("{} --yes", commands[1]));
    good(&dir, &commands[2]);
    let shown = good(&dir, "state show --config signer.toml");
    assert!(shown.contains("height 100, round 1, step precommit"), "{shown}");
}

#[test]
fn what_is_no_tmkms_toml_is_refused_by_line() {
    for (text, says) in [
        ("[[chain]]\nid = 'a'\nnew = 1\n", "this is no tmkms.toml: line 3: unknown field `new`"),
        ("state_dir = 's'\n", "this is no tmkms.toml: line 1: unknown field `state_dir`"),
        ("[[chain\n", "this is no tmkms.toml: line 1"),
    ] {
        let (_dir, code, out, err) = import(text, "config import tmkms.toml");
        assert!(code == 2 && out.is_empty() && err.contains("error: tmkms.toml: "), "{err}");
        assert!(err.contains(says), "{err}");
    }
    // Nothing usable in it: the words say so, and the code too.
    let (_dir, code, _, err) = import("", "config import tmkms.toml");
    assert!(code == 1 && err.contains("not complete: there is no [[key]]"), "{err}");
}
