//! The handshake as a typestate: ephemeral keys cross, then each side proves its identity over the shared secret.
//!
//! The peer that authenticates here is only as good as what is known of its key: a node's privval listener makes a
//! fresh one at every start and accepts any signer, so on that hop this is encryption, not authentication
//! (spec/signer.md §3.1.7).

use hkdf::Hkdf;
use merlin::Transcript;
use prost::Message;
use sha2::Sha256;
use thiserror::Error;
use x25519_dalek::{PublicKey as X25519Public, StaticSecret};
use zeroize::Zeroizing;

use super::channel::{ChannelError, Opener, Sealer};
use crate::frame::{self, FrameError};
use crate::key::{KeyError, PrivateKey, PublicKey};
use crate::privval;

/// The first message of each side: a delimited `BytesValue` of 32 bytes, always in this form.
pub const HELLO: usize = 35;
const HELLO_HEAD: [u8; 3] = [0x22, 0x0a, 0x20];

/// An authentication message has about 103 bytes; Go reads up to 1 MiB, we do not.
const MAX_AUTH: usize = 1024;

/// Why there is no link.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HandshakeError {
    /// The first message is not an ephemeral key.
    #[error("peer's hello is not an ephemeral key")]
    Hello,
    /// The peer sent our own ephemeral key back.
    #[error("peer reflects our own ephemeral key")]
    Reflected,
    /// The shared secret would be known to everyone.
    #[error("peer's ephemeral key is of low order")]
    LowOrder,
    /// The peer's proof is cut off, too long or no message.
    #[error("peer's authentication message is malformed")]
    Auth,
    /// The peer's identity is not an Ed25519 key.
    #[error("peer's identity key: {0}")]
    Key(#[from] KeyError),
    /// The peer does not hold the key that it names.
    #[error("peer's signature over the challenge does not verify")]
    Signature,
    /// The encrypted part failed.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

#[derive(Clone, PartialEq, Message)]
struct AuthSigMessage {
    #[prost(message, optional, tag = "1")]
    pub_key: Option<privval::PublicKey>,
    #[prost(bytes = "vec", tag = "2")]
    sig: Vec<u8>,
}

/// Our ephemeral key is out, the peer's is awaited.
pub struct AwaitEphemeral {
    secret: StaticSecret,
    public: [u8; 32],
}

/// Both ephemeral keys are known, frames are sealed, the peer's proof is awaited.
pub struct AwaitAuth {
    sealer: Sealer,
    opener: Opener,
    challenge: [u8; 32],
    proof: frame::Decoder,
}

/// A link whose peer has shown its identity.
pub struct Established {
    /// Sending half.
    pub sealer: Sealer,
    /// Receiving half.
    pub opener: Opener,
    /// The peer's identity key.
    pub peer: PublicKey,
    /// Data that came right behind the peer's proof.
    pub early: Vec<u8>,
}

/// What came of some bytes.
pub enum Progress {
    /// The proof is not complete yet.
    More(AwaitAuth),
    /// Done.
    Done(Established),
}

/// Starts a handshake with 32 fresh random bytes: state and the bytes to send.
#[allow(clippy::needless_pass_by_value)] // consumed on purpose: an ephemeral secret is used once
pub fn start(ephemeral: Zeroizing<[u8; 32]>) -> (AwaitEphemeral, [u8; HELLO]) {
    let secret = StaticSecret::from(*ephemeral);
    let public = X25519Public::from(&secret).to_bytes();
    let mut hello = [0; HELLO];
    hello[..3].copy_from_slice(&HELLO_HEAD);
    hello[3..].copy_from_slice(&public);
    (AwaitEphemeral { secret, public }, hello)
}

// === impl AwaitEphemeral ===

impl AwaitEphemeral {
    /// Takes the peer's hello; gives the sealed proof of our identity to send.
    pub fn got_hello(
        self,
        identity: &PrivateKey,
        hello: &[u8; HELLO],
    ) -> Result<(AwaitAuth, Vec<u8>), HandshakeError> {
        let (head, remote) = hello.split_at(3);
        let remote: [u8; 32] = remote.try_into().map_err(|_| HandshakeError::Hello)?;
        if head != HELLO_HEAD {
            return Err(HandshakeError::Hello);
        }
        if remote == self.public {
            return Err(HandshakeError::Reflected);
        }
        let shared = self.secret.diffie_hellman(&X25519Public::from(remote));
        if !shared.was_contributory() {
            return Err(HandshakeError::LowOrder);
        }
        let we_are_least = self.public < remote;
        let (least, greatest) = if we_are_least { (self.public, remote) } else { (remote, self.public) };
        let challenge = challenge(&least, &greatest, shared.as_bytes());
        let keys = derive(shared.as_bytes(), we_are_least);

        let mut sealer = Sealer::new(&keys.send);
        let proof = AuthSigMessage {
            pub_key: Some(privval::PublicKey::ed25519(*identity.public().as_bytes())),
            sig: identity.sign(&challenge).to_vec(),
        };
        let mut out = Vec::new();
        sealer.seal(&frame::encode(&proof), &mut out)?;
        let opener = Opener::new(&keys.receive);
        Ok((AwaitAuth { sealer, opener, challenge, proof: frame::Decoder::new(MAX_AUTH) }, out))
    }
}

// === impl AwaitAuth ===

impl AwaitAuth {
    /// Takes sealed bytes until the peer's proof is complete, and checks it.
    pub fn got_sealed(mut self, bytes: &[u8]) -> Result<Progress, HandshakeError> {
        let mut plain = Vec::new();
        self.opener.open(bytes, &mut plain)?;
        self.proof.push(&plain);
        let body = match self.proof.next() {
            Ok(Some(body)) => body.to_vec(),
            Ok(None) => return Ok(Progress::More(self)),
            Err(FrameError::TooLarge { .. } | FrameError::BadLength) => return Err(HandshakeError::Auth),
        };
        let proof = AuthSigMessage::decode(body.as_slice()).map_err(|_| HandshakeError::Auth)?;
        let Some(privval::PublicKey { sum: Some(privval::PublicKeySum::Ed25519(key)) }) = proof.pub_key
        else {
            return Err(HandshakeError::Auth);
        };
        let peer = PublicKey::from_bytes(&key)?;
        if !peer.verify(&self.challenge, &proof.sig) {
            return Err(HandshakeError::Signature);
        }
        let early = self.proof.into_rest();
        Ok(Progress::Done(Established { sealer: self.sealer, opener: self.opener, peer, early }))
    }
}

/// Both directions' keys, from our side.
struct Keys {
    receive: Zeroizing<[u8; 32]>,
    send: Zeroizing<[u8; 32]>,
}

fn derive(shared: &[u8; 32], we_are_least: bool) -> Keys {
    let mut okm = Zeroizing::new([0; 96]);
    Hkdf::<Sha256>::new(None, shared)
        .expand(b"TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN", &mut *okm)
        .expect("96 bytes are within HKDF's bound");
    let half = |from: usize| Zeroizing::new(std::array::from_fn(|i| okm[from + i]));
    // The side with the lesser ephemeral key receives with the first key; the last 32 bytes are not used.
    if we_are_least {
        Keys { receive: half(0), send: half(32) }
    } else {
        Keys { receive: half(32), send: half(0) }
    }
}

fn challenge(least: &[u8; 32], greatest: &[u8; 32], shared: &[u8; 32]) -> [u8; 32] {
    let mut transcript = Transcript::new(b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH");
    transcript.append_message(b"EPHEMERAL_LOWER_PUBLIC_KEY", least);
    transcript.append_message(b"EPHEMERAL_UPPER_PUBLIC_KEY", greatest);
    transcript.append_message(b"DH_SECRET", shared);
    let mut challenge = [0; 32];
    transcript.challenge_bytes(b"SECRET_CONNECTION_MAC", &mut challenge);
    challenge
}

#[cfg(test)]
mod tests;
