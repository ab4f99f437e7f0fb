//! Noise for a socket loop: bytes in, bytes out, whatever state it is in.
//!
//! The same verbs as [`crate::secret::Driver`], so that a socket loop is the same for both.

use zeroize::Zeroizing;

use super::channel::{Lengths, Opener, Sealer};
use super::handshake::{self, AwaitAnswer, AwaitHello, AwaitProof, MAX_MESSAGE, NoiseError};
use super::peer_id::PeerId;
use crate::key::PrivateKey;

/// 32 fresh random bytes each, for one link only.
pub struct Secrets {
    /// Of the ephemeral key.
    pub ephemeral: Zeroizing<[u8; 32]>,
    /// Of what Noise calls the static key; libp2p makes a new one for each link.
    pub fixed: Zeroizing<[u8; 32]>,
}

enum State {
    Answer(Box<AwaitAnswer>),
    Hello(Box<AwaitHello>),
    Proof(Box<AwaitProof>),
    Open(Box<(Sealer, Opener)>),
    /// After any error, for ever.
    Broken,
}

/// One side of a Noise link.
pub struct Driver {
    state: State,
    identity: PrivateKey,
    lengths: Lengths,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

// === impl Driver ===

impl Driver {
    /// Dials as `identity`; the link exists only with `expected`.
    #[allow(clippy::needless_pass_by_value)] // consumed on purpose: secrets are used once
    pub fn dial(identity: PrivateKey, expected: PeerId, secrets: Secrets) -> Result<Self, NoiseError> {
        let (state, hello) = handshake::dial(&secrets.ephemeral, &secrets.fixed, expected)?;
        let mut driver = Self::new(State::Answer(Box::new(state)), identity);
        driver.put(&hello);
        Ok(driver)
    }

    /// Listens as `identity`, as a node does; the link exists only with `expected`.
    #[allow(clippy::needless_pass_by_value)] // consumed on purpose: secrets are used once
    pub fn listen(identity: PrivateKey, expected: PeerId, secrets: Secrets) -> Self {
        let state = handshake::listen(&secrets.ephemeral, &secrets.fixed, expected);
        Self::new(State::Hello(Box::new(state)), identity)
    }

    /// Whether data can be sent.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Bytes to write to the socket, each once.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    /// Data that arrived, each byte once.
    pub fn take_incoming(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.incoming)
    }

    /// Takes bytes as they came from the socket. After an error the link is dead: close the socket.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), NoiseError> {
        self.lengths.push(bytes);
        loop {
            let max = if self.is_established() { usize::from(u16::MAX) } else { MAX_MESSAGE };
            let state = std::mem::replace(&mut self.state, State::Broken);
            let Some(message) = self.lengths.next(max)? else {
                self.state = state;
                return if matches!(self.state, State::Broken) { Err(NoiseError::NoLink) } else { Ok(()) };
            };
            self.state = match state {
                State::Answer(state) => {
                    let (link, proof) = state.got_answer(&self.identity, &message)?;
                    self.put(&proof);
                    State::Open(Box::new((link.sealer, link.opener)))
                }
                State::Hello(state) => {
                    let (state, answer) = state.got_hello(&self.identity, &message)?;
                    self.put(&answer);
                    State::Proof(Box::new(state))
                }
                State::Proof(state) => {
                    let link = state.got_proof(&message)?;
                    State::Open(Box::new((link.sealer, link.opener)))
                }
                State::Open(mut halves) => {
                    halves.1.open(&message, &mut self.incoming)?;
                    State::Open(halves)
                }
                State::Broken => return Err(NoiseError::NoLink),
            };
        }
    }

    /// Seals data for the peer; fetch it with [`Driver::take_outgoing`]. Only after the handshake.
    pub fn send(&mut self, data: &[u8]) -> Result<(), NoiseError> {
        match &mut self.state {
            State::Open(halves) => halves.0.seal(data, &mut self.outgoing),
            _ => Err(NoiseError::NoLink),
        }
    }

    fn new(state: State, identity: PrivateKey) -> Self {
        Self { state, identity, lengths: Lengths::default(), outgoing: Vec::new(), incoming: Vec::new() }
    }

    /// A handshake message behind its length.
    fn put(&mut self, message: &[u8]) {
        let length = u16::try_from(message.len()).expect("handshake messages are short");
        self.outgoing.extend_from_slice(&length.to_be_bytes());
        self.outgoing.extend_from_slice(message);
    }
}
