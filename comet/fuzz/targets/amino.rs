//! Tendermint 0.33: messages and sign-bytes in amino, read from hostile bytes and built from hostile values.
#![no_main]

use comet::{
    canonical,
    privval::{
        BlockId, PartSetHeader, Proposal, SignProposalRequest, SignVoteRequest, Sum, Timestamp, Vote, amino,
    },
};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Body(&'a [u8]),
    SignBytes(&'a [u8]),
    Asked(Asked),
}

/// Whatever a node can put into a request.
#[derive(Arbitrary, Debug)]
struct Asked {
    proposal: bool,
    r#type: u8,
    height: i64,
    round: i32,
    pol_round: i32,
    hash: Option<Vec<u8>>,
    parts: (u32, Vec<u8>),
    time: Option<(i64, i32)>,
    other_time: (i64, i32),
    index: i32,
}

fuzz_target!(|input: Input| {
    match input {
        Input::Body(body) => {
            if let Ok(sum) = amino::from_body(body) {
                // What was understood is written to the last byte as it was read.
                assert_eq!(amino::to_body(&sum).as_deref(), Some(body));
            }
        }
        Input::SignBytes(bytes) => {
            if let Some(said) = canonical::read(bytes) {
                assert!(matches!(said.r#type, 1 | 2 | 32));
                assert!(!canonical::differ_only_in_timestamp(bytes, bytes));
            }
        }
        Input::Asked(asked) => judge(asked),
    }
});

fn judge(asked: Asked) {
    let block_id = asked.hash.map(|hash| BlockId {
        hash,
        part_set_header: Some(PartSetHeader { total: asked.parts.0, hash: asked.parts.1 }),
    });
    let time = |(seconds, nanos)| Timestamp { seconds, nanos };
    let timestamp = asked.time.map(time);
    let (sum, sign_bytes, later, known) = if asked.proposal {
        let proposal = Proposal {
            r#type: asked.r#type.into(),
            height: asked.height,
            round: asked.round,
            pol_round: asked.pol_round,
            block_id,
            timestamp,
            signature: vec![],
        };
        let later = Proposal { timestamp: Some(time(asked.other_time)), ..proposal.clone() };
        let bytes = canonical::amino::proposal("fuzz-1", &proposal);
        let later = canonical::amino::proposal("fuzz-1", &later);
        let request = SignProposalRequest { proposal: Some(proposal), chain_id: String::new() };
        (Sum::SignProposalRequest(request), bytes, later, asked.r#type == 32)
    } else {
        let vote = Vote {
            r#type: asked.r#type.into(),
            height: asked.height,
            round: asked.round,
            block_id,
            timestamp,
            validator_index: asked.index,
            ..Vote::default()
        };
        let later = Vote { timestamp: Some(time(asked.other_time)), ..vote.clone() };
        let bytes = canonical::amino::vote("fuzz-1", &vote);
        let later = canonical::amino::vote("fuzz-1", &later);
        let request = SignVoteRequest { vote: Some(vote), ..SignVoteRequest::default() };
        (Sum::SignVoteRequest(request), bytes, later, matches!(asked.r#type, 1 | 2))
    };
    if let Some(body) = amino::to_body(&sum)
        && let Ok(again) = amino::from_body(&body)
    {
        assert_eq!(amino::to_body(&again), Some(body));
    }
    if let Some(said) = canonical::read(&sign_bytes) {
        assert!(known);
        assert_eq!((said.height, said.round), (asked.height, asked.round.into()));
        // Differing in the time alone implies a difference; and a difference in time alone is seen as one, unless a time is
        // 1970-01-01, which amino leaves out: a vote for nil then reads as one of the newer form, and is refused, not repeated.
        let differ = canonical::differ_only_in_timestamp(&sign_bytes, &later);
        assert!(!differ || sign_bytes != later);
        let dated = |time: Option<(i64, i32)>| time.is_some_and(|time| time != (0, 0));
        if dated(asked.time) && dated(Some(asked.other_time)) && canonical::read(&later).is_some() {
            assert_eq!(differ, sign_bytes != later);
        }
    }
}
