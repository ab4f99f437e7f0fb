//! Moving in from the signers that validators have today: keys and states made by the real programs, while a real node makes
//! blocks before and after.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use comet::key::PrivateKey;
use palisade_tests::comet_node::{CometNode, Plan, Validator, network};
use palisade_tests::node_line::Line;
use palisade_tests::process::Process;
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;
use palisade_tests::{binaries, ports};
use rand_core::OsRng;
use serde_json::Value;

const CHAIN: &str = "palisade-moves";
const LIMIT: Duration = Duration::from_secs(60);

fn plan(timeout_commit: &str) -> Plan<'_> {
    Plan {
        line: Line::V0_38,
        chain_id: CHAIN,
        proxy_app: "kvstore",
        vote_extensions: false,
        timeout_commit,
        timeout_propose: Duration::from_millis(500),
    }
}

/// `signer.toml`'s guard at this node.
fn guard(node: &CometNode) -> String {
    format!("rpc = [\"http://{}\"]\ndoppelganger_blocks = 20\n", node.rpc)
}

/// Where the signer's mark is.
fn mark(signer: &Signer) -> Value {
    let shown = signer.command(&["state", "show", "--config", "signer.toml", "--json"]).unwrap();
    serde_json::from_str(&shown).unwrap()
}

/// Every block from the first is signed by the one validator there is, whoever held its key at the time.
fn assert_all_signed(node: &CometNode, height: i64) {
    for at in 1..height {
        let commit = node.last_commit(at).unwrap();
        assert_eq!((commit.len(), commit[0]["block_id_flag"].as_i64()), (1, Some(2)), "block {at}");
    }
}

fn import(from: &Path) -> Vec<String> {
    let args = [
        "state",
        "import",
        "--config",
        "signer.toml",
        "--chain",
        CHAIN,
        "--i-stopped-the-old-signer",
        "--yes",
    ];
    args.into_iter().map(Into::into).chain([from.display().to_string()]).collect()
}

