//! Taking over from another signer, as transcripts.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/command.rs"]
mod command;

use std::fs;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{key::PrivateKey, key_file};
use command::{OF, bad, good, run, scene};

/// A refusal after the files were shown: exit code 1, these words, and this as its last line.
fn declined(dir: &tempfile::TempDir, line: &str, says: &str, tries: &str) {
    let (code, _, err) = run(dir, line);
    assert!(code == 1 && err.contains(says), "{line}: {code}\n{err}");
    assert!(err.lines().last().unwrap().starts_with(&format!("try: {tries}")), "{line}\n{err}");
}

#[test]
fn states_are_imported_and_only_raise() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    let import = |rest: &str| format!("state import {OF} --i-stopped-the-old-signer --yes {rest}");
    let write = |content: &str| fs::write(dir.path().join("old.json"), content).unwrap();
    write(r#"{"height":"100","round":"1","step":1,"block_id":null}"#);
    bad(
        &dir,
        &format!("state import {OF} old.json"),
        1,
        "double sign",
        "stop and disable the old signer, then add --i-stopped-the-old-signer",
    );
    // Nobody at a terminal: nothing happens without --yes.
    let unasked = format!("state import {OF} --i-stopped-the-old-signer old.json");
    declined(&dir, &unasked, "nothing was changed", "--yes in scripts");
    assert!(!dir.path().join("state/akashnet-2.mark").exists());
    let out = good(&dir, &import("old.json --prefix akash"));
    for line in [
        "old.json: tmkms state (steps counted from 0), last signed height 100, round 1, step prevote\n",
        "\nvalcons: akashvalcons1",
        "\nnothing will be signed at or below height 100, round 1, step prevote\n",
    ] {
        assert!(out.contains(line), "{out}");
    }
    assert!(out.ends_with("\nchain akashnet-2: last signed height 100, round 1, step prevote\n"), "{out}");
    declined(&dir, &import("old.json"), "only ever goes up", "palisade-signer state show");
    good(&dir, &import("old.json --bump-to-precommit"));
    assert!(good(&dir, "state show --config signer.toml").contains("height 100, round 1, step precommit"));
    write(r#"{"height":"99","round":0,"step":3}"#);
    declined(&dir, &import("old.json"), "only ever goes up", "palisade-signer state show");
    write(r#"{"height":"0","round":"0","step":0}"#);
    declined(&dir, &import("old.json"), "never signed", "on a chain that has not started, add --new-chain");
    write("{}");
    let (code, _, err) = run(&dir, &import("old.json"));
    assert!(code == 2 && err.contains("old.json: not a last-sign state"), "{err}");
}

/// Horcrux: both files of every cosigner, the highest of them, and a bit more because they are written late.
#[test]
fn several_states_become_one_floor() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    for (name, height) in [("a", 100), ("b", 103), ("c", 102), ("d", 0)] {
        let content = format!(r#"{{"height":"{height}","round":"0","step":3,"signature":"AAAA"}}"#);
        fs::write(dir.path().join(name), content).unwrap();
    }
    let out = good(&dir, &format!("state import {OF} --i-stopped-the-old-signer --yes a b c d"));
    assert!(
        out.contains("b: horcrux sign state, last signed height 103") && out.contains("d: never signed"),
        "{out}"
    );
    assert!(out.ends_with("chain akashnet-2: last signed height 105, all rounds\n"), "{out}");
    good(&dir, &format!("state import {OF} --i-stopped-the-old-signer --yes a --bump-heights 50"));
    assert!(good(&dir, "state show --config signer.toml").contains("height 150, all rounds"));
}

#[test]
fn a_mark_is_carried_to_another_machine() {
    let (dir, other) = (scene(), scene());
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 77 --round 2 --step prevote"));
    let printed = good(&dir, &format!("state export {OF}"));
    let out = good(&dir, &format!("state export {OF} --out mark.json --retire"));
    assert!(out.contains("akashnet-2.mark.exported-1"), "{out}");
    assert_eq!(fs::read_to_string(dir.path().join("mark.json")).unwrap(), printed);
    bad(&dir, "run --config signer.toml", 2, "there is no state file", "palisade-signer state init");
    bad(&dir, &format!("state export {OF}"), 2, "there is no state file", "palisade-signer state init");

    fs::copy(dir.path().join("mark.json"), other.path().join("mark.json")).unwrap();
    fs::create_dir(other.path().join("keys")).unwrap();
    fs::copy(dir.path().join("keys/akash.json"), other.path().join("keys/akash.json")).unwrap();
    let import = format!("state import {OF} --i-stopped-the-old-signer --yes mark.json");
    let out = good(&other, &import);
    assert!(out.contains("mark.json: exported state of palisade-signer"), "{out}");
    assert!(good(&other, "state show --config signer.toml").contains("height 77, round 2, step prevote"));
    // A digit changed on the way, and another key.
    fs::write(other.path().join("mark.json"), printed.replace("77", "78")).unwrap();
    assert!(run(&other, &import).2.contains("its checksum does not fit its content"));
    let stranger = scene();
    good(&stranger, "key generate keys/akash.json");
    fs::write(stranger.path().join("mark.json"), &printed).unwrap();
    assert!(run(&stranger, &import).2.contains("it belongs to another key"));
}

#[test]
fn a_fresh_state_starts_a_new_chain_when_told() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    fs::write(dir.path().join("old.json"), r#"{"height":"0","round":0,"step":0}"#).unwrap();
    let out = good(&dir, &format!("state import {OF} old.json --i-stopped-the-old-signer --new-chain --yes"));
    assert!(out.ends_with("chain akashnet-2: last signed height 0, round 0, step none\n"), "{out}");
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
