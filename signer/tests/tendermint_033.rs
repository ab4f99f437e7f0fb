//! A whole signer in this process for nodes of Tendermint 0.33, which speak amino and sign other bytes.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use comet::{
    canonical,
    consensus::{KeyType, PublicKey},
    privval::{PRECOMMIT, PREVOTE, PubKeyRequest, PublicKeySum, Sum, Vote},
    secret::Dialect,
};
use node::{Listener, Node};
use palisade_signer::{
    config::{Config, ConfigError},
    io::{
        key_cmd,
        run::{self, Running},
        state_cmd::Target,
    },
    mark::Hrs,
};
use requests::{CHAIN, proposal_message, vote};
use tempfile::TempDir;

struct Scene {
    dir: TempDir,
    public: PublicKey,
    running: Option<Running>,
}

fn config(nodes: &str) -> String {
    format!(
        "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n[[key]]\nname = \"k\"\nbackend = \"softsign\"\npath = \"key.json\"\n\
         [[chain]]\nid = \"{CHAIN}\"\nkey = \"k\"\nnodes = [{nodes}]\n"
    )
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let public = key_cmd::generate(&dir.path().join("key.json"), KeyType::Ed25519).unwrap();
        let config = Config::parse(&config("\"tcp://127.0.0.1:1\""), dir.path()).unwrap();
        Target::find(&config, CHAIN).unwrap().init(Hrs::whole_height(0), false).unwrap();
        Self { dir, public, running: None }
    }

    /// Runs it for these nodes, as `nodes` has them in the file.
    fn run(&mut self, nodes: &str) {
        self.running = None;
        let config = Config::parse(&config(nodes), self.dir.path()).unwrap();
        self.running = Some(run::start(&config, "test").unwrap());
    }

    fn for_033(&mut self, listener: &Listener) -> Node {
        self.run(&format!("{{ addr = \"{}\", protocol = \"0.33\" }}", listener.address()));
        listener.accept_in(Dialect::Amino)
    }
}

fn signed(answer: Sum) -> Vote {
    let Sum::SignedVoteResponse(answer) = answer else { panic!("{answer:?}") };
    assert_eq!(answer.error, None);
    answer.vote.expect("a vote")
}

