//! `palisade-signer yubihsm detect|info|setup` against simulated devices: roles, refusals, and what a failure half-way leaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;
#[path = "support/operator.rs"]
mod operator;

use std::{fs, os::unix::fs::PermissionsExt as _};

use operator::{SERIAL, Scene};
use palisade_yubihsm_sim::{Fault, Strike, object::Kind, wire::code};
use serde_json::Value;

#[test]
fn detect_needs_no_session() {
    let scene = Scene::fresh();
    let url = scene.sim.url();
    assert_eq!(
        scene.good("detect --connector @"),
        format!("{url}: serial {SERIAL}, firmware 2.4.0, audit log 2/62\n")
    );
    assert_eq!(scene.json("detect --connector @ --json")[0]["serial"], SERIAL);
    assert_eq!(scene.sim.commands(), [code::DEVICE_INFO, code::DEVICE_INFO]);
    scene.bad("detect --connector http://127.0.0.1:1", 2, "http://127.0.0.1:1", "start the connector");
}

#[test]
fn setup_makes_the_roles_and_takes_the_factorys_key_away() {
    let scene = Scene::fresh();
    let said =
        scene.good(&format!("setup --connector @ --serial {SERIAL} --chain a-1=1 --chain b-1=2 --to hsm"));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], format!("device {SERIAL} is set up; authentication key 1 is gone"));
    assert_eq!(lines[3], "authentication key 4 (auditor): get-option, get-log-entries, hsm/auditor.password");
    assert_eq!(
        lines[4],
        "authentication key 101 (signer-a-1): sign-ecdsa, sign-eddsa, get-log-entries, hsm/signer-a-1.password"
    );
    let names =
        ["admin", "operator", "auditor", "signer-a-1", "signer-b-1"].map(|name| format!("{name}.password"));
    for name in names.iter().map(String::as_str).chain(["wrap.key"]) {
        let path = scene.path("hsm").join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let secret = fs::read_to_string(&path).unwrap();
        assert!(secret.trim().len() >= 32 && !said.contains(secret.trim()), "{name}");
    }
    scene.sim.device(|device| {
        assert!(device.object(Kind::AuthenticationKey, 1).is_none());
        assert_eq!(device.objects().count(), 6);
        assert_eq!(device.log().force(), 1);
        assert!(device.log().audits(code::SIGN_EDDSA) && device.log().audits(code::PUT_AUTHENTICATION_KEY));
        assert!(!device.log().audits(code::SESSION_MESSAGE) && !device.log().audits(code::CLOSE_SESSION));
        assert_eq!(device.session_count(), 0, "a session was left open");
    });
}

#[test]
fn setup_shows_secrets_only_on_request() {
    let scene = Scene::fresh();
    let said = scene.good(&format!(
        "setup --connector @ --serial {SERIAL} --chain a-1=1 --to hsm --show-secrets --fix-audit"
    ));
    for name in ["admin.password", "wrap.key"] {
        assert!(said.contains(fs::read_to_string(scene.path("hsm").join(name)).unwrap().trim()), "{name}");
    }
    assert_eq!(scene.sim.device(|device| device.log().force()), 2);
}

#[test]
fn setup_changes_nothing_without_the_right_serial_number() {
    let scene = Scene::fresh();
    for line in ["--serial 1", "--serial 1 --reset"] {
        let line = format!("setup --connector @ {line} --chain a-1=1 --to hsm");
        scene.bad(&line, 1, "nothing was changed", "palisade-signer yubihsm detect");
    }
    assert_eq!(scene.sim.commands(), [code::DEVICE_INFO; 2]);
    assert!(!scene.path("hsm").exists());
}

#[test]
fn setup_refuses_what_is_set_up_unless_it_is_reset() {
    let scene = Scene::ready();
    let again = format!("setup --connector @ --serial {SERIAL} --chain a-1=1");
    scene.bad(
        &format!("{again} --to hsm"),
        1,
        "secrets of another setup are never overwritten",
        "--to with a new",
    );
    scene.bad(&format!("{again} --to new"), 1, "is not fresh", "setup --reset --auth-key 2");
    assert!(!scene.path("new").exists());
    scene.good("keys generate AS operator --domain 1");
    scene.bad(
        &format!("{again} --to new --reset --auth-key 3 --password-file hsm/operator.password"),
        2,
        "insufficient permissions",
        "",
    );
    assert!(scene.sim.device(|device| device.object(Kind::AsymmetricKey, 1).is_some()));
    scene.good(&format!("{again} --to new --reset --auth-key 2 --password-file hsm/admin.password"));
    assert!(scene.sim.device(|device| device.object(Kind::AsymmetricKey, 1).is_none()));
}

#[test]
fn setup_refuses_chains_that_share_a_domain() {
    let scene = Scene::fresh();
    for chains in ["a-1=1 --chain b-1=1", "a-1=17", "a-1=0", "a-1", "../x=1", "a-1=1 --chain a-1=2"] {
        let (code, _, err) =
            scene.run(&format!("setup --connector @ --serial {SERIAL} --to hsm --chain {chains}"));
        assert_eq!(code, 2, "{chains}: {err}");
    }
    assert!(!scene.path("hsm").exists() && scene.sim.commands().is_empty());
}

#[test]
fn info_finds_what_is_not_as_it_should_be() {
    let scene = Scene::fresh();
    fs::write(scene.path("pw"), "password\n").unwrap();
    fs::set_permissions(scene.path("pw"), fs::Permissions::from_mode(0o600)).unwrap();
    let (code, out, _) = scene.run("info --connector @ --auth-key 1 --password-file pw");
    assert_eq!(code, 1);
    assert!(
        out.contains("finding: forced audit is off") && out.contains("finding: authentication key 1"),
        "{out}"
    );
    let scene = Scene::ready();
    let out = scene.good("info AS admin");
    assert!(
        out.contains("forced audit on, ") && out.contains("wrap-key 1: \"backup\", aes256-ccm-wrap"),
        "{out}"
    );
    assert_eq!(scene.json("info AS auditor --json")["force_audit"], "on");
    // Who may not read options sees the rest.
    assert_eq!(scene.json("info AS a --json")["force_audit"], Value::Null);
}

#[test]
fn a_device_that_fails_half_way_is_not_left_open() {
    for command in [code::PUT_AUTHENTICATION_KEY, code::PUT_WRAP_KEY, code::DELETE_OBJECT, code::SET_OPTION] {
        let scene = Scene::fresh();
        scene.sim.strike(Strike { command: Some(command), after: 0, fault: Fault::DropBefore });
        let line = format!("setup --connector @ --serial {SERIAL} --chain a-1=1 --to");
        let (code, out, err) = scene.run(&format!("{line} hsm"));
        assert!(code == 2 && out.is_empty(), "{out}{err}");
        // With the secrets that were written first, or the factory's, the device can be taken from there.
        let admin = if scene.sim.device(|device| device.object(Kind::AuthenticationKey, 1).is_some()) {
            ""
        } else {
            "--auth-key 2 --password-file hsm/admin.password"
        };
        scene.good(&format!("{line} new --reset {admin}"));
    }
}

#[test]
fn passwords_that_others_can_read_are_refused() {
    let scene = Scene::ready();
    fs::set_permissions(scene.path("hsm/auditor.password"), fs::Permissions::from_mode(0o640)).unwrap();
    scene.bad("audit AS auditor", 2, "mode is 0640", "chmod 600");
    let wrong = "--connector @ --auth-key 3 --password-file hsm/admin.password";
    scene.bad(&format!("keys list {wrong}"), 2, "password", "the password of this authentication key");
}
