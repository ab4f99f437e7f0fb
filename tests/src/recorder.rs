//! Stands between a node and its signer and remembers every signature that was ever released.
//!
//! The link is SecretConnection, so nobody can listen in: to the signer this is a node, to the node it is a signer, and
//! what one says is passed on to the other as it is. A signature counts as released when it has left the signer, whether
//! or not the node ever got it.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use comet::canonical;
use comet::consensus::PublicKey;
use comet::privval::{Message, Sum};
use prost::Message as _;

use crate::privval_wire::Wire;

/// Longer than a node's ping interval (3.3 s); who is silent for this long is dead.
const SILENCE: Duration = Duration::from_secs(8);

/// Height, round, and the type of what was signed: 32 proposal, 1 prevote, 2 precommit.
pub type Slot = (i64, i32, i32);

/// Where one of the two sides is.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// `host:port`.
    Tcp(String),
    /// A socket file.
    Unix(PathBuf),
}

impl Endpoint {
    /// As a node's `priv_validator_laddr` and a signer's `nodes` have it.
    pub fn url(&self) -> String {
        match self {
            Self::Tcp(address) => format!("tcp://{address}"),
            Self::Unix(path) => format!("unix://{}", path.display()),
        }
    }
}

/// What was signed for one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// Canonical sign-bytes of the answer.
    pub sign_bytes: Vec<u8>,
    /// The signature over them.
    pub signature: Vec<u8>,
}

/// Everything seen so far.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Different answers for each slot; more than one is a double sign.
    pub released: BTreeMap<Slot, Vec<Released>>,
    /// Answers with a signature, repeats included.
    pub signatures: usize,
    /// Answers that carry an error.
    pub refusals: Vec<String>,
    /// Signatures that do not verify under the validator's key.
    pub forged: usize,
    /// Connections of the signer.
    pub connects: usize,
    /// Signatures that were released and never reached the node.
    pub lost: usize,
    /// Length of each extension that was signed, by height and round.
    pub extensions: BTreeMap<(i64, i32), usize>,
    /// Bytes of the longest answer.
    pub longest_answer: usize,
}

impl Record {
    /// Slots with two different sign-bytes or signatures.
    pub fn double_signs(&self) -> Vec<Slot> {
        self.released.iter().filter(|(_, all)| all.len() > 1).map(|(slot, _)| *slot).collect()
    }

    /// Whether this very signature was released for a precommit of this height.
    pub fn has_precommit(&self, height: i64, signature: &[u8]) -> bool {
        self.released
            .range((height, 0, 0)..(height + 1, 0, 0))
            .any(|((_, _, kind), all)| *kind == 2 && all.iter().any(|one| one.signature == signature))
    }
}

/// A running recorder; it ends with its handle.
pub struct Recorder {
    record: Arc<Mutex<Record>>,
    stop: Arc<AtomicBool>,
}

/// A recorder from another thread.
pub struct Handle(Arc<Mutex<Record>>);

