//! A whole signer in this process, with nodes that listen for it.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use comet::{
    canonical,
    consensus::{KeyType, PublicKey},
    privval::{
        PRECOMMIT, PREVOTE, PubKeyRequest, PublicKeySum, SignBytesRequest, SignProposalRequest,
        SignVoteRequest, Sum, Vote,
    },
};
use node::{Listener, Node, eventually};
use palisade_signer::{
    config::Config,
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
    config: Config,
    public: PublicKey,
    running: Option<Running>,
}

/// A signer with a fresh key and state, for these nodes.
fn signer(dir: TempDir, nodes: &[&Listener]) -> Scene {
    let public = key_cmd::generate(&dir.path().join("key.json"), KeyType::Ed25519).unwrap();
    let nodes: Vec<_> = nodes.iter().map(|node| node.address()).collect();
    let text = format!(
        "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n[[key]]\nname = \"k\"\nbackend = \"softsign\"\npath = \"key.json\"\n\
         [[chain]]\nid = \"{CHAIN}\"\nkey = \"k\"\nnodes = {nodes:?}\n"
    );
    let config = Config::parse(&text, dir.path()).unwrap();
    Target::find(&config, CHAIN).unwrap().init(Hrs::whole_height(0), false).unwrap();
    let mut scene = Scene { dir, config, public, running: None };
    scene.start();
    scene
}

fn one_node() -> (Scene, Node, Listener) {
    let listener = Listener::tcp();
    let scene = signer(tempfile::tempdir().unwrap(), &[&listener]);
    let node = listener.accept();
    (scene, node, listener)
}

impl Scene {
    fn start(&mut self) {
        self.running = Some(run::start(&self.config, "test").unwrap());
    }

