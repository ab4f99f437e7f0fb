//! `palisade-signer yubihsm keys|backup|restore|audit|test` against simulated devices, and what each must refuse.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;
#[path = "support/operator.rs"]
mod operator;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{
    consensus::{KeyType, SecretKey},
    key::{PrivateKey, PublicKey},
    key_file,
};
use operator::{SERIAL, Scene};
use palisade_yubihsm_sim::{Config, Handle, object::Kind, start};

fn seconds_out(text: &str) -> &str {
    text.split("median").next().unwrap()
}

#[test]
fn a_generated_key_signs_in_its_domain_only() {
    let scene = Scene::ready();
    let made = scene.good("keys generate AS operator --domain 1 --label a-1");
    assert!(
        made.starts_with(
            "made\nkey 1: \"a-1\", ed25519, domain 1, generated, sign-eddsa, exportable-under-wrap"
        ),
        "{made}"
    );
    let tested = scene.good("test AS a --key 1 --count 3");
    assert!(seconds_out(&tested).starts_with("key 1: 3 signatures, all good under "), "{tested}");
    scene.bad("test AS b --key 1", 2, "object not found", "palisade-signer yubihsm keys list");
    scene.bad("test AS operator --key 1", 2, "insufficient permissions", "an authentication key with");
    scene.bad("keys generate AS a --domain 1 --id 9", 2, "insufficient permissions", "");
    let listed = scene.json("keys list AS operator --json");
    assert_eq!(listed[0]["domains"][0], 1);
    assert_eq!(scene.good("keys list AS b"), "no keys in the domains of this authentication key\n");
}

#[test]
fn keys_of_every_other_signer_come_in_and_stay_the_same() {
    let scene = Scene::ready();
    let key = PrivateKey::from_seed(&[0x42; 32]);
    let mut export = key.to_expanded().to_vec();
    export[..32].reverse();
    export.extend(key.public().as_bytes());
    let forms = [
        (
            "json",
            key_file::write_priv_validator_key(&PrivateKey::from_seed(&[0x42; 32]).into()).to_string(),
            false,
        ),
        ("seed", BASE64_STANDARD.encode([0x42; 32]), false),
        ("both", BASE64_STANDARD.encode(*key.to_seed_and_public().unwrap()), false),
        ("expanded", BASE64_STANDARD.encode(*key.to_expanded()), true),
        ("export", BASE64_STANDARD.encode(&export), true),
    ];
    for (number, (name, text, wrapped)) in forms.into_iter().enumerate() {
        fs::write(scene.path(name), text).unwrap();
        let id = number + 10;
        let line =
            format!("keys import AS operator --domain 1 --id {id} --from {name} --expect {}", key.public());
        if wrapped {
            scene.bad(&line, 1, "the key has no seed", "--wrap-key DIR/wrap.key");
            scene.good(&format!("{line} --wrap-key hsm/wrap.key"));
        } else {
            scene.good(&line);
        }
        let tested = scene.good(&format!("test AS a --key {id}"));
        assert!(tested.contains(&key.public().to_string()), "{name}: {tested}");
    }
    let secp256k1 = SecretKey::from_bytes(KeyType::Secp256k1, &[0x17; 32]).unwrap();
    fs::write(scene.path("secp"), key_file::write_priv_validator_key(&secp256k1).as_bytes()).unwrap();
    scene.good(&format!(
        "keys import AS operator --domain 1 --id 19 --from secp --expect {}",
        secp256k1.public()
    ));
    let bls = SecretKey::generate(KeyType::Bls12_381, &mut rand_core::OsRng);
    fs::write(scene.path("bls"), key_file::write_priv_validator_key(&bls).as_bytes()).unwrap();
    scene.bad(
        "keys import AS operator --domain 1 --id 21 --from bls",
        1,
        "cannot sign with a key",
        "a softsign key",
    );
    let other = PrivateKey::from_seed(&[1; 32]).public();
    let (code, _, err) =
        scene.run(&format!("keys import AS operator --domain 1 --id 20 --from json --expect {other}"));
    assert!(code == 2 && err.contains("holds the key"), "{err}");
    assert!(scene.sim.device(|device| device.object(Kind::AsymmetricKey, 20).is_none()));
}

