//! The three messages of XX with libp2p's payload, as a typestate: a state is consumed by what it waits for.
//!
//! ```text
//! dials -> listens   e
//! dials <- listens   e, ee, s, es, payload
//! dials -> listens   s, se, payload
//! ```
//! The Noise keys are made for one link; the payload names the identity key and proves it by a signature over the Noise key.
//! Whoever dials checks the other's identity before it tells its own.

use prost::Message;
use thiserror::Error;
use x25519_dalek::{PublicKey as X25519Public, StaticSecret};
use zeroize::Zeroizing;

use super::channel::{Opener, Sealer};
use super::peer_id::PeerId;
use super::symmetric::{Symmetric, TAG};
use crate::key::{PrivateKey, PublicKey};

/// What is signed: this and the Noise key.
const SIGNED: &[u8] = b"noise-libp2p-static-key:";
/// libp2p's `PublicKey{type: Ed25519, data: 32 bytes}`.
const ED25519: [u8; 4] = [0x08, 0x01, 0x12, 0x20];

/// A handshake message has about 200 bytes; longer ones are not waited for.
pub(super) const MAX_MESSAGE: usize = 2048;

/// Why there is no link, or none any more.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NoiseError {
    /// Announced more than such a message can have.
    #[error("peer announces a message of {length} bytes, at most {max} fit")]
    TooLong {
        /// Announced.
        length: usize,
        /// Our bound.
        max: usize,
    },
    /// A handshake message that is too short.
    #[error("peer's handshake message is malformed")]
    Malformed,
    /// Forged, damaged, repeated or reordered, or no Noise at all.
    #[error("a message did not authenticate")]
    Forged,
    /// The agreed key would be known to everyone.
    #[error("peer's Noise key is of low order")]
    LowOrder,
    /// The payload holds no Ed25519 identity.
    #[error("peer shows no Ed25519 identity")]
    Identity,
    /// The peer does not hold the identity key that it names.
    #[error("peer's signature over its Noise key does not verify")]
    Signature,
    /// Somebody else answered.
    #[error("peer is {got}, and {expected} was expected")]
    OtherPeer {
        /// By the configuration.
        expected: PeerId,
        /// By its own proof.
        got: PeerId,
    },
    /// 2^64 messages in one direction.
    #[error("message counter is used up")]
    CounterUsedUp,
    /// The handshake is not done, or failed before.
    #[error("there is no link")]
    NoLink,
}

#[derive(Clone, PartialEq, Message)]
struct Payload {
    #[prost(bytes = "vec", tag = "1")]
    identity_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    identity_sig: Vec<u8>,
    /// go-libp2p always sends them, and what is in them is of no use here.
    #[prost(message, optional, tag = "4")]
    extensions: Option<Extensions>,
}

#[derive(Clone, PartialEq, Message)]
struct Extensions {}

/// A link whose peer is the one that was expected.
pub struct Established {
    /// Sending half.
    pub sealer: Sealer,
    /// Receiving half.
    pub opener: Opener,
}

/// Our Noise keys and the hash so far.
struct Own {
    symmetric: Symmetric,
    ephemeral: StaticSecret,
    fixed: StaticSecret,
    expected: PeerId,
}

/// Dialled, our first message is out.
pub struct AwaitAnswer(Own);

/// Listening, the first message is awaited.
pub struct AwaitHello(Own);

/// Listening, our answer is out.
pub struct AwaitProof(Own);

/// Dials: the state and the first message. Both secrets are 32 fresh random bytes, used for this link only.
pub fn dial(
    ephemeral: &Zeroizing<[u8; 32]>,
    fixed: &Zeroizing<[u8; 32]>,
    expected: PeerId,
) -> Result<(AwaitAnswer, Vec<u8>), NoiseError> {
    let mut own = Own::new(ephemeral, fixed, expected);
    let mut out = own.write_ephemeral();
    own.symmetric.write(b"", &mut out)?;
    Ok((AwaitAnswer(own), out))
}

/// Listens.
pub fn listen(ephemeral: &Zeroizing<[u8; 32]>, fixed: &Zeroizing<[u8; 32]>, expected: PeerId) -> AwaitHello {
    AwaitHello(Own::new(ephemeral, fixed, expected))
}

// === impl AwaitAnswer ===

impl AwaitAnswer {
    /// Takes the answer; gives the link and the proof of our identity to send.
    pub fn got_answer(
        self,
        identity: &PrivateKey,
        answer: &[u8],
    ) -> Result<(Established, Vec<u8>), NoiseError> {
        let Self(mut own) = self;
        let (theirs, answer) = own.read_ephemeral(answer)?;
        own.mix(&own.ephemeral.clone(), &theirs)?;
        let (their_fixed, sealed) = own.read_fixed(answer)?;
        own.mix(&own.ephemeral.clone(), &their_fixed)?;
        own.read_proof(&their_fixed, sealed)?;

        let mut out = Vec::new();
        let fixed = X25519Public::from(&own.fixed).to_bytes();
        own.symmetric.write(&fixed, &mut out)?;
        own.mix(&own.fixed.clone(), &theirs)?;
        own.write_proof(identity, &mut out)?;
        let (ours, theirs) = own.symmetric.split();
        Ok((Established { sealer: Sealer(ours), opener: Opener(theirs) }, out))
    }
}

