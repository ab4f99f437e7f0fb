//! Raw bytes: nothing by default, what is named if it is named, and never a vote.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use std::path::Path;

use comet::{
    canonical,
    consensus::KeyType,
    privval::{PRECOMMIT, SignBytesRequest, Sum},
    raw_bytes::{DOMAIN, celestia_sign_bytes},
};
use node::Listener;
use palisade_signer::{
    config::Config,
    io::{key_cmd, run, state_cmd::Target},
    mark::Hrs,
    raw_bytes::{RawBytes, RawRawBytes, RawRefusal},
};
use proptest::prelude::*;
use requests::{CHAIN, proposal_message, vote};

fn config(nodes: &str, raw_bytes: &str, dir: &Path) -> Result<Config, String> {
    let text = format!(
        "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n[[key]]\nname = \"k\"\nbackend = \"softsign\"\npath = \"key.json\"\n\
         [[chain]]\nid = \"{CHAIN}\"\nkey = \"k\"\nnodes = [{nodes:?}]\n{raw_bytes}\n"
    );
    Config::parse(&text, dir).map_err(|error| error.to_string())
}

fn v1(value: &[u8]) -> SignBytesRequest {
    SignBytesRequest { value: value.into(), ..Default::default() }
}

fn celestia(chain_id: &str, raw_bytes: &[u8], unique_id: &str) -> SignBytesRequest {
    SignBytesRequest { value: chain_id.into(), raw_bytes: raw_bytes.into(), unique_id: unique_id.into() }
}