#[test]
fn a_backup_comes_back_on_a_second_device_and_on_no_other() {
    let first = Scene::ready();
    first.good("keys generate AS operator --domain 1 --label one");
    first.good("keys generate AS operator --domain 2 --label two --algorithm secp256k1");
    let said = first.good("backup AS operator --to backup");
    assert!(said.contains(&format!("2 keys of device {SERIAL} in backup")), "{said}");
    first.bad("backup AS operator --to backup", 1, "holds a backup already", "--to with a new directory");
    first.bad("backup AS a --to other", 2, "insufficient permissions", "");
    first.good("keys export AS operator --id 1 --to one.wrapped");

    let stranger = Scene { dir: first.dir, sim: start(Config { serial: 3, ..Config::default() }).unwrap() };
    stranger.good("setup --connector @ --serial 3 --chain a-1=1 --to stranger");
    let operator = "--connector @ --auth-key 3 --password-file";
    let line = format!("restore {operator} stranger/operator.password --from backup");
    stranger.bad(&line, 1, "cannot decrypt it", "setup --wrap-key");

    let second = Scene { dir: stranger.dir, sim: start(Config { serial: 2, ..Config::default() }).unwrap() };
    second.good(
        "setup --connector @ --serial 2 --chain a-1=1 --chain b-1=2 --to second --wrap-key hsm/wrap.key",
    );
    let line = format!("restore {operator} second/operator.password --from backup");
    let said = second.good(&line);
    assert!(
        said.contains("key 1: restored, public key ") && said.contains(&format!("2 keys of device {SERIAL}")),
        "{said}"
    );
    assert!(second.good(&line).contains("key 2: was there"));
    let public =
        |sim: &Handle| sim.device(|d| d.object(Kind::AsymmetricKey, 1).unwrap().payload.public().unwrap());
    assert_eq!(public(&second.sim), public(&first.sim));
    second.good("test --connector @ --auth-key 101 --password-file second/signer-a-1.password --key 1");
}

#[test]
fn restoring_beside_another_key_of_the_same_id_is_an_error() {
    let scene = Scene::ready();
    scene.good("keys generate AS operator --domain 1");
    scene.good("backup AS operator --to backup");
    scene.good(
        "setup --connector @ --serial 7550054 --chain a-1=1 --to again --wrap-key hsm/wrap.key --reset \
                --auth-key 2 --password-file hsm/admin.password",
    );
    let operator = "--connector @ --auth-key 3 --password-file again/operator.password";
    scene.good(&format!("keys generate {operator} --domain 1"));
    let (code, _, err) = scene.run(&format!("restore {operator} --from backup"));
    assert!(code == 2 && err.contains("has the public key"), "{err}");
}

#[test]
fn a_key_that_is_not_exportable_is_in_no_backup() {
    let scene = Scene::ready();
    scene.good("keys generate AS operator --domain 1 --not-exportable");
    scene.bad(
        "backup AS operator --to backup",
        1,
        "there is no exportable key",
        "palisade-signer yubihsm keys list",
    );
    scene.bad("keys export AS operator --id 1 --to x", 1, "is not exportable", "keep a copy");
    scene.good("keys generate AS operator --domain 2");
    let (code, out, _) = scene.run("backup AS operator --to backup");
    assert!(code == 1 && out.contains("finding: key 1 is not exportable"), "{out}");
}