// === impl AwaitHello ===

impl AwaitHello {
    /// Takes the first message; gives the answer to send.
    pub fn got_hello(self, identity: &PrivateKey, hello: &[u8]) -> Result<(AwaitProof, Vec<u8>), NoiseError> {
        let Self(mut own) = self;
        let (theirs, rest) = own.read_ephemeral(hello)?;
        own.symmetric.read(rest)?;
        let mut out = own.write_ephemeral();
        own.mix(&own.ephemeral.clone(), &theirs)?;
        let fixed = X25519Public::from(&own.fixed).to_bytes();
        own.symmetric.write(&fixed, &mut out)?;
        own.mix(&own.fixed.clone(), &theirs)?;
        own.write_proof(identity, &mut out)?;
        Ok((AwaitProof(own), out))
    }
}

// === impl AwaitProof ===

impl AwaitProof {
    /// Takes the last message; gives the link.
    pub fn got_proof(self, proof: &[u8]) -> Result<Established, NoiseError> {
        let Self(mut own) = self;
        let (their_fixed, sealed) = own.read_fixed(proof)?;
        own.mix(&own.ephemeral.clone(), &their_fixed)?;
        own.read_proof(&their_fixed, sealed)?;
        let (theirs, ours) = own.symmetric.split();
        Ok(Established { sealer: Sealer(ours), opener: Opener(theirs) })
    }
}

// === impl Own ===

impl Own {
    fn new(ephemeral: &Zeroizing<[u8; 32]>, fixed: &Zeroizing<[u8; 32]>, expected: PeerId) -> Self {
        Self {
            symmetric: Symmetric::new(),
            ephemeral: StaticSecret::from(**ephemeral),
            fixed: StaticSecret::from(**fixed),
            expected,
        }
    }

    fn write_ephemeral(&mut self) -> Vec<u8> {
        let public = X25519Public::from(&self.ephemeral).to_bytes();
        self.symmetric.mix_hash(&public);
        public.to_vec()
    }

    fn read_ephemeral<'m>(&mut self, message: &'m [u8]) -> Result<([u8; 32], &'m [u8]), NoiseError> {
        let (theirs, rest) = message.split_first_chunk::<32>().ok_or(NoiseError::Malformed)?;
        self.symmetric.mix_hash(theirs);
        Ok((*theirs, rest))
    }

    fn read_fixed<'m>(&mut self, message: &'m [u8]) -> Result<([u8; 32], &'m [u8]), NoiseError> {
        let (sealed, rest) = message.split_first_chunk::<{ 32 + TAG }>().ok_or(NoiseError::Malformed)?;
        let theirs = self.symmetric.read(sealed)?;
        Ok((theirs.try_into().map_err(|_| NoiseError::Malformed)?, rest))
    }

    fn mix(&mut self, ours: &StaticSecret, theirs: &[u8; 32]) -> Result<(), NoiseError> {
        let agreed = ours.diffie_hellman(&X25519Public::from(*theirs));
        if !agreed.was_contributory() {
            return Err(NoiseError::LowOrder);
        }
        self.symmetric.mix_key(agreed.as_bytes());
        Ok(())
    }

    fn write_proof(&mut self, identity: &PrivateKey, out: &mut Vec<u8>) -> Result<(), NoiseError> {
        let fixed = X25519Public::from(&self.fixed).to_bytes();
        let payload = Payload {
            identity_key: [&ED25519[..], identity.public().as_bytes()].concat(),
            identity_sig: identity.sign(&[SIGNED, &fixed].concat()).to_vec(),
            extensions: Some(Extensions {}),
        };
        self.symmetric.write(&payload.encode_to_vec(), out)
    }

    fn read_proof(&mut self, their_fixed: &[u8; 32], sealed: &[u8]) -> Result<(), NoiseError> {
        let payload = self.symmetric.read(sealed)?;
        let Payload { identity_key, identity_sig, .. } =
            Payload::decode(payload.as_slice()).map_err(|_| NoiseError::Identity)?;
        let key = identity_key.strip_prefix(&ED25519).ok_or(NoiseError::Identity)?;
        let key = PublicKey::from_bytes(key).map_err(|_| NoiseError::Identity)?;
        if !key.verify(&[SIGNED, their_fixed].concat(), &identity_sig) {
            return Err(NoiseError::Signature);
        }
        let got = PeerId::of(&key);
        if got.is(&self.expected) {
            Ok(())
        } else {
            Err(NoiseError::OtherPeer { expected: self.expected, got })
        }
    }
}

#[cfg(test)]
mod tests;
