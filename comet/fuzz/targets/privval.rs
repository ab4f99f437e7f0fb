//! Frames and privval messages as a hostile node sends them, and sign-bytes as a hostile file holds them.
#![no_main]

use comet::{
    canonical, frame,
    privval::{Message, Sum, amino},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut frames = frame::Decoder::new(4096);
    for piece in bytes.chunks(97) {
        frames.push(piece);
        loop {
            match frames.next() {
                Ok(Some(body)) => judge(body),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    judge(bytes);
    if let Some(said) = canonical::read(bytes) {
        assert!(matches!(said.r#type, 1 | 2 | 32));
    }
});

fn judge(body: &[u8]) {
    judge_amino(body);
    let Ok(message) = Message::from_body(body) else { return };
    // What was understood encodes and decodes to itself.
    let again = frame::encode(&message);
    let mut frames = frame::Decoder::new(usize::MAX);
    frames.push(&again);
    let body = frames.next().expect("our own frame").expect("whole").to_vec();
    assert_eq!(Message::from_body(&body).as_ref(), Ok(&message));
    match message.sum {
        Some(Sum::SignVoteRequest(request)) => {
            if let Some(vote) = request.vote {
                let bytes = canonical::vote("fuzz-1", &vote);
                if matches!(vote.r#type, 1 | 2) {
                    assert_eq!(canonical::read(&bytes).map(|said| said.height), Some(vote.height));
                }
                assert!(!canonical::differ_only_in_timestamp(&bytes, &bytes));
            }
        }
        Some(Sum::SignProposalRequest(request)) => {
            if let Some(proposal) = request.proposal {
                let bytes = canonical::proposal("fuzz-1", &proposal);
                if proposal.r#type == 32 {
                    assert_eq!(canonical::read(&bytes).map(|said| said.height), Some(proposal.height));
                }
            }
        }
        _ => {}
    }
}

/// Of Tendermint 0.33: what was understood is written to the last byte as it was read.
fn judge_amino(body: &[u8]) {
    let Ok(sum) = amino::from_body(body) else { return };
    assert_eq!(amino::to_body(&sum).as_deref(), Some(body));
    if let Sum::SignVoteRequest(request) = sum
        && let Some(vote) = request.vote
        && matches!(vote.r#type, 1 | 2)
    {
        let bytes = canonical::amino::vote("fuzz-1", &vote);
        assert_eq!(canonical::read(&bytes).map(|said| said.height), Some(vote.height));
    }
}