#[test]
fn configurations() {
    let says = |raw_bytes: &str| config("tcp://127.0.0.1:1", raw_bytes, Path::new("/")).unwrap_err();
    for (raw_bytes, expect) in [
        (r#"raw_bytes = { dialect = "v1", prefixes = [] }"#, "allows nothing"),
        (r#"raw_bytes = { dialect = "v1", prefixes = ["GOOD/", ""] }"#, "allows nothing"),
        (r#"raw_bytes = { dialect = "celestia", unique_ids = [""] }"#, "allows nothing"),
        (r#"raw_bytes = { dialect = "v1", prefixes = ["abc"] }"#, "shorter than 4 bytes"),
        (
            r#"raw_bytes = { dialect = "v1", prefixes = ["GOOD/", "A2Bx"] }"#,
            "could be the beginning of a vote",
        ),
        (
            r#"raw_bytes = { dialect = "v1", prefixes = ["n\u0008\u0002\u0011"] }"#,
            "could be the beginning of a vote",
        ),
        (r#"raw_bytes = { dialect = "v2", prefixes = ["GOOD/"] }"#, "unknown variant `v2`"),
        (r#"raw_bytes = { prefixes = ["GOOD/"] }"#, "missing field `dialect`"),
        (r#"raw_bytes = { dialect = "v1", prefixes = ["GOOD/"], all = true }"#, "unknown field `all`"),
        (r#"raw_bytes = { dialect = "celestia", prefixes = ["GOOD/"] }"#, "unknown field `prefixes`"),
        ("raw_bytes = true", "raw_bytes = true"),
    ] {
        let error = says(raw_bytes);
        assert!(error.contains(expect), "{raw_bytes}: {error}");
    }
    let none = config("tcp://127.0.0.1:1", "", Path::new("/")).unwrap();
    assert_eq!(none.chains[0].raw_bytes, RawBytes::Refused);
}

#[test]
fn judgements() {
    let v1_only = RawRawBytes::V1 { prefixes: vec!["APP/".into(), "OTHER/".into()] }.resolve().unwrap();
    let purpose = RawRawBytes::Celestia { unique_ids: vec!["u/p:0".into()] }.resolve().unwrap();
    for (policy, request, expect) in [
        (&RawBytes::Refused, v1(b"APP/x"), Err(RawRefusal::NotAllowed)),
        (&RawBytes::Refused, celestia(CHAIN, b"x", "u/p:0"), Err(RawRefusal::NotAllowed)),
        (&v1_only, v1(b"APP/x"), Ok(b"APP/x".to_vec())),
        (&v1_only, v1(b"OTHER/"), Ok(b"OTHER/".to_vec())),
        (&v1_only, v1(b"APP"), Err(RawRefusal::Unlisted)),
        (&v1_only, v1(b""), Err(RawRefusal::Unlisted)),
        (&v1_only, v1(b"xAPP/"), Err(RawRefusal::Unlisted)),
        (&v1_only, celestia("APP/", b"x", "u/p:0"), Err(RawRefusal::Dialect)),
        (&v1_only, celestia("APP/", b"", "u/p:0"), Err(RawRefusal::Dialect)),
        (&purpose, celestia(CHAIN, b"x", "u/p:0"), Ok(celestia_sign_bytes(CHAIN, "u/p:0", b"x"))),
        (&purpose, celestia("other-1", b"x", "u/p:0"), Err(RawRefusal::WrongChain)),
        (&purpose, celestia(CHAIN, b"x", "u/p:1"), Err(RawRefusal::Unlisted)),
        (&purpose, celestia(CHAIN, b"", "u/p:0"), Err(RawRefusal::Dialect)),
        (&purpose, celestia(CHAIN, b"x", ""), Err(RawRefusal::Dialect)),
        (&purpose, v1(b"x"), Err(RawRefusal::Dialect)),
    ] {
        let said = policy.judge(CHAIN, &request).map(|permit| permit.sign_bytes().to_vec());
        assert_eq!(said, expect, "{policy:?} {request:?}");
    }
}

prop_compose! {
    fn consensus()(
        r#type in 1..3i32, height in 1..i64::MAX, round in 0..i32::MAX, which in 0..255u8,
        extension in prop::collection::vec(any::<u8>(), 0..300), kind in 0..3,
    ) -> Vec<u8> {
        match kind {
            0 => canonical::vote(CHAIN, &vote(r#type, height, round, which, 0).vote.unwrap()),
            1 => canonical::proposal(CHAIN, &proposal_message(height, round, which, 0).proposal.unwrap()),
            _ => canonical::extension(CHAIN, height, round, &extension),
        }
    }
}

proptest! {
    /// No beginning of a vote can be configured as a prefix.
    #[test]
    fn no_prefix_lets_a_vote_through(bytes in consensus(), cut in 0usize..200) {
        // The longest beginning of the vote that is text at all, up to `cut`: what an operator could be talked into.
        let head = &bytes[..cut.min(bytes.len())];
        let text = (0..=head.len()).rev().find_map(|end| std::str::from_utf8(&head[..end]).ok()).unwrap();
        let resolved = RawRawBytes::V1 { prefixes: vec![text.into()] }.resolve();
        prop_assert!(resolved.is_err());
        // Also past the configuration's own check.
        let forced = RawBytes::V1(vec![text.into()]);
        prop_assert_eq!(forced.judge(CHAIN, &v1(&bytes)), Err(RawRefusal::CouldBeVote));
    }

    /// Whatever a node asks for: what is signed is not what any vote's signature is over.
    #[test]
    fn what_is_signed_is_no_vote(bytes in consensus(), prefix in "\\PC{4,12}", unique_id in "\\PC{1,20}") {
        let purpose = RawRawBytes::Celestia { unique_ids: vec![unique_id.clone()] }.resolve().unwrap();
        let permit = purpose.judge(CHAIN, &celestia(CHAIN, &bytes, &unique_id)).unwrap();
        prop_assert!(permit.sign_bytes().starts_with(DOMAIN) && permit.sign_bytes() != bytes);
        if let Ok(policy) = (RawRawBytes::V1 { prefixes: vec![prefix.clone()] }).resolve() {
            let value = [prefix.as_bytes(), &bytes].concat();
            let permit = policy.judge(CHAIN, &v1(&value)).unwrap();
            prop_assert_eq!(canonical::read(permit.sign_bytes()), None);
            prop_assert!(policy.judge(CHAIN, &v1(&bytes)).is_err());
        }
    }
}

#[test]
fn a_node_gets_what_its_chain_allows() {
    for (raw_bytes, allowed, sign_bytes, refused) in [
        (
            r#"raw_bytes = { dialect = "v1", prefixes = ["APP/"] }"#,
            v1(b"APP/hello"),
            b"APP/hello".to_vec(),
            celestia(CHAIN, b"hello", "u/p:0"),
        ),
        (
            r#"raw_bytes = { dialect = "celestia", unique_ids = ["u/p:0"] }"#,
            celestia(CHAIN, b"hello", "u/p:0"),
            celestia_sign_bytes(CHAIN, "u/p:0", b"hello"),
            v1(b"APP/hello"),
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let listener = Listener::tcp();
        let public = key_cmd::generate(&dir.path().join("key.json"), KeyType::Ed25519).unwrap();
        let config = config(&listener.address(), raw_bytes, dir.path()).unwrap();
        Target::find(&config, CHAIN).unwrap().init(Hrs::whole_height(0), false).unwrap();
        let _running = run::start(&config, "test").unwrap();
        let mut node = listener.accept();

        let Sum::SignBytesResponse(answer) = node.ask(Sum::SignBytesRequest(allowed)) else { panic!() };
        assert_eq!(answer.error, None);
        assert!(public.verify(&sign_bytes, &answer.signature));
        let error = node.refused(Sum::SignBytesRequest(refused));
        assert!(error.description.contains("dialect"), "{error:?}");
        // A vote in the place of raw bytes is refused, and signed as what it is.
        let precommit = vote(PRECOMMIT, 1, 0, 1, 0);
        let disguised = canonical::vote(CHAIN, precommit.vote.as_ref().unwrap());
        node.refused(Sum::SignBytesRequest(v1(&disguised)));
        let Sum::SignedVoteResponse(answer) = node.ask(Sum::SignVoteRequest(precommit)) else { panic!() };
        assert!(public.verify(&disguised, &answer.vote.unwrap().signature));
    }
}
