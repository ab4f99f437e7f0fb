//! A threshold key on real nodes: a chain of every line makes blocks with a key that no machine has, while its cosigners are
//! killed one after the other, and no height, round and step is signed in two ways.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use palisade_tests::binaries;
use palisade_tests::comet_node::{Plan, Validator, network};
use palisade_tests::etcd::{self, Cluster};
use palisade_tests::http;
use palisade_tests::node_line::Line;
use palisade_tests::ports;
use palisade_tests::process::Process;
use palisade_tests::recorder::{Endpoint, Recorder};
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;

const CHAIN: &str = "palisade-frost";
const LIMIT: Duration = Duration::from_secs(60);
const COSIGNERS: u16 = 3;

macro_rules! tests {
    ($($name:ident: $line:expr,)*) => {$(
        #[test]
        #[ignore = "needs real nodes: tests/run, two at once"]
        fn $name() {
            blocks_while_cosigners_die($line, None);
        }
    )*};
}

tests! {
    v0_34_makes_blocks_with_a_threshold_key: Line::V0_34,
    v0_37_makes_blocks_with_a_threshold_key: Line::V0_37,
    v0_38_makes_blocks_with_a_threshold_key: Line::V0_38,
    v0_39_makes_blocks_with_a_threshold_key: Line::V0_39,
    v0_40_makes_blocks_with_a_threshold_key: Line::V0_40,
    v1_0_makes_blocks_with_a_threshold_key: Line::V1_0,
}

/// Signer and cosigners have the mark of a real etcd before their eyes.
#[test]
#[ignore = "needs real nodes: tests/run, two at once"]
fn v0_38_makes_blocks_with_a_threshold_key_and_its_mark_in_etcd() {
    let scratch = Scratch::new().unwrap();
    let mut cluster = Cluster::on_loopback(&scratch.path().join("etcd"), etcd::Line::V3_6, 3).unwrap();
    cluster.start().unwrap();
    blocks_while_cosigners_die(Line::V0_38, Some(&cluster));
    cluster.stop().unwrap();
}

