//! SecretConnection for a socket loop: bytes in, bytes out, whatever state it is in.
//!
//! The caller reads from its socket into [`Driver::receive`], writes what [`Driver::take_outgoing`] gives, and needs to
//! know nothing else. Works for the dialling and the listening side alike; the protocol is symmetric. Who does not know
//! what the peer speaks says nothing first and follows it ([`Driver::follow`]).

use zeroize::Zeroizing;

use super::channel::{Opener, Sealer};
use super::dialect::{Dialect, MAX_HELLO};
use super::handshake::{self, AwaitAuth, AwaitEphemeral, HandshakeError, Progress};
use crate::key::{PrivateKey, PublicKey};

enum State {
    /// Our ephemeral key waits for the peer's first byte.
    Follow(Zeroizing<[u8; 32]>),
    Hello(AwaitEphemeral, Vec<u8>),
    Auth(Box<AwaitAuth>),
    Open(Box<(Sealer, Opener)>),
    /// After any error, for ever.
    Broken,
}

/// One side of a SecretConnection.
pub struct Driver {
    state: State,
    dialect: Option<Dialect>,
    identity: Option<PrivateKey>,
    peer: Option<PublicKey>,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

// === impl Driver ===

impl Driver {
    /// Starts the handshake as `identity`, with 32 fresh random bytes for the ephemeral key, as every node since
    /// Tendermint 0.34 has it.
    pub fn start(identity: PrivateKey, ephemeral: Zeroizing<[u8; 32]>) -> Self {
        Self::start_in(Dialect::Proto, identity, ephemeral)
    }

    /// Starts the handshake in a dialect; a peer that speaks the other one is an error.
    pub fn start_in(dialect: Dialect, identity: PrivateKey, ephemeral: Zeroizing<[u8; 32]>) -> Self {
        let mut driver = Self::follow(identity, ephemeral);
        driver.speak(dialect);
        driver
    }

    /// Sends nothing until the peer has, then answers in its dialect. Only for whoever dials: two that wait for each other
    /// wait for ever.
    pub fn follow(identity: PrivateKey, ephemeral: Zeroizing<[u8; 32]>) -> Self {
        Self {
            state: State::Follow(ephemeral),
            dialect: None,
            identity: Some(identity),
            peer: None,
            outgoing: Vec::new(),
            incoming: Vec::new(),
        }
    }

    /// The dialect spoken, known as soon as anything is.
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// The peer's identity, known once the handshake is done.
    pub fn peer(&self) -> Option<&PublicKey> {
        self.peer.as_ref()
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
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<(), HandshakeError> {
        while !bytes.is_empty() {
            match std::mem::replace(&mut self.state, State::Broken) {
                State::Follow(ephemeral) => {
                    let dialect = Dialect::of_first_byte(bytes[0]).ok_or(HandshakeError::Hello)?;
                    self.state = State::Follow(ephemeral);
                    self.speak(dialect);
                }
                State::Hello(state, mut hello) => {
                    if hello.is_empty() {
                        state.expect(bytes[0])?;
                    }
                    let whole = state.hello_length();
                    let take = (whole - hello.len()).min(bytes.len());
                    hello.extend_from_slice(&bytes[..take]);
                    bytes = &bytes[take..];
                    if hello.len() < whole {
                        self.state = State::Hello(state, hello);
                        return Ok(());
                    }
                    let identity = self.identity.take().ok_or(HandshakeError::Hello)?;
                    let (state, proof) = state.got_hello(&identity, &hello)?;
                    self.outgoing.extend_from_slice(&proof);
                    self.state = State::Auth(Box::new(state));
                }
                State::Auth(state) => {
                    match state.got_sealed(bytes)? {
                        Progress::More(state) => self.state = State::Auth(Box::new(state)),
                        Progress::Done(done) => {
                            self.peer = Some(done.peer);
                            self.incoming.extend_from_slice(&done.early);
                            self.state = State::Open(Box::new((done.sealer, done.opener)));
                        }
                    }
                    return Ok(());
                }
                State::Open(mut halves) => {
                    halves.1.open(bytes, &mut self.incoming)?;
                    self.state = State::Open(halves);
                    return Ok(());
                }
                State::Broken => return Err(HandshakeError::Channel(super::ChannelError::Forged)),
            }
        }
        Ok(())
    }

    /// Seals data for the peer; fetch it with [`Driver::take_outgoing`]. Only after the handshake.
    pub fn send(&mut self, data: &[u8]) -> Result<(), HandshakeError> {
        match &mut self.state {
            State::Open(halves) => Ok(halves.0.seal(data, &mut self.outgoing)?),
            _ => Err(HandshakeError::Auth),
        }
    }

    fn speak(&mut self, dialect: Dialect) {
        if let State::Follow(ephemeral) = std::mem::replace(&mut self.state, State::Broken) {
            let (state, hello) = handshake::start(dialect, ephemeral);
            self.state = State::Hello(state, Vec::with_capacity(MAX_HELLO));
            self.dialect = Some(dialect);
            self.outgoing = hello;
        }
    }
}
