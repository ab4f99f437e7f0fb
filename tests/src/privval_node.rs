//! A node's privval listener with the test in the node's place: it asks for exactly what the test wants signed.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use comet::privval::{BlockId, Message, PartSetHeader, SignVoteRequest, Sum, Timestamp, Vote};

use crate::privval_wire::Wire;
use crate::process::until;

/// Longer than any answer takes.
const LIMIT: Duration = Duration::from_secs(6);

/// A signer's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The vote's timestamp and signature.
    Signed(Timestamp, Vec<u8>),
    /// The error's words.
    Refused(String),
}

/// A listener on a socket file, and the connection of a signer.
pub struct PrivvalNode {
    listener: UnixListener,
    /// As a signer's `nodes` has it.
    pub url: String,
    wire: Option<Wire>,
}

impl PrivvalNode {
    /// Listens at this path.
    pub fn listen(path: &Path) -> Result<Self> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, url: format!("unix://{}", PathBuf::from(path).display()), wire: None })
    }

    /// Asks for a vote's signature; waits for a signer if none is connected, and asks a new one if the connection breaks.
    pub fn ask(&mut self, chain_id: &str, vote: &Vote) -> Result<Answer> {
        let request = SignVoteRequest {
            vote: Some(vote.clone()),
            chain_id: chain_id.into(),
            ..SignVoteRequest::default()
        };
        let request = Message { sum: Some(Sum::SignVoteRequest(request)) };
        until("a signer's answer", Duration::from_secs(20), || {
            if self.wire.is_none() {
                let (stream, _) = self.listener.accept()?;
                stream.set_nonblocking(false)?;
                self.wire = Some(Wire::unix(stream, LIMIT)?);
            }
            let wire = self.wire.as_mut().context("just made")?;
            let answered = wire.send(&request).and_then(|()| wire.receive());
            match answered {
                Ok(answer) => read(answer).map(Some),
                Err(error) => {
                    self.wire = None;
                    Err(error)
                }
            }
        })
    }
}

fn read(answer: Message) -> Result<Answer> {
    let Some(Sum::SignedVoteResponse(answer)) = answer.sum else { bail!("another answer: {answer:?}") };
    if let Some(error) = answer.error {
        return Ok(Answer::Refused(error.description));
    }
    let vote = answer.vote.context("an answer without a vote")?;
    Ok(Answer::Signed(vote.timestamp.context("no timestamp")?, vote.signature))
}

/// A vote of this type (1 prevote, 2 precommit) for the block with this number, 0 for nil.
pub fn vote(r#type: i32, height: i64, round: i32, block: u8, seconds: i64) -> Vote {
    let id = BlockId {
        hash: vec![block; 32],
        part_set_header: Some(PartSetHeader { total: 1, hash: vec![block; 32] }),
    };
    Vote {
        r#type,
        height,
        round,
        block_id: (block > 0).then_some(id),
        timestamp: Some(Timestamp { seconds: 1_700_000_000 + seconds, nanos: 0 }),
        validator_address: vec![1; 20],
        ..Vote::default()
    }
}