fn run(signer: &Signer, args: &[String]) -> anyhow::Result<String> {
    signer.command(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// From a node that holds its own key: key and last sign state out of its home, sign-bytes and all.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_node_hands_its_key_over() {
    let dir = Scratch::new().unwrap();
    let key = PrivateKey::generate(&mut OsRng);
    let public = key.public();
    let mut node = network(dir.path(), &plan("200ms"), &[Validator::Local(key)]).unwrap().remove(0);
    node.start().unwrap();
    node.reach(5, LIMIT).unwrap();
    node.stop().unwrap();

    let laddr = format!("tcp://{}", ports::address());
    let key_file = node.home().join("config/priv_validator_key.json");
    let state_file = node.home().join("data/priv_validator_state.json");
    let import_key = ["key", "import", key_file.to_str().unwrap(), "keys/own.json", "--prefix", "akash"];
    let mut signer = Signer::set_up(
        &dir.path().join("signer"),
        CHAIN,
        std::slice::from_ref(&laddr),
        &guard(&node),
        &[&import_key],
    )
    .unwrap();
    assert_eq!(signer.key, public.into());
    let said = run(&signer, &import(&state_file)).unwrap();
    assert!(
        said.contains("CometBFT priv_validator_state.json") && said.contains(&public.to_string()),
        "{said}"
    );
    // Not a digit was lost: height, round, step and the sign-bytes are the node's own.
    let theirs: Value = serde_json::from_str(&fs::read_to_string(&state_file).unwrap()).unwrap();
    let ours = mark(&signer);
    assert_eq!(ours["height"].to_string(), theirs["height"].as_str().unwrap());
    assert_eq!(ours["sign_bytes"], theirs["signbytes"]);
    assert_eq!(ours["floor"], false);
    let again = run(&signer, &import(&state_file)).unwrap_err().to_string();
    assert!(again.contains("only ever goes up"), "{again}");

    fs::remove_file(&key_file).unwrap();
    fs::remove_file(&state_file).unwrap();
    node.set_signer(&laddr).unwrap();
    goes_on(&mut node, &mut signer);
}

/// From tmkms 0.15: key and state as it writes them, its steps counted from 0 and no sign-bytes.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn tmkms_hands_its_key_over() {
    let dir = Scratch::new().unwrap();
    let home = dir.path().join("tmkms");
    fs::create_dir_all(&home).unwrap();
    let tmkms = |args: &[&str]| {
        let done = Command::new(binaries::tmkms().unwrap()).args(args).current_dir(&home).output().unwrap();
        assert!(done.status.success(), "tmkms {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    tmkms(&["softsign", "keygen", "consensus.key"]);
    tmkms(&["softsign", "keygen", "identity.key"]);
    let laddr = format!("tcp://{}", ports::address());
    fs::write(
        home.join("tmkms.toml"),
        format!(
            "[[chain]]\nid = \"{CHAIN}\"\nkey_format = {{ type = \"hex\" }}\nstate_file = \"{0}/state.json\"\n\
             [[validator]]\naddr = \"{laddr}\"\nchain_id = \"{CHAIN}\"\nsecret_key = \"{0}/identity.key\"\nprotocol_version = \"v0.34\"\n\
             reconnect = true\n[[providers.softsign]]\nchain_ids = [\"{CHAIN}\"]\nkey_type = \"consensus\"\n\
             path = \"{0}/consensus.key\"\n",
            home.display()
        ),
    )
    .unwrap();

    let old_key = home.join("consensus.key");
    let import_key = ["key", "import", old_key.to_str().unwrap(), "keys/own.json"];
    let mut signer =
        Signer::set_up(&dir.path().join("signer"), CHAIN, std::slice::from_ref(&laddr), "", &[&import_key])
            .unwrap();
    let validator = Validator::Remote(signer.key.clone(), laddr);
    let mut node = network(dir.path(), &plan("1s"), &[validator]).unwrap().remove(0);
    signer.configure(&guard(&node)).unwrap();

    let mut start = Command::new(binaries::tmkms().unwrap());
    start.args(["start", "-c", "tmkms.toml"]).current_dir(&home);
    let old = Process::start("tmkms", &mut start, &home.join("log")).unwrap();
    node.start().unwrap();
    // The pause after a block is the moment in which nothing is being signed.
    node.reach(4, LIMIT).unwrap();
    node.stop().unwrap();
    old.terminate(Duration::from_secs(10)).unwrap();

    let state = home.join("state.json");
    let theirs: Value = serde_json::from_str(&fs::read_to_string(&state).unwrap()).unwrap();
    assert_eq!(theirs["step"], 2, "tmkms counts a precommit as 2: {theirs}");
    let said = run(&signer, &import(&state)).unwrap();
    assert!(said.contains("tmkms state (steps counted from 0)"), "{said}");
    let ours = mark(&signer);
    assert_eq!(ours["height"].to_string(), theirs["height"].as_str().unwrap());
    assert_eq!((&ours["step"], &ours["floor"]), (&"precommit".into(), &true.into()));
    goes_on(&mut node, &mut signer);
}

/// From one machine to another: export retires the state here, import makes it there, and no machine can sign with both.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn palisade_hands_its_key_over_to_itself() {
    let dir = Scratch::new().unwrap();
    let laddr = format!("tcp://{}", ports::address());
    let mut old = Signer::make(&dir.path().join("old"), CHAIN, std::slice::from_ref(&laddr)).unwrap();
    let validator = Validator::Remote(old.key.clone(), laddr.clone());
    let mut node = network(dir.path(), &plan("200ms"), &[validator]).unwrap().remove(0);
    old.start().unwrap();
    node.start().unwrap();
    node.reach(5, LIMIT).unwrap();

    let carried = dir.path().join("mark.json");
    let export = [
        "state",
        "export",
        "--config",
        "signer.toml",
        "--chain",
        CHAIN,
        "--out",
        carried.to_str().unwrap(),
        "--retire",
    ];
    let error = old.command(&export).unwrap_err().to_string();
    assert!(error.contains("in use by another process"), "{error}");
    node.stop().unwrap();
    old.stop().unwrap();
    old.command(&export).unwrap();

    let key = dir.path().join("old/keys/own.json");
    let import_key = ["key", "import", key.to_str().unwrap(), "keys/own.json"];
    let new = dir.path().join("new");
    let mut signer = Signer::set_up(&new, CHAIN, &[laddr], &guard(&node), &[&import_key]).unwrap();
    run(&signer, &import(&carried)).unwrap();
    let text = fs::read_to_string(&carried).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(mark(&signer)["sign_bytes"], file["sign_bytes"]);
    // The old machine has no state to start with.
    let error = old.command(&["run", "--config", "signer.toml"]).unwrap_err().to_string();
    assert!(error.contains("there is no state file"), "{error}");
    goes_on(&mut node, &mut signer);
}

/// A lost mark comes back out of the chain's own blocks.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_lost_mark_is_recovered_from_the_chain() {
    let dir = Scratch::new().unwrap();
    let laddr = format!("tcp://{}", ports::address());
    let mut signer = Signer::make(&dir.path().join("signer"), CHAIN, std::slice::from_ref(&laddr)).unwrap();
    // The one behind the signer is needed for no block.
    let mut validators = vec![Validator::Remote(signer.key.clone(), laddr)];
    validators.extend((0..3).map(|_| Validator::Local(PrivateKey::generate(&mut OsRng))));
    let mut nodes = network(dir.path(), &plan("100ms"), &validators).unwrap();
    signer.start().unwrap();
    for node in &mut nodes {
        node.start().unwrap();
    }
    nodes[1].reach(5, LIMIT).unwrap();
    signer.kill().unwrap();
    fs::remove_file(dir.path().join(format!("signer/state/{CHAIN}.mark"))).unwrap();

    let (one, two) = (format!("http://{}", nodes[1].rpc), format!("http://{}", nodes[2].rpc));
    let recover = [
        "state",
        "recover",
        "--config",
        "signer.toml",
        "--chain",
        CHAIN,
        "--rpc",
        &one,
        "--rpc",
        &two,
        "--margin",
        "3",
        "--i-stopped-the-old-signer",
        "--yes",
    ];
    let said = signer.command(&recover).unwrap();
    println!("{said}");
    assert!(said.contains("newest precommit of this key: height"), "{said}");
    let floor = mark(&signer)["height"].as_i64().unwrap();
    assert!(floor > nodes[1].height().unwrap() - 20 && floor > 7, "{floor}");
    signer.configure(&format!("rpc = [\"{one}\"]\ndoppelganger_blocks = 20\n")).unwrap();
    signer.start().unwrap();
    nodes[1].reach(floor + 10, LIMIT).unwrap();
    let address = signer.key.address().to_string();
    let signed = (floor + 1..floor + 8).filter(|at| {
        let commit = nodes[1].last_commit(*at).unwrap();
        commit.iter().any(|entry| entry["validator_address"] == *address && entry["block_id_flag"] == 2)
    });
    assert!(signed.count() > 0, "it does not sign above its floor\n{}", signer.tail());
    for node in &mut nodes {
        node.stop().unwrap();
    }
    signer.stop().unwrap();
}