impl Handle {
    /// Signatures so far.
    pub fn signatures(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).signatures
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Recorder {
    /// Listens for the signer at `signer`, and dials the node at `node` whenever the signer is there. Of every `lose`
    /// signatures one is lost on the way, with the connection; 0 loses none.
    pub fn start(
        chain_id: &str,
        key: PublicKey,
        signer: &Endpoint,
        node: Endpoint,
        lose: usize,
    ) -> Result<Self> {
        let listener = match signer {
            Endpoint::Tcp(address) => Listener::Tcp(TcpListener::bind(address)?),
            Endpoint::Unix(path) => Listener::Unix(UnixListener::bind(path)?),
        };
        listener.nonblocking()?;
        let recorder = Self { record: Arc::default(), stop: Arc::default() };
        let relay = Relay {
            chain_id: chain_id.to_owned(),
            key,
            record: recorder.record.clone(),
            node,
            lose,
            stop: recorder.stop.clone(),
        };
        std::thread::Builder::new().name("recorder".into()).spawn(move || relay.run(&listener))?;
        Ok(recorder)
    }

    /// A look at it from another thread.
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.record))
    }

    /// What it has seen so far.
    pub fn record(&self) -> Record {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Relay {
    chain_id: String,
    key: PublicKey,
    record: Arc<Mutex<Record>>,
    node: Endpoint,
    lose: usize,
    stop: Arc<AtomicBool>,
}

impl Relay {
    fn run(&self, listener: &Listener) {
        while !self.stop.load(Ordering::Relaxed) {
            match listener.accept() {
                // The end of a connection is everyday here: signers are killed on purpose.
                Ok(Some(signer)) => drop(self.pass_on(signer)),
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Err(_) => {}
            }
        }
    }

    fn pass_on(&self, mut signer: Wire) -> Result<()> {
        self.with(|record| record.connects += 1);
        let mut node = self.dial()?;
        while !self.stop.load(Ordering::Relaxed) {
            let request = node.receive()?;
            signer.send(&request)?;
            let answer = signer.receive()?;
            if self.note(&request, &answer)? {
                return Ok(());
            }
            node.send(&answer)?;
        }
        Ok(())
    }

    fn dial(&self) -> Result<Wire> {
        loop {
            let dialled = match &self.node {
                Endpoint::Tcp(address) => {
                    TcpStream::connect(address).map(|stream| Wire::tcp(stream, SILENCE))
                }
                Endpoint::Unix(path) => UnixStream::connect(path).map(|stream| Wire::unix(stream, SILENCE)),
            };
            match dialled {
                Ok(wire) => return wire,
                Err(_) if !self.stop.load(Ordering::Relaxed) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Records a signature; says whether it is to be lost.
    fn note(&self, request: &Message, answer: &Message) -> Result<bool> {
        self.with(|record| record.longest_answer = record.longest_answer.max(answer.encoded_len()));
        self.note_extension(request, answer);
        let (slot, sign_bytes, signature, error) = match &answer.sum {
            Some(Sum::SignedVoteResponse(answer)) => {
                let vote = answer.vote.as_ref().context("an answer without a vote")?;
                let slot = (vote.height, vote.round, vote.r#type);
                (slot, canonical::vote(&self.chain_id, vote), &vote.signature, &answer.error)
            }
            Some(Sum::SignedProposalResponse(answer)) => {
                let proposal = answer.proposal.as_ref().context("an answer without a proposal")?;
                let slot = (proposal.height, proposal.round, proposal.r#type);
                (slot, canonical::proposal(&self.chain_id, proposal), &proposal.signature, &answer.error)
            }
            _ => return Ok(false),
        };
        Ok(self.with(|record| {
            if let Some(error) = error {
                record.refusals.push(error.description.clone());
                return false;
            }
            record.signatures += 1;
            record.forged += usize::from(!self.key.verify(&sign_bytes, signature));
            let released = Released { sign_bytes, signature: signature.clone() };
            let all = record.released.entry(slot).or_default();
            if !all.contains(&released) {
                all.push(released);
            }
            let lose = self.lose > 0 && record.signatures % self.lose == 0;
            record.lost += usize::from(lose);
            lose
        }))
    }

    fn note_extension(&self, request: &Message, answer: &Message) {
        if let (Some(Sum::SignVoteRequest(request)), Some(Sum::SignedVoteResponse(answer))) =
            (&request.sum, &answer.sum)
            && let (Some(asked), Some(vote)) = (&request.vote, &answer.vote)
            && !vote.extension_signature.is_empty()
        {
            let bytes = canonical::extension(&self.chain_id, asked.height, asked.round, &asked.extension);
            self.with(|record| {
                record.forged += usize::from(!self.key.verify(&bytes, &vote.extension_signature));
                record.extensions.insert((asked.height, asked.round), asked.extension.len());
            });
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        change(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Listener {
    fn nonblocking(&self) -> std::io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.set_nonblocking(true),
            Self::Unix(listener) => listener.set_nonblocking(true),
        }
    }

    fn accept(&self) -> Result<Option<Wire>> {
        let wire = match self {
            Self::Tcp(listener) => match listener.accept() {
                Ok((stream, _)) => stream.set_nonblocking(false).map(|()| Wire::tcp(stream, SILENCE)),
                Err(error) => Err(error),
            },
            Self::Unix(listener) => match listener.accept() {
                Ok((stream, _)) => stream.set_nonblocking(false).map(|()| Wire::unix(stream, SILENCE)),
                Err(error) => Err(error),
            },
        };
        match wire {
            Ok(wire) => wire.map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use comet::key::PrivateKey;
    use comet::privval::{PRECOMMIT, SignVoteRequest, SignedVoteResponse, Timestamp, Vote};

    /// A signer with no memory at all, which is what the recorder is there to catch.
    #[test]
    fn a_double_sign_and_a_forgery_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let [to_signer, to_node] = ["signer", "node"].map(|name| dir.path().join(name));
        let node = UnixListener::bind(&to_node).unwrap();
        let key = PrivateKey::from_seed(&[1; 32]);
        let endpoint = Endpoint::Unix(to_signer.clone());
        let recorder =
            Recorder::start("c", key.public().into(), &endpoint, Endpoint::Unix(to_node), 0).unwrap();

        let signer = std::thread::spawn(move || {
            let mut wire = Wire::unix(UnixStream::connect(to_signer).unwrap(), SILENCE).unwrap();
            while let Ok(Message { sum: Some(Sum::SignVoteRequest(request)) }) = wire.receive() {
                let mut vote = request.vote.unwrap();
                vote.signature = key.sign(&canonical::vote(&request.chain_id, &vote)).to_vec();
                if vote.height == 2 {
                    vote.signature[0] ^= 1;
                }
                let answer = SignedVoteResponse { vote: Some(vote), error: None };
                wire.send(&Message { sum: Some(Sum::SignedVoteResponse(answer)) }).unwrap();
            }
        });
        let mut wire = Wire::unix(node.accept().unwrap().0, SILENCE).unwrap();
        for (height, seconds) in [(1, 1), (1, 1), (1, 2), (2, 1)] {
            let timestamp = Some(Timestamp { seconds, nanos: 0 });
            let vote = Vote { r#type: PRECOMMIT, height, timestamp, ..Vote::default() };
            let request = SignVoteRequest { vote: Some(vote), chain_id: "c".into(), ..Default::default() };
            wire.send(&Message { sum: Some(Sum::SignVoteRequest(request)) }).unwrap();
            wire.receive().unwrap();
        }
        drop(wire);
        signer.join().unwrap();
        let record = recorder.record();
        assert_eq!(record.double_signs(), [(1, 0, 2)]);
        assert_eq!((record.signatures, record.forged), (4, 1));
    }
}