#[test]
fn audit_prints_the_log_and_follows_its_chain() {
    let scene = Scene::ready();
    scene.good("keys generate AS operator --domain 1");
    scene.good("test AS a --key 1 --count 2");
    let out = scene.good("audit AS auditor");
    assert_eq!(
        out.lines().filter(|line| line.contains(" sign-eddsa ") && line.contains("session=101")).count(),
        2
    );
    assert!(out.contains("delete-object") && out.contains("each follows from the one before"), "{out}");
    let before = scene.json("audit AS auditor --json")["entries"].as_array().unwrap().len();
    let out = scene.good("audit AS auditor --keep hsm.log --free");
    assert!(out.contains("new entries in hsm.log") && out.contains("freed up to entry "), "{out}");
    let after = scene.json("audit AS auditor --json")["entries"].as_array().unwrap().len();
    assert!(after < before, "{before} {after}");
    // The file goes on where it ended, and notices when somebody else freed entries.
    scene.good("audit AS auditor --keep hsm.log --free");
    scene.good("test AS a --key 1");
    scene.sim.device(|device| {
        let numbers: Vec<_> = device.log().entries().map(|entry| entry.number).collect();
        assert!(device.log_mut().consume(numbers[numbers.len() - 2]));
    });
    let (code, _, err) = scene.run("audit AS auditor --keep hsm.log --free");
    assert!(code == 2 && err.contains("does not follow"), "{err}");
}

#[test]
fn a_device_is_served_to_other_commands_until_a_signal_ends_it() {
    let scene = Scene::ready();
    let socket = format!("unix://{}", scene.path("hsm.sock").display());
    for (listen, pattern) in [(socket.as_str(), socket.as_str()), ("127.0.0.1:0", "http://127.0.0.1:")] {
        let line = scene.line(&format!("connector --connector @ --listen {listen}"));
        let mut child = command::command(scene.dir.path(), &line).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let at = said.trim().rsplit_once(" served at ").expect(&said).1.to_owned();
        assert!(said.starts_with(&format!("device {SERIAL} ")) && at.starts_with(pattern), "{said}");
        let listed = command::good(
            &scene.dir,
            &format!("yubihsm info --connector {at} --auth-key 2 --password-file hsm/admin.password"),
        );
        assert!(listed.contains(&format!("serial {SERIAL}")), "{listed}");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success());
        assert!(!scene.path("hsm.sock").exists());
    }
    scene.bad("connector --connector @ --listen 0.0.0.0:0", 1, "a loopback address", "--listen unix:");
    scene.bad(
        "connector --connector http://127.0.0.1:1 --listen 127.0.0.1:0",
        2,
        "http://127.0.0.1:1",
        "start the",
    );
    assert_eq!(scene.run("connector --listen 127.0.0.1:0").0, 2, "which device?");
}

#[test]
fn a_full_log_is_drained_and_says_what_it_missed() {
    let scene = Scene::ready();
    scene.good("keys generate AS operator --domain 1");
    let (code, _, err) = scene.run("test AS a --key 1 --count 100");
    assert!(code == 2 && err.contains("audit log full"), "{err}");
    let (code, out, _) = scene.run("audit AS auditor --keep hsm.log --free");
    assert!(code == 1 && out.contains("finding: the log was full: 0 boots and"), "{out}");
    scene.good("test AS a --key 1");
}

#[test]
fn a_public_key_is_what_the_device_says_in_every_verb() {
    let scene = Scene::ready();
    scene.good("keys generate AS operator --domain 1");
    let bytes =
        scene.sim.device(|device| device.object(Kind::AsymmetricKey, 1).unwrap().payload.public().unwrap());
    let public = PublicKey::from_bytes(&bytes).unwrap();
    assert!(scene.good("keys list AS operator").contains(&public.to_string()));
    assert!(scene.good("test AS a --key 1").contains(&public.to_string()));
    scene.good("keys generate AS operator --domain 1 --id 7 --algorithm secp256k1");
    assert!(scene.good("test AS a --key 7 --count 5").starts_with("key 7: 5 signatures, all good under "));
}