    fn stop(&mut self) {
        self.running = None;
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.running.as_ref().unwrap().listen()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn check(&self, vote: &Vote) {
        assert!(self.public.verify(&canonical::vote(CHAIN, vote), &vote.signature), "{vote:?}");
    }
}

fn signed(answer: Sum) -> Vote {
    let Sum::SignedVoteResponse(answer) = answer else { panic!("{answer:?}") };
    assert_eq!(answer.error, None);
    answer.vote.expect("a vote")
}

fn ask_vote(request: SignVoteRequest) -> Sum {
    Sum::SignVoteRequest(request)
}

#[test]
fn tcp_and_unix_serve_the_key_in_both_dialects() {
    let dir = tempfile::tempdir().unwrap();
    let (tcp, unix) = (Listener::tcp(), Listener::unix(&dir.path().join("n.sock")));
    let scene = signer(dir, &[&tcp, &unix]);
    for listener in [tcp, unix] {
        let mut node = listener.accept();
        node.ping();
        let asked = Sum::PubKeyRequest(PubKeyRequest { chain_id: CHAIN.into() });
        let Sum::PubKeyResponse(answer) = node.ask(asked) else { panic!("not a key") };
        let bytes = scene.public.as_bytes().to_vec();
        assert_eq!(answer.pub_key.unwrap().sum, Some(PublicKeySum::Ed25519(bytes.clone())));
        assert_eq!((answer.pub_key_bytes, answer.pub_key_type.as_str()), (bytes, "ed25519"));
        assert_eq!(answer.error, None);
    }
}

#[test]
fn a_round_is_signed() {
    let (scene, mut node, _listener) = one_node();
    let asked = Sum::SignProposalRequest(proposal_message(1, 0, 1, 0));
    let Sum::SignedProposalResponse(answer) = node.ask(asked) else { panic!("not a proposal") };
    let proposal = answer.proposal.unwrap();
    assert!(scene.public.verify(&canonical::proposal(CHAIN, &proposal), &proposal.signature));
    let prevote = signed(node.ask(ask_vote(vote(PREVOTE, 1, 0, 1, 0))));
    scene.check(&prevote);
    assert!(prevote.extension_signature.is_empty());
    let precommit = signed(node.ask(ask_vote(vote(PRECOMMIT, 1, 0, 1, 0))));
    scene.check(&precommit);
    let extension = canonical::extension(CHAIN, 1, 0, b"");
    assert!(scene.public.verify(&extension, &precommit.extension_signature), "also an empty extension");
    let nil = signed(node.ask(ask_vote(vote(PRECOMMIT, 2, 0, 0, 0))));
    scene.check(&nil);
    assert!(nil.extension_signature.is_empty(), "never on nil");
    let skip = SignVoteRequest { skip_extension_signing: true, ..vote(PRECOMMIT, 3, 0, 1, 0) };
    assert!(signed(node.ask(ask_vote(skip))).extension_signature.is_empty());
}

#[test]
fn refusals_keep_the_connection() {
    let (scene, mut node, _listener) = one_node();
    scene.check(&signed(node.ask(ask_vote(vote(PREVOTE, 5, 0, 1, 0)))));

    let other = |mut request: SignVoteRequest| {
        request.chain_id = "other-1".into();
        ask_vote(request)
    };
    let proposal = |request: SignProposalRequest| Sum::SignProposalRequest(request);
    for (asked, code, says) in [
        (Sum::PubKeyRequest(PubKeyRequest { chain_id: "other-1".into() }), 0, "other-1"),
        (other(vote(PREVOTE, 6, 0, 1, 0)), 0, "other-1"),
        (ask_vote(vote(PREVOTE, 4, 0, 1, 0)), 0, "height regression"),
        (proposal(proposal_message(5, 0, 1, 0)), 0, "step regression"),
        (ask_vote(vote(PREVOTE, 5, 0, 2, 0)), 2, "double sign prevented"),
        (ask_vote(vote(PREVOTE, 5, 0, 0, 0)), 2, "double sign prevented"),
        (ask_vote(vote(0, 6, 0, 1, 0)), 0, "type 0"),
        (Sum::SignBytesRequest(SignBytesRequest { value: vec![1], ..Default::default() }), 0, "raw bytes"),
    ] {
        let error = node.refused(asked);
        assert!(error.code == code && error.description.contains(says), "{says}: {error:?}");
    }
    // A body that is no protobuf, but whose first byte says what it wanted to be: a vote with a length that does not fit.
    node.send(&[3, 0x1a, 0x7f, 0x00]);
    let Some(Sum::SignedVoteResponse(answer)) = node.receive() else { panic!("no answer") };
    assert_eq!(answer.error.unwrap().description, "message cannot be decoded");

    scene.check(&signed(node.ask(ask_vote(vote(PRECOMMIT, 5, 0, 2, 0)))));
    let lines = [
        "palisade_signer_requests_total{chain_id=\"test-1\",reason=\"\",result=\"signed\",type=\"prevote\"} 1",
        "palisade_signer_requests_total{chain_id=\"test-1\",reason=\"conflicting_block\",result=\"refused\",type=\"prevote\"} 2",
        "palisade_signer_requests_total{chain_id=\"test-1\",reason=\"wrong_chain\",result=\"invalid\",type=\"vote\"} 1",
        "palisade_signer_double_sign_prevented_total{chain_id=\"test-1\",reason=\"conflicting_block\"} 2",
        "palisade_signer_last_signed_height{chain_id=\"test-1\"} 5",
        "palisade_signer_last_signed_step{chain_id=\"test-1\"} 3",
        "palisade_signer_request_duration_seconds_count{chain_id=\"test-1\",phase=\"persist\"} 2",
        "palisade_signer_key_stopped{key=\"k\"} 0",
    ];
    // The reply leaves before it is counted, so that nobody waits for the counting.
    let missing = |metrics: &str| lines.into_iter().find(|line| !metrics.contains(&format!("{line}\n")));
    for _ in 0..100 {
        if missing(&scene.get("/metrics")).is_none() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let metrics = scene.get("/metrics");
    assert_eq!(missing(&metrics), None, "{metrics}");
}

#[test]
fn two_nodes_get_the_same_vote() {
    let (one, two) = (Listener::tcp(), Listener::tcp());
    let scene = signer(tempfile::tempdir().unwrap(), &[&one, &two]);
    let (mut one, mut two) = (one.accept(), two.accept());
    for height in 1..20 {
        for r#type in [PREVOTE, PRECOMMIT] {
            let first = signed(one.ask(ask_vote(vote(r#type, height, 0, 1, height))));
            let second = signed(two.ask(ask_vote(vote(r#type, height, 0, 1, height + 1))));
            scene.check(&first);
            assert_eq!(first, second, "one signature and one timestamp for one vote");
        }
    }
    // The second node has another block: refused, and served again at the next step.
    signed(one.ask(ask_vote(vote(PREVOTE, 20, 0, 1, 0))));
    assert_eq!(two.refused(ask_vote(vote(PREVOTE, 20, 0, 2, 0))).code, 2);
    signed(two.ask(ask_vote(vote(PRECOMMIT, 20, 0, 1, 0))));
}

#[test]
fn hung_nodes_do_not_slow_another() {
    let listeners: Vec<_> = (0..4).map(|_| Listener::tcp()).collect();
    let scene = signer(tempfile::tempdir().unwrap(), &listeners.iter().collect::<Vec<_>>());
    // One never shakes hands, one stops in the middle of a frame, one asks and never reads.
    let _mute = listeners[0].accept_raw();
    let mut half = listeners[1].accept();
    half.send(&[200, 1, 0x1a]);
    let mut deaf = listeners[2].accept();
    for height in 1..50 {
        deaf.send(&comet::frame::encode(&comet::privval::Message::of(ask_vote(vote(
            PREVOTE, height, 0, 1, 0,
        )))));
    }
    let mut node = listeners[3].accept();
    let mut slowest = Duration::ZERO;
    for height in 100..200 {
        let start = Instant::now();
        scene.check(&signed(node.ask(ask_vote(vote(PREVOTE, height, 0, 1, 0)))));
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[test]
fn a_lost_link_comes_back() {
    let (scene, mut node, listener) = one_node();
    signed(node.ask(ask_vote(vote(PREVOTE, 1, 0, 1, 0))));
    node.close();
    // A message that no reply fits ends the connection, and so does a frame that is too large.
    for bad in [&[2, 0x42, 0][..], &[0xff, 0xff, 0xff, 0x7f]] {
        let mut node = listener.accept();
        node.ping();
        node.send(bad);
        assert_eq!(node.receive(), None);
    }
    // Garbage in the place of a handshake too.
    let mut garbage = listener.accept_raw();
    garbage.write_all(&[0x22; 35]);
    let mut node = listener.accept();
    scene.check(&signed(node.ask(ask_vote(vote(PRECOMMIT, 1, 0, 1, 0)))));
    eventually("links are counted", || {
        scene.get("/metrics").contains("_node_connects_total{chain_id=\"test-1\",node=\"")
    });
}

#[test]
fn marks_survive_a_restart() {
    let (mut scene, mut node, listener) = one_node();
    let first = signed(node.ask(ask_vote(vote(PREVOTE, 7, 0, 1, 3))));
    let identity = std::fs::read(scene.dir.path().join("state/link_identity.json")).unwrap();
    scene.stop();
    assert_eq!(node.receive(), None);
    scene.start();
    let mut node = listener.accept();
    assert_eq!(signed(node.ask(ask_vote(vote(PREVOTE, 7, 0, 1, 9)))), first);
    assert_eq!(node.refused(ask_vote(vote(PREVOTE, 7, 0, 2, 3))).code, 2);
    assert_eq!(std::fs::read(scene.dir.path().join("state/link_identity.json")).unwrap(), identity);
}

#[test]
fn the_largest_extension_is_signed_and_not_sent_back() {
    let dir = tempfile::tempdir().unwrap();
    let unix = Listener::unix(&dir.path().join("n.sock"));
    let tcp = Listener::tcp();
    let scene = signer(dir, &[&unix, &tcp]);
    for (height, listener) in [(1, unix), (2, tcp)] {
        let mut node = listener.accept();
        let mut request = vote(PRECOMMIT, height, 0, 1, 0);
        let extension = vec![0xab; 1024 * 1024];
        request.vote.as_mut().unwrap().extension.clone_from(&extension);
        let vote = signed(node.ask(ask_vote(request.clone())));
        assert!(vote.extension.is_empty());
        let sign_bytes = canonical::extension(CHAIN, height, 0, &extension);
        assert!(scene.public.verify(&sign_bytes, &vote.extension_signature));
        // One byte more is refused; another extension for the same block is signed anew.
        request.vote.as_mut().unwrap().extension.push(1);
        assert!(node.refused(ask_vote(request.clone())).description.contains("1048577 bytes"));
        request.vote.as_mut().unwrap().extension = b"other".to_vec();
        let again = signed(node.ask(ask_vote(request)));
        assert_eq!(again.signature, vote.signature);
        let counted = format!("_vote_extension_resigned_total{{chain_id=\"{CHAIN}\"}} {height}\n");
        eventually("counted after the reply", || scene.get("/metrics").contains(&counted));
        assert!(
            scene
                .public
                .verify(&canonical::extension(CHAIN, height, 0, b"other"), &again.extension_signature)
        );
    }
}

#[test]
fn readiness_needs_a_node() {
    let listener = Listener::tcp();
    let scene = signer(tempfile::tempdir().unwrap(), &[&listener]);
    assert!(scene.get("/livez").starts_with("HTTP/1.1 200"));
    let answer = scene.get("/readyz");
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("chain test-1 has no node connected\n"),
        "{answer}"
    );
    let mut node = listener.accept();
    node.ping();
    eventually("ready", || scene.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(scene.get("/metrics").contains("palisade_signer_node_silence_seconds{"));
    drop(listener);
    node.close();
    eventually("not ready", || scene.get("/readyz").starts_with("HTTP/1.1 503"));
    assert!(!scene.get("/metrics").contains("palisade_signer_node_silence_seconds{"), "unknown is absent");
    assert!(scene.get("/other").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_silent_node_is_dialled_anew() {
    let (_scene, node, listener) = one_node();
    let start = Instant::now();
    let mut second = listener.accept();
    second.ping();
    let silence = start.elapsed();
    assert!((11.5..15.0).contains(&silence.as_secs_f64()), "{silence:?}");
    drop(node);
}

#[test]
fn stopping_is_prompt_whatever_the_links_do() {
    let dir = tempfile::tempdir().unwrap();
    let (served, mute) = (Listener::tcp(), Listener::tcp());
    let gone = Listener::unix(&dir.path().join("gone.sock"));
    let mut scene = signer(dir, &[&served, &mute, &gone]);
    drop(gone);
    std::fs::remove_file(scene.dir.path().join("gone.sock")).unwrap();
    let mut node = served.accept();
    node.ping();
    let _mute = mute.accept_raw();
    let start = Instant::now();
    scene.stop();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}
