//! A real CometBFT node makes its blocks with a key that only a YubiHSM 2 holds, set up by the operator's own commands and with
//! forced audit on. Device, connector and signer go away and come back; nothing is signed twice, and the audit log has it all.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use palisade_signer::io::key::yubihsm::audit;
use palisade_tests::comet_node::{CometNode, Plan, Validator, network};
use palisade_tests::node_line::Line;
use palisade_tests::ports;
use palisade_tests::process::until;
use palisade_tests::recorder::{Endpoint, Recorder};
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;
use palisade_yubihsm_sim::object::Kind;
use palisade_yubihsm_sim::{Config, Handle, plug_in_again, start};

const CHAIN: &str = "palisade-hsm";
const BLOCKS: i64 = 60;

/// The only validator of a chain, its key only in the device, and the recorder between node and signer.
struct Stage {
    dir: PathBuf,
    hsm: Option<Handle>,
    at: SocketAddr,
    signer: Signer,
    node: CometNode,
    recorder: Recorder,
}

impl Stage {
    fn set(dir: &Path) -> Self {
        let config = Config::default();
        let serial = config.serial.to_string();
        let hsm = start(config).unwrap();
        let url = hsm.url();
        let home = dir.join("signer");
        let backend = format!(
            "backend = \"yubihsm\"\nconnector = \"{url}\"\nauth_key = 101\npassword_file = \"hsm/signer-{CHAIN}.password\"\n\
             key_id = 1\naudit_log = \"audit.log\"\n"
        );
        let to_signer = Endpoint::Tcp(ports::address());
        let chain = format!("{CHAIN}=1");
        let operator = ["--connector", &url, "--auth-key", "3", "--password-file", "hsm/operator.password"];
        let mut import = vec!["yubihsm", "keys", "import", "--domain", "1", "--from", "keys/own.json"];
        import.extend(operator);
        let mut signer = Signer::with_backend(
            &home,
            CHAIN,
            &[to_signer.url()],
            [&backend, ""],
            &[
                &["key", "generate", "keys/own.json"],
                &[
                    "yubihsm",
                    "setup",
                    "--connector",
                    &url,
                    "--serial",
                    &serial,
                    "--chain",
                    &chain,
                    "--to",
                    "hsm",
                ],
                &import,
                &["state", "init", "--config", "signer.toml", "--chain", CHAIN, "--height", "0"],
                &["check", "--config", "signer.toml"],
            ],
        )
        .unwrap();
        std::fs::remove_file(home.join("keys/own.json")).unwrap();
        let plan = Plan {
            line: Line::V0_38,
            chain_id: CHAIN,
            proxy_app: "kvstore",
            vote_extensions: false,
            timeout_commit: "50ms",
            timeout_propose: Duration::from_millis(500),
        };
        let to_node = Endpoint::Tcp(ports::address());
        let validator = Validator::Remote(signer.key.clone(), to_node.url());
        let mut node = network(dir, &plan, &[validator]).unwrap().remove(0);
        let recorder = Recorder::start(CHAIN, signer.key.clone(), &to_signer, to_node, 0).unwrap();
        signer.start().unwrap();
        node.start().unwrap();
        let at = hsm.address();
        Self { dir: home, hsm: Some(hsm), at, signer, node, recorder }
    }

    fn hsm(&self) -> &Handle {
        self.hsm.as_ref().unwrap()
    }

    /// Waits until the chain has made five more blocks.
    fn goes_on(&mut self, after: &str) -> i64 {
        let limit = Duration::from_secs(40);
        let now = self.node.reach(1, limit).unwrap();
        self.node.reach(now + 5, limit).unwrap_or_else(|error| {
            panic!(
                "after {after}: {error:#}\n--- signer:\n{}\n--- node:\n{}\n--- recorder: {:?}",
                self.signer.tail(),
                self.node.tail(),
                self.recorder.record().refusals
            )
        })
    }

    /// Waits until the signer says that its device is gone.
    fn is_down(&mut self) {
        until("palisade_signer_hsm_up is 0", Duration::from_secs(30), || {
            let up = self.signer.metrics()?.value("palisade_signer_hsm_up", &[("key", "own")]);
            Ok((up == Some(0.0)).then_some(()))
        })
        .unwrap();
    }
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_chain_survives_everything_that_happens_to_its_hsm() {
    let dir = Scratch::new().unwrap();
    let mut stage = Stage::set(dir.path());
    stage.goes_on("the start");
    let log = stage.signer.tail();
    assert!(log.contains("seccomp: on"), "{log}");

    for times in 1..=3 {
        // The connector and the power are gone, long enough to be noticed.
        let device = stage.hsm.take().unwrap().unplug();
        stage.is_down();
        stage.hsm = Some(plug_in_again(stage.at, device).unwrap());
        stage.goes_on(&format!("device unplugged {times} times"));

        // It takes requests and does not answer; then it executes them all.
        stage.hsm().freeze(true);
        stage.is_down();
        stage.hsm().freeze(false);
        stage.goes_on(&format!("device frozen {times} times"));

        stage.hsm().device(palisade_yubihsm_sim::Device::reboot);
        stage.goes_on(&format!("device rebooted {times} times"));

        // The signer leaves its session behind; the device has 16.
        stage.signer.kill().unwrap();
        stage.signer.start().unwrap();
        stage.goes_on(&format!("signer killed {times} times"));
    }
    let height = stage.node.reach(BLOCKS, Duration::from_secs(60)).unwrap();
    for at in 1..height {
        let commit = stage.node.last_commit(at).unwrap();
        let signature = BASE64_STANDARD.decode(commit[0]["signature"].as_str().unwrap()).unwrap();
        let record = stage.recorder.record();
        assert!(record.has_precommit(at, &signature), "block {at} has a signature that was never released");
    }
    // The node first: without its signer it does not even stop.
    stage.node.stop().unwrap();
    stage.signer.stop().unwrap();

    let record = stage.recorder.record();
    let released = record.released.len();
    println!(
        "{height} blocks, {} signatures for {released} slots, {} refusals, {} connections",
        record.signatures,
        record.refusals.len(),
        record.connects
    );
    assert_eq!(record.double_signs(), [], "one height, round and step in two ways");
    assert_eq!(record.forged, 0, "signatures that do not verify");

    // What is still on the device comes into the file, and the chain of the whole holds.
    let url = stage.hsm().url();
    let audited = stage
        .signer
        .command(&[
            "yubihsm",
            "audit",
            "--connector",
            &url,
            "--auth-key",
            "4",
            "--password-file",
            "hsm/auditor.password",
            "--keep",
            "audit.log",
            "--free",
        ])
        .unwrap();
    println!("{}", audited.lines().rev().take(3).collect::<Vec<_>>().join("\n"));
    let entries = audit::verify(&stage.dir.join("audit.log")).unwrap();
    let text = std::fs::read_to_string(stage.dir.join("audit.log")).unwrap();
    let signed = text.matches(" sign-eddsa length=").count();
    println!("{entries} entries in the audit log, {signed} of them signatures");
    // Each released signature has its entry, a precommit for a block one more for its extension, which is empty here; a
    // signature whose answer was lost has one as well.
    let least = released + usize::try_from(height).unwrap() - 1;
    assert!(signed >= least, "{signed} signatures in the audit log, at least {least} are due");
    assert!(!text.contains("\"unlogged_boots\":1"), "the log was overrun");
    stage.hsm().device(|device| {
        assert!(device.object(Kind::AuthenticationKey, 1).is_none(), "the factory's key");
        assert_eq!(device.log().force(), 1, "forced audit");
    });
}
