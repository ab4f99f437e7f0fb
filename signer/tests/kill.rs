//! The real process, killed at random moments: whatever it ever released, no height, round and step has two signatures.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/command.rs"]
mod command;
#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use std::{
    collections::HashMap,
    fs,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use comet::{
    canonical,
    frame::{self, Decoder},
    key_file,
    privval::{Message, PRECOMMIT, PREVOTE, Sum},
};
use node::Listener;
use requests::{CHAIN, vote};

/// Asks as fast as it can and passes every signed vote on, until the signer is gone. Returns the next height.
fn press(listener: &Listener, from: i64, first: u8, votes: &mpsc::Sender<comet::privval::Vote>) -> i64 {
    let mut socket = listener.accept_raw();
    let (mut frames, mut buffer) = (Decoder::new(frame::MAX_TO_NODE), [0; 8192]);
    let mut height = from;
    loop {
        let other = 3 - first;
        for (r#type, which, second) in [
            (PREVOTE, first, 0),
            (PREVOTE, first, 1),
            (PREVOTE, other, 0),
            (PRECOMMIT, other, 0),
            (PRECOMMIT, first, 0),
        ] {
            let message = Message::of(Sum::SignVoteRequest(vote(r#type, height, 0, which, second)));
            if !socket.try_write_all(&frame::encode(&message)) {
                return height;
            }
            let body = loop {
                if let Some(body) = frames.next().unwrap() {
                    break body.to_vec();
                }
                match socket.read(&mut buffer) {
                    0 => return height,
                    got => frames.push(&buffer[..got]),
                }
            };
            let Some(Sum::SignedVoteResponse(answer)) = Message::from_body(&body).unwrap().sum else {
                panic!("{body:?}")
            };
            if answer.error.is_none() {
                votes.send(answer.vote.unwrap()).unwrap();
            }
        }
        height += 1;
    }
}

#[test]
fn sigkill_at_random_moments() {
    let dir = command::scene();
    let listener = Listener::unix(&dir.path().join("n.sock"));
    let config = command::CONFIG
        .replace(
            "\"tcp://127.0.0.1:1\", \"unix:///nowhere/privval.sock\"",
            &format!("\"{}\"", listener.address()),
        )
        .replace("akashnet-2", CHAIN);
    fs::write(dir.path().join("signer.toml"), config).unwrap();
    command::good(&dir, "key generate keys/akash.json");
    command::good(&dir, &format!("state init --config signer.toml --chain {CHAIN} --height 0"));
    let text = fs::read_to_string(dir.path().join("keys/akash.json")).unwrap();
    let public = key_file::read_priv_validator_key(&text).unwrap().public().clone();

    let (votes, seen) = mpsc::channel();
    let mut height = 1;
    let (listener, votes) = (&listener, &votes);
    for n in 0..25u64 {
        let signer = command::Signer::start(&dir);
        height = thread::scope(|scope| {
            // The interrupted height is asked for again, with the other block first.
            let first = if n % 2 == 0 { 1 } else { 2 };
            let pressing = scope.spawn(move || press(listener, height, first, votes));
            // Any moment will do; the prime keeps the moments apart.
            let until = Instant::now() + Duration::from_micros(30_000 + n * 7_919);
            thread::sleep(until - Instant::now());
            drop(signer);
            pressing.join().unwrap()
        });
    }

    let mut signed: HashMap<(i64, i32, i32), Vec<u8>> = HashMap::new();
    let mut count = 0;
    for vote in seen.try_iter() {
        let sign_bytes = canonical::vote(CHAIN, &vote);
        assert!(public.verify(&sign_bytes, &vote.signature));
        let first =
            signed.entry((vote.height, vote.round, vote.r#type)).or_insert_with(|| sign_bytes.clone());
        assert_eq!(*first, sign_bytes, "two signatures at height {} type {}", vote.height, vote.r#type);
        count += 1;
    }
    println!("{count} votes at {} places over 25 kills", signed.len());
    assert!(signed.len() > 50, "the signer hardly signed anything");
    assert!(height > 25, "heights went on after each kill");
}