fn a_round(scene: &Scene, node: &mut Node) {
    node.ping();
    let asked = Sum::PubKeyRequest(PubKeyRequest::default());
    let Sum::PubKeyResponse(answer) = node.ask(asked) else { panic!("not a key") };
    assert_eq!(answer.pub_key.unwrap().sum, Some(PublicKeySum::Ed25519(scene.public.as_bytes().to_vec())));

    let asked = Sum::SignProposalRequest(proposal_message(1, 0, 1, 0));
    let Sum::SignedProposalResponse(answer) = node.ask(asked) else { panic!("not a proposal") };
    let proposal = answer.proposal.unwrap();
    assert!(scene.public.verify(&canonical::amino::proposal(CHAIN, &proposal), &proposal.signature));

    for (r#type, which) in [(PREVOTE, 1), (PRECOMMIT, 1)] {
        let asked = vote(r#type, 1, 0, which, 0);
        let answer = signed(node.ask(Sum::SignVoteRequest(asked.clone())));
        assert!(scene.public.verify(&canonical::amino::vote(CHAIN, &answer), &answer.signature));
        assert!(answer.extension_signature.is_empty(), "0.33 has no extensions");
        // The node takes the whole vote from the answer, so it has to be the one that it asked about.
        let whole = Vote { signature: answer.signature.clone(), ..asked.vote.unwrap() };
        assert_eq!(answer, whole);
    }
    let error = node.refused(Sum::SignVoteRequest(vote(PRECOMMIT, 1, 0, 2, 0)));
    assert!(error.description.starts_with("double sign prevented"), "{error:?}");
    node.ping();
}

#[test]
fn a_round_is_signed_over_tcp() {
    let (mut scene, listener) = (Scene::new(), Listener::tcp());
    let mut node = scene.for_033(&listener);
    a_round(&scene, &mut node);
}

#[test]
fn a_round_is_signed_over_a_unix_socket() {
    let mut scene = Scene::new();
    let listener = Listener::unix(&scene.dir.path().join("n.sock"));
    let mut node = scene.for_033(&listener);
    a_round(&scene, &mut node);
}

/// The operator takes the protocol out of the file, and the chain's node asks again for what was signed: the bytes would be
/// others, so there is no second signature, and the next height goes on.
#[test]
fn a_chain_that_leaves_0_33_never_signs_twice() {
    let (mut scene, listener) = (Scene::new(), Listener::tcp());
    let mut node = scene.for_033(&listener);
    let asked = || Sum::SignVoteRequest(vote(PREVOTE, 5, 0, 1, 0));
    let old = signed(node.ask(asked()));
    assert!(scene.public.verify(&canonical::amino::vote(CHAIN, &old), &old.signature));
    let nil = signed(node.ask(Sum::SignVoteRequest(vote(PRECOMMIT, 5, 0, 0, 0))));
    drop(node);

    scene.run(&format!("{:?}", listener.address()));
    let mut node = listener.accept();
    let error = node.refused(asked());
    assert!(error.description.contains("step regression"), "{error:?}");
    let again = signed(node.ask(Sum::SignVoteRequest(vote(PRECOMMIT, 5, 0, 0, 9))));
    assert_eq!((again.timestamp, again.signature), (nil.timestamp, nil.signature), "nil is one message");
    let error = node.refused(Sum::SignVoteRequest(vote(PRECOMMIT, 5, 0, 1, 0)));
    assert_eq!(error.code, 2, "{error:?}");
    let next = signed(node.ask(Sum::SignVoteRequest(vote(PREVOTE, 6, 0, 1, 0))));
    assert!(scene.public.verify(&canonical::vote(CHAIN, &next), &next.signature));
}

#[test]
fn a_malformed_request_is_answered_and_the_link_goes_on() {
    let (mut scene, listener) = (Scene::new(), Listener::tcp());
    let mut node = scene.for_033(&listener);
    // A vote with a round above 32 bits, and one with a field that 0.33 does not have.
    for fields in
        [&[0x08, 0x01, 0x10, 0x07, 0x18, 0x85, 0x80, 0x80, 0x80, 0x10][..], &[0x08, 0x01, 0x4a, 0x01, 0x00]]
    {
        let length = u8::try_from(fields.len()).unwrap();
        let body = [&[0xf3, 0xf4, 0x12, 0x04, 0x0a, length][..], fields].concat();
        node.send(&comet::frame::delimited(&body));
        let Some(Sum::SignedVoteResponse(answer)) = node.receive() else { panic!("no answer") };
        assert_eq!(answer.error.unwrap().description, "message cannot be decoded");
    }
    node.ping();
}

#[test]
fn a_chain_has_one_protocol() {
    let parse = |nodes: &str| Config::parse(&config(nodes), std::path::Path::new("/etc"));
    let old = "{ addr = \"tcp://a:1\", protocol = \"0.33\" }";
    assert_eq!(parse(old).unwrap().chains[0].dialect, Dialect::Amino);
    assert_eq!(parse("{ addr = \"tcp://a:1\" }, \"tcp://b:1\"").unwrap().chains[0].dialect, Dialect::Proto);
    for mixed in [format!("{old}, \"tcp://b:1\""), format!("{{ addr = \"tcp://b:1\" }}, {old}")] {
        assert!(matches!(parse(&mixed), Err(ConfigError::MixedProtocols(chain)) if chain == CHAIN));
    }
    let error = parse("{ addr = \"tcp://a:1\", protocol = \"0.34\" }").unwrap_err();
    assert!(matches!(error, ConfigError::Protocol { .. }), "{error}");
    for (bad, says) in [
        (
            "{ addr = \"tcp://a:1\", version = \"0.33\" }",
            "unknown field `version`, expected `addr` or `protocol`",
        ),
        ("{ protocol = \"0.33\" }", "missing field `addr`"),
        ("26659", "expected an address, or a table with addr and protocol"),
    ] {
        let error = parse(bad).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
