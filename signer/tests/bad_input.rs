//! Malformed handshakes and frames, each on a link of its own, to the real binary: each gets words of its own in the log, the other
//! link goes on signing, and the log at its most talkative holds neither key nor sign-bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;
#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use std::fs;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{
    canonical,
    privval::{PREVOTE, Sum},
};
use command::{CONFIG, OF, Signer, good, scene};
use node::{Listener, Node, eventually};
use requests::vote;

/// A hello of Tendermint 0.33.
const AMINO: [u8; 34] = {
    let mut hello = [9; 34];
    (hello[0], hello[1]) = (33, 32);
    hello
};

/// What a node sends, whether before or after the handshake, and what the log says of it.
const CASES: &[(&str, bool, &[u8], &str)] = &[
    (
        "another protocol",
        false,
        b"GET / HTTP/1.1\r\nHost: signer\r\n\r\n_________________________________",
        "hello is not an ephemeral key",
    ),
    ("no ephemeral key", false, &[0], "hello is not an ephemeral key"),
    (
        "a key of small order",
        false,
        &[
            34, 10, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0,
        ],
        "ephemeral key is of low order",
    ),
    ("a node of another line", false, &AMINO, "protocol = \"0.33\""),
    ("a frame without end", true, &[0xff; 12], "not a valid varint"),
    ("a frame of 2 GiB", true, &[0x80, 0x80, 0x80, 0x80, 8, 1], "frame of 2147483648 bytes, at most 2097152"),
    ("no protobuf", true, &[3, 0xff, 0xff, 0xff], "a message that no reply fits"),
    ("an empty message", true, &[0], "a message that no reply fits"),
];

fn signs(node: &mut Node, height: i64) -> Vec<u8> {
    let mut request = vote(PREVOTE, height, 0, 1, 0);
    request.chain_id = "akashnet-2".into();
    let bytes = canonical::vote("akashnet-2", request.vote.as_ref().unwrap());
    let Sum::SignedVoteResponse(answer) = node.ask(Sum::SignVoteRequest(request)) else { panic!("no vote") };
    assert_eq!(answer.error, None, "{height}");
    bytes
}

#[test]
fn each_malformed_input_has_its_words_and_the_other_links_go_on() {
    let dir = scene();
    let at = |name: &str| dir.path().join(name);
    let good_one = Listener::tcp();
    let bad_ones: Vec<_> = CASES.iter().map(|_| Listener::tcp()).collect();
    let nodes: Vec<_> = std::iter::once(&good_one).chain(&bad_ones).map(Listener::address).collect();
    let (head, _) = CONFIG.split_once("nodes = ").unwrap();
    fs::write(at("signer.toml"), format!("{head}nodes = {nodes:?}\n")).unwrap();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    let log = fs::File::create(at("log")).unwrap();
    let mut command = command::command(dir.path(), "run --config signer.toml --log-format json");
    let mut signer = Signer(command.env("RUST_LOG", "trace").stderr(log).spawn().unwrap());
    let mut node = good_one.accept();
    let mut sign_bytes = vec![signs(&mut node, 6)];
    for (height, ((what, after, bytes, says), listener)) in (7..).zip(CASES.iter().zip(&bad_ones)) {
        if *after {
            listener.accept().send(bytes);
        } else {
            let mut socket = listener.accept_raw();
            socket.write_all(bytes);
            // The signer hangs up, having said its own hello.
            while socket.read(&mut [0; 64]) > 0 {}
        }
        let address = format!("\"node\":\"{}\"", listener.address());
        eventually(what, || {
            let log = fs::read_to_string(at("log")).unwrap();
            let mut lines = log.lines().filter(|line| line.contains(&address));
            lines.any(|line| line.contains("\"reason\":") && line.replace("\\\"", "\"").contains(says))
        });
        sign_bytes.push(signs(&mut node, height));
    }
    good(&dir, "drain --config signer.toml");
    assert!(signer.0.wait().unwrap().success());

    let log = fs::read_to_string(at("log")).unwrap();
    assert!(log.contains("\"level\":\"DEBUG\""), "{log}");
    let key: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(at("keys/akash.json")).unwrap()).unwrap();
    let secret = BASE64_STANDARD.decode(key["priv_key"]["value"].as_str().unwrap()).unwrap();
    for secret in std::iter::once(&secret[..32]).chain(sign_bytes.iter().map(Vec::as_slice)) {
        let as_list = format!("{:?}", &secret[..8]);
        let forms = [
            hex::encode(&secret[..16]),
            hex::encode_upper(&secret[..16]),
            BASE64_STANDARD.encode(&secret[..15]),
            as_list.trim_matches(['[', ']']).into(),
        ];
        for form in forms {
            assert!(!log.contains(&form), "{form} is in the log");
        }
    }
}
