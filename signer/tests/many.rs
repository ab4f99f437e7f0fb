//! Many chains, many keys, many nodes in one process: each node gets its own chain's key and signatures, all at the same time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use std::sync::{Arc, Barrier};

use comet::{
    canonical,
    consensus::{KeyType, PublicKey},
    privval::{PREVOTE, PubKeyRequest, Sum},
};
use node::{Listener, Node};
use palisade_signer::{
    config::Config,
    io::{key_cmd, run, state_cmd::Target},
    mark::Hrs,
};
use requests::vote;

const NODES: usize = 2;
const HEIGHTS: i64 = 25;

/// Chain, the key it is signed with: `shared` serves two chains.
const CHAINS: [(&str, &str); 3] = [("one-1", "shared"), ("two-1", "own"), ("three-1", "shared")];

#[test]
fn every_node_gets_its_own_chains_signatures() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n".to_owned();
    let mut publics = std::collections::BTreeMap::new();
    for key in ["shared", "own"] {
        let public = key_cmd::generate(&dir.path().join(format!("{key}.json")), KeyType::Ed25519).unwrap();
        publics.insert(key, public);
        text += &format!("[[key]]\nname = \"{key}\"\nbackend = \"softsign\"\npath = \"{key}.json\"\n");
    }
    let listeners: Vec<Vec<Listener>> =
        CHAINS.iter().map(|_| (0..NODES).map(|_| Listener::tcp()).collect()).collect();
    for ((chain, key), listeners) in CHAINS.iter().zip(&listeners) {
        let nodes: Vec<_> = listeners.iter().map(Listener::address).collect();
        text += &format!("[[chain]]\nid = \"{chain}\"\nkey = \"{key}\"\nnodes = {nodes:?}\n");
    }
    let config = Config::parse(&text, dir.path()).unwrap();
    for (chain, _) in CHAINS {
        Target::find(&config, chain).unwrap().init(Hrs::whole_height(0), false).unwrap();
    }
    let _running = run::start(&config, "test").unwrap();

    std::thread::scope(|scope| {
        for ((chain, key), listeners) in CHAINS.iter().zip(&listeners) {
            let (public, abreast) = (&publics[key], Arc::new(Barrier::new(NODES)));
            for listener in listeners {
                let abreast = Arc::clone(&abreast);
                scope.spawn(move || live(listener.accept(), chain, public, &abreast));
            }
        }
    });

    // Each chain has its own mark, also where two share a key.
    for (chain, _) in CHAINS {
        let mark = std::fs::read(dir.path().join("state").join(format!("{chain}.mark"))).unwrap();
        assert_eq!(mark.len(), palisade_signer::slots::FILE);
    }
}

/// One node's life: its key, then a prevote at every height, always with the same answer as its sibling.
fn live(mut node: Node, chain: &str, public: &PublicKey, abreast: &Barrier) {
    let Sum::PubKeyResponse(answer) = node.ask(Sum::PubKeyRequest(PubKeyRequest { chain_id: chain.into() }))
    else {
        panic!("no key")
    };
    assert_eq!(answer.pub_key_bytes, public.as_bytes());
    let other = CHAINS.iter().find(|(id, _)| *id != chain).unwrap().0;
    let refused = node.refused(Sum::PubKeyRequest(PubKeyRequest { chain_id: other.into() }));
    assert!(refused.description.contains(other), "{refused:?}");

    for height in 1..=HEIGHTS {
        // Both nodes of a chain ask for the same height at once; the second answer repeats the first.
        abreast.wait();
        let mut request = vote(PREVOTE, height, 0, 1, 0);
        request.chain_id = chain.into();
        let Sum::SignedVoteResponse(answer) = node.ask(Sum::SignVoteRequest(request)) else {
            panic!("no vote")
        };
        assert_eq!(answer.error, None, "{chain}, height {height}");
        let vote = answer.vote.unwrap();
        assert!(public.verify(&canonical::vote(chain, &vote), &vote.signature));
    }
}