fn palisade(dir: &Path, args: &[&str]) -> String {
    let out =
        Command::new(binaries::own("palisade-signer").unwrap()).args(args).current_dir(dir).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn cosigner(dir: &Path, id: u16) -> Process {
    let mut program = Command::new(binaries::own("palisade-signer").unwrap());
    program.args(["cosign", "--config", &format!("cosigner-{id}.toml")]).current_dir(dir);
    Process::start("cosigner", &mut program, &dir.join(format!("cosigner-{id}.log"))).unwrap()
}

fn blocks_while_cosigners_die(line: Line, shared: Option<&Cluster>) {
    let store = shared.map(|cluster| cluster.store("signer")).unwrap_or_default();
    let scratch = Scratch::new().unwrap();
    let dir = scratch.path().join("signer");
    std::fs::create_dir_all(&dir).unwrap();
    palisade(&dir, &["key", "generate", "keys/own.json"]);
    palisade(&dir, &["frost", "split", "keys/own.json", "--threshold", "2", "--of", "3", "--out", "shares"]);
    let signer_pin = palisade(&dir, &["frost", "identity", "identity.json"]);
    let mut links = Vec::new();
    for id in 1..=COSIGNERS {
        let (address, config) = (ports::address(), format!("cosigner-{id}.toml"));
        let pin = palisade(&dir, &["frost", "identity", &format!("identity-{id}.json")]);
        links.push(format!("{{ id = {id}, address = '{address}', pin = '{pin}' }}"));
        let text = format!(
            "listen = '{address}'\nstate_dir = 'state-{id}'\nidentity = 'identity-{id}.json'\n\
             share = 'shares/share-{id}.json'\nsigners = ['{signer_pin}']\nchains = ['{CHAIN}']\n{store}"
        );
        std::fs::write(dir.join(&config), text).unwrap();
        palisade(&dir, &["frost", "floor", "--config", &config, "--chain", CHAIN, "--height", "0"]);
    }
    let mut cosigners: Vec<Option<Process>> = (1..=COSIGNERS).map(|id| Some(cosigner(&dir, id))).collect();
    let backend = format!(
        "backend = 'frost'\ngroup = 'shares/group.json'\nidentity = 'identity.json'\ncosigners = [{}]\n",
        links.join(", ")
    );
    let (to_signer, to_node) = (Endpoint::Tcp(ports::address()), Endpoint::Tcp(ports::address()));
    let init: &[&str] = &["state", "init", "--config", "signer.toml", "--chain", CHAIN, "--height", "0"];
    let mut signer =
        Signer::with_backend(&dir, CHAIN, &[to_signer.url()], [&backend, &store], &[init]).unwrap();
    let plan = Plan {
        line,
        chain_id: CHAIN,
        proxy_app: "kvstore",
        vote_extensions: false,
        timeout_commit: "50ms",
        timeout_propose: Duration::from_secs(2),
    };
    let validator = Validator::Remote(signer.key.clone(), to_node.url());
    let mut node = network(scratch.path(), &plan, &[validator]).unwrap().remove(0);
    let recorder = Recorder::start(CHAIN, signer.key.clone(), &to_signer, to_node, 0).unwrap();
    signer.start().unwrap();
    node.start().unwrap();

    let mut height =
        node.reach(5, LIMIT).unwrap_or_else(|error| panic!("{line:?}: {error:#}\n{}", signer.tail()));
    for (index, id) in (1..=COSIGNERS).enumerate() {
        cosigners[index].take().unwrap().kill().unwrap();
        height = node
            .reach(height + 4, LIMIT)
            .unwrap_or_else(|error| panic!("{line:?}, without cosigner {id}: {error:#}\n{}", signer.tail()));
        cosigners[index] = Some(cosigner(&dir, id));
        // Back before the next one goes.
        let up = |signer: &Signer| {
            let metrics = signer.metrics()?;
            let labels = [("cosigner", id.to_string())];
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            Ok((metrics.value("palisade_signer_frost_cosigner_up", &labels) == Some(1.0)).then_some(()))
        };
        palisade_tests::process::until("the cosigner is back", LIMIT, || up(&signer)).unwrap();
    }
    rules_ask_for_what_there_is(&signer);
    if shared.is_some() {
        // Bound to another cluster than the one that answers, as after a backup came back there: nothing it says is an agreement.
        let pin = dir.join("state-1/etcd.cluster");
        let own = std::fs::read_to_string(&pin).unwrap();
        cosigners[0].take().unwrap().kill().unwrap();
        std::fs::write(&pin, "0123456789abcdef\n").unwrap();
        let bound = cosigner(&dir, 1);
        palisade_tests::process::until("a share that is not given", LIMIT, || {
            let said = bound.output()?;
            Ok(said.contains("this signer is bound to cluster 0123456789abcdef").then_some(()))
        })
        .unwrap();
        height = node.reach(height + 4, LIMIT).unwrap();
        std::fs::write(&pin, own).unwrap();
        cosigners[0] = Some(bound);
    }
    for id in 1..=COSIGNERS {
        let pin = std::fs::read_to_string(dir.join(format!("state-{id}/etcd.cluster")));
        assert_eq!(pin.is_ok_and(|pin| pin.trim().len() == 16), shared.is_some(), "bound to a cluster");
    }
    let record = recorder.record();
    println!(
        "{line:?}: {height} blocks, {} signatures for {} slots, {} refusals",
        record.signatures,
        record.released.len(),
        record.refusals.len()
    );
    assert_eq!(record.double_signs(), [], "one height, round and step in two ways");
    assert_eq!(record.forged, 0, "signatures that do not verify");
    // The node first: without its signer it does not even stop.
    node.stop().unwrap();
    signer.stop().unwrap();
    for cosigner in cosigners.into_iter().flatten() {
        assert!(cosigner.terminate(Duration::from_secs(10)).unwrap().success());
    }
}

/// The alerts on threshold keys name metrics that exist, also before anything has gone wrong.
fn rules_ask_for_what_there_is(signer: &Signer) {
    let rules = include_str!("../../examples/prometheus/palisade.rules.yml");
    let metrics = http::get(&signer.listen, "/metrics").unwrap();
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: Vec<&str> = words.filter(|word| word.starts_with("palisade_signer_frost_")).collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        assert!(
            metrics.contains(&format!("# TYPE {name} ")),
            "the rules ask for {name}, which nobody exposes"
        );
    }
}
