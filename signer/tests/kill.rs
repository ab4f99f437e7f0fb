//! The real process, killed at random moments and contended for by a second one on the same state: whatever it ever released,
//! no height, round and step has two signatures.
//!
//! `KILL_SEED` repeats the moments of a run, `KILLS` lengthens it.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/command.rs"]
mod command;
#[path = "support/disk.rs"]
mod disk;
#[path = "support/node.rs"]
mod node;
#[path = "support/random.rs"]
mod random;
#[path = "support/requests.rs"]
mod requests;

use std::{
    collections::HashMap,
    fs,
    process::Stdio,
    sync::mpsc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
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
fn press(
    listener: &Listener,
    from: i64,
    first: u8,
    votes: &mpsc::Sender<comet::privval::Vote>,
    there: &mpsc::Sender<()>,
) -> i64 {
    let mut socket = listener.accept_raw();
    there.send(()).unwrap();
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

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
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
    let seed = from_environment("KILL_SEED").unwrap_or_else(|| {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        u64::try_from(nanos % (1 << 60)).unwrap()
    });
    let kills = from_environment("KILLS").unwrap_or(200);
    println!("KILL_SEED={seed}");
    let mut random = random::Random(seed);
    for n in 0..kills {
        if random.one_in(4) {
            // Killed while it starts, so also while it opens the state.
            let mut child = command::command(dir.path(), "run --config signer.toml");
            let child = child.stderr(Stdio::null()).spawn().unwrap();
            thread::sleep(Duration::from_micros(random.below(40_000)));
            drop(command::Signer(child));
            listener.turn_away();
        }
        let signer = command::Signer::start(&dir);
        if n % 20 == 7 {
            // Somebody starts a second one. It says whose state it is and goes, and the first does not notice.
            command::bad(
                &dir,
                "run --config signer.toml",
                2,
                "is in use by another process",
                "stop the other process",
            );
        }
        height = thread::scope(|scope| {
            // The interrupted height is asked for again, with the other block first.
            let first = if n % 2 == 0 { 1 } else { 2 };
            let (there, is_there) = mpsc::channel();
            let pressing = scope.spawn(move || press(listener, height, first, votes, &there));
            is_there.recv().unwrap();
            thread::sleep(Duration::from_micros(random.below(60_000)));
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
    println!("{count} votes at {} places over {kills} kills", signed.len());
    assert!(signed.len() > 200, "the signer hardly signed anything");
    assert!(height > 25, "heights did not go on after the kills");
}
