//! Taking over from another signer, as transcripts.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/command.rs"]
mod command;

use std::fs;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{key::PrivateKey, key_file};
use command::{OF, bad, good, run, scene};

#[test]
fn states_are_imported_and_only_raise() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    let import = |rest: &str| format!("state import {OF} {rest}");
    let write = |content: &str| fs::write(dir.path().join("old.json"), content).unwrap();
    write(r#"{"height":"100","round":"1","step":1,"block_id":null}"#);
    bad(
        &dir,
        &import("old.json"),
        1,
        "double sign",
        "stop and disable the old signer, then add --i-stopped-the-old-signer",
    );
    let out = good(&dir, &import("old.json --i-stopped-the-old-signer"));
    assert_eq!(
        out,
        "read tmkms state (steps counted from 0)\nchain akashnet-2: last signed height 100, round 1, step prevote\n"
    );
    bad(
        &dir,
        &import("old.json --i-stopped-the-old-signer"),
        1,
        "only ever goes up",
        "palisade-signer state show",
    );
    good(&dir, &import("old.json --i-stopped-the-old-signer --bump-to-precommit"));
    assert!(good(&dir, "state show --config signer.toml").contains("height 100, round 1, step precommit"));
    write(r#"{"height":"99","round":0,"step":3}"#);
    bad(
        &dir,
        &import("old.json --i-stopped-the-old-signer"),
        1,
        "only ever goes up",
        "palisade-signer state show",
    );
    write(r#"{"height":"0","round":"0","step":0}"#);
    bad(
        &dir,
        &import("old.json --i-stopped-the-old-signer"),
        1,
        "never signed",
        "on a chain that has not started, add --new-chain",
    );
    write("{}");
    let (code, _, err) = run(&dir, &import("old.json --i-stopped-the-old-signer"));
    assert!(code == 2 && err.contains("old.json: not a last-sign state"), "{err}");
}

#[test]
fn a_fresh_state_starts_a_new_chain_when_told() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    fs::write(dir.path().join("old.json"), r#"{"height":"0","round":0,"step":0}"#).unwrap();
    let out = good(&dir, &format!("state import {OF} old.json --i-stopped-the-old-signer --new-chain"));
    assert_eq!(out, "chain akashnet-2: last signed height 0, round 0, step none\n");
}

#[test]
fn keys_of_tmkms_are_imported_and_shown() {
    let dir = scene();
    let key = PrivateKey::from_seed(&[0x42; 32]);
    let valcons = comet::bech32::encode("akashvalcons", &key.public().address().0).unwrap();
    let mut yubihsm = key.to_expanded().to_vec();
    yubihsm[..32].reverse();
    yubihsm.extend(key.public().as_bytes());
    for (n, bytes) in
        [vec![0x42; 32], key.to_seed_and_public().unwrap().to_vec(), key.to_expanded().to_vec(), yubihsm]
            .into_iter()
            .enumerate()
    {
        fs::write(dir.path().join("old.key"), BASE64_STANDARD.encode(bytes) + "\n").unwrap();
        let out = good(&dir, &format!("key import old.key new{n}.json --prefix akash --expect {valcons}"));
        assert!(out.contains(&format!("public key: {} ", key.public())), "{out}");
        assert!(
            out.ends_with(&format!("address: {}\nvalcons: {valcons}\n", key.public().address())),
            "{out}"
        );
        let shown = good(&dir, &format!("key show new{n}.json --json --prefix akash"));
        let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            (json["valcons"].as_str(), json["address"].as_str().map(str::len)),
            (Some(valcons.as_str()), Some(40))
        );
        let text = fs::read_to_string(dir.path().join(format!("new{n}.json"))).unwrap();
        assert_eq!(key_file::read_priv_validator_key(&text).unwrap().sign(b"x"), key.sign(b"x").into());
        assert_eq!(text.contains("palisade/PrivKeyEd25519Expanded"), n >= 2, "{text}");
    }
    fs::write(dir.path().join("old.key"), BASE64_STANDARD.encode([0x43; 32])).unwrap();
    let (code, _, err) = run(&dir, &format!("key import old.key other.json --expect {valcons}"));
    assert!(
        code == 2 && err.contains(&format!("not {valcons}")) && !dir.path().join("other.json").exists(),
        "{err}"
    );
}

#[test]
fn no_secret_is_ever_printed() {
    let dir = scene();
    let seed = BASE64_STANDARD.encode([0x42; 32]);
    fs::write(dir.path().join("old.key"), &seed).unwrap();
    fs::create_dir(dir.path().join("keys")).unwrap();
    let mut seen = good(&dir, "key import old.key keys/akash.json");
    seen += &good(&dir, "key show keys/akash.json");
    // Also not by an error about the file's content.
    let text = fs::read_to_string(dir.path().join("keys/akash.json")).unwrap();
    fs::write(dir.path().join("keys/akash.json"), text.replace("\"priv_key\"", "\"priv_kez\"")).unwrap();
    seen += &run(&dir, "key show keys/akash.json").2;
    fs::write(dir.path().join("keys/akash.json"), text.replace("PrivKeyEd25519", "PrivKeySecp256k1"))
        .unwrap();
    seen += &run(&dir, "check --config signer.toml").1;
    fs::write(dir.path().join("keys/akash.json"), format!("{{\"priv_key\":\"{seed}\"}}")).unwrap();
    for line in
        ["key show keys/akash.json", "run --config signer.toml", "key import keys/akash.json new.json"]
    {
        seen += &run(&dir, line).2;
    }
    // The seed in base64 up to where the public key begins, and in hex.
    for secret in [&seed[..40], &"42".repeat(16)] {
        assert!(!seen.contains(secret), "{seen}");
    }
}