/// The signer serves the node from here on, its doppelganger guard on, and not one block is anybody else's.
fn goes_on(node: &mut CometNode, signer: &mut Signer) {
    let before = mark(signer)["height"].as_i64().unwrap();
    signer.start().unwrap();
    node.start().unwrap();
    let height = node.reach(before + 6, LIMIT).unwrap_or_else(|error| {
        panic!("{error:#}\n--- signer:\n{}\n--- node:\n{}", signer.tail(), node.tail())
    });
    println!("moved at height {before}, now at {height}");
    assert_all_signed(node, height);
    // The node first: without its signer it does not even stop.
    node.stop().unwrap();
    signer.stop().unwrap();
    assert!(mark(signer)["height"].as_i64().unwrap() >= height);
}

/// The fleet of somebody who comes from tmkms: what its own `init` and the node's have written is read, and the draft stands up to the
/// audit and to a render.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_fleet_is_drafted_from_what_runs() {
    let scratch = Scratch::new().unwrap();
    let dir = scratch.path();
    let ran = |program: &Path, args: &[&str], code: i32| {
        let out = Command::new(program).args(args).current_dir(dir).output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(code), "{args:?}: {text}");
        text
    };
    let tmkms = binaries::tmkms().unwrap();
    ran(&tmkms, &["init", "kms"], 0);
    ran(&tmkms, &["init", "-n", "cosmoshub,osmosis", "two"], 0);
    let cometbft = binaries::cometbft().unwrap();
    ran(&cometbft, &["init", "--home", "node"], 0);
    let id = ran(&cometbft, &["show-node-id", "--home", "node"], 0);
    let config = dir.join("node/config/config.toml");
    let peers = format!("{:040x}@203.0.113.1:26656,{:040x}@198.51.100.2:26656", 1, 2);
    let text = fs::read_to_string(&config).unwrap();
    fs::write(config, text.replace("persistent_peers = \"\"", &format!("persistent_peers = \"{peers}\"")))
        .unwrap();

    let palisade = binaries::own("palisade").unwrap();
    let flags = [
        "init",
        "--from-tmkms",
        "kms/tmkms.toml",
        "--node-home",
        "node",
        "--node-line",
        "0.38",
        "--monitor",
        "mon-1",
    ];
    let text = ran(&palisade, &flags, 0);
    assert!(text.contains("wrote fleet.toml"), "{text}");
    let draft = fs::read_to_string(dir.join("fleet.toml")).unwrap();
    for line in [
        "id = \"cosmoshub-3\"",
        "# Found: tmkms holds the key in ",
        "public = [\"198.51.100.2\"]",
        &format!("id = \"{}\"", id.trim()),
    ] {
        assert!(draft.contains(line), "{line} is not in\n{draft}");
    }
    ran(&palisade, &["sentry", "audit", "fleet.toml"], 0);
    ran(&palisade, &["render", "fleet.toml", "--out", "tree"], 0);
    // There it is: nothing is written over.
    assert!(ran(&palisade, &flags, 2).contains("is there already"));
    let two = [
        "init",
        "--from-tmkms",
        "two/tmkms.toml",
        "--node-home",
        "node",
        "--node-line",
        "0.38",
        "--out",
        "b.toml",
    ];
    assert!(ran(&palisade, &two, 2).contains("signs for cosmoshub-3, osmosis-1\ntry: --chain"));
    ran(&palisade, &[&two[..], &["--chain", "osmosis-1"]].concat(), 0);
    ran(&palisade, &["render", "b.toml", "--out", "b"], 0);

    // Horcrux of version 3, with the names that its documentation gives.
    let horcrux = "signMode: threshold\nthresholdMode:\n  threshold: 2\n  cosigners:\n  - shardID: 1\n    p2pAddr: tcp://10.168.0.1:2222\n  \
                   grpcTimeout: 1000ms\n  raftTimeout: 1000ms\nchainNodes:\n- privValAddr: tcp://10.168.0.10:1234\n- privValAddr: tcp://10.168.0.11:1234\ndebugAddr: \"\"\n";
    fs::write(dir.join("config.yaml"), horcrux).unwrap();
    let from = [
        "init",
        "--from-horcrux",
        "config.yaml",
        "--node-home",
        "node",
        "--node-line",
        "0.37",
        "--out",
        "c.toml",
    ];
    // It does not say the chain, and nobody is there to be asked.
    assert!(ran(&palisade, &from, 2).contains("try: --chain"));
    ran(&palisade, &[&from[..], &["--chain", "c-1"]].concat(), 0);
    ran(&palisade, &["sentry", "audit", "c.toml"], 0);
    ran(&palisade, &["render", "c.toml", "--out", "c"], 0);
}
