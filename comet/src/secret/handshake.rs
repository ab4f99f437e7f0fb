//! The handshake as a typestate: ephemeral keys cross, then each side proves its identity over the shared secret.
//!
//! The peer that authenticates here is only as good as what is known of its key: a node's privval listener makes a
//! fresh one at every start and accepts any signer, so on that hop this is encryption, not authentication
//! (spec/signer.md §3.1.7).

use hkdf::Hkdf;
use merlin::Transcript;
use sha2::Sha256;
use thiserror::Error;
use x25519_dalek::{PublicKey as X25519Public, StaticSecret};
use zeroize::Zeroizing;

use super::channel::{ChannelError, Opener, Sealer};
use super::dialect::Dialect;
use crate::frame::{self, FrameError};
use crate::key::{KeyError, PrivateKey, PublicKey};

/// An authentication message has about 103 bytes; Go reads up to 1 MiB, we do not.
const MAX_AUTH: usize = 1024;

/// Why there is no link.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HandshakeError {
    /// The first message is not an ephemeral key.
    #[error("peer's hello is not an ephemeral key")]
    Hello,
    /// The first message is good, in the other encoding.
    #[error("peer speaks the handshake of {}, we that of {}", peer.spoken_by(), ours.spoken_by())]
    Dialect {
        /// As we were started.
        ours: Dialect,
        /// By its first byte.
        peer: Dialect,
    },
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

/// Our ephemeral key is out, the peer's is awaited.
pub struct AwaitEphemeral {
    dialect: Dialect,
    secret: StaticSecret,
    public: [u8; 32],
}

/// Both ephemeral keys are known, frames are sealed, the peer's proof is awaited.
pub struct AwaitAuth {
    dialect: Dialect,
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
pub fn start(dialect: Dialect, ephemeral: Zeroizing<[u8; 32]>) -> (AwaitEphemeral, Vec<u8>) {
    let secret = StaticSecret::from(*ephemeral);
    let public = X25519Public::from(&secret).to_bytes();
    (AwaitEphemeral { dialect, secret, public }, dialect.write_hello(&public))
}

// === impl AwaitEphemeral ===

impl AwaitEphemeral {
    /// Bytes of the hello that is awaited.
    pub fn hello_length(&self) -> usize {
        self.dialect.hello_length()
    }

    /// Judges the peer's hello by its first byte, before the rest is there.
    pub fn expect(&self, first_byte: u8) -> Result<(), HandshakeError> {
        self.dialect.expect(first_byte)
    }

    /// Takes the peer's hello; gives the sealed proof of our identity to send.
    pub fn got_hello(
        self,
        identity: &PrivateKey,
        hello: &[u8],
    ) -> Result<(AwaitAuth, Vec<u8>), HandshakeError> {
        let dialect = self.dialect;
        let remote = dialect.read_hello(hello)?;
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
        let proof = dialect.write_auth(&identity.public(), &identity.sign(&challenge));
        let mut out = Vec::new();
        sealer.seal(&proof, &mut out)?;
        let opener = Opener::new(&keys.receive);
        Ok((AwaitAuth { dialect, sealer, opener, challenge, proof: frame::Decoder::new(MAX_AUTH) }, out))
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
        let (key, signature) = self.dialect.read_auth(&body)?;
        let peer = PublicKey::from_bytes(&key)?;
        if !peer.verify(&self.challenge, &signature) {
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
