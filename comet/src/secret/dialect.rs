//! How the handshake's two messages are written: in protobuf since Tendermint 0.34, in amino before.
//!
//! Keys, transcript and labels are the same in both (spec/signer.md §3.4, spec/p2p.md §3.6); nothing but the encoding of the
//! ephemeral key and of the proof differs. The first byte of a hello tells which it is. Handshakes before 0.33, which sign
//! another challenge, are deliberately absent.

use prost::Message;

use super::handshake::HandshakeError;
use crate::key::PublicKey;
use crate::{frame, privval};

/// Longest hello of any dialect.
pub(super) const MAX_HELLO: usize = 35;

/// `uvarint(34) || BytesValue{32 bytes}`, always in this form.
const PROTO_HELLO: [u8; 3] = [0x22, 0x0a, 0x20];
/// `uvarint(33) || [32]byte`, always in this form.
const AMINO_HELLO: [u8; 2] = [0x21, 0x20];

/// Amino's name for `tendermint/PubKeyEd25519`, and the length of what follows.
const AMINO_ED25519: [u8; 5] = [0x16, 0x24, 0xde, 0x64, 0x20];

/// Which encoding a SecretConnection's handshake has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Tendermint 0.34 and everything after.
    Proto,
    /// Tendermint 0.33.
    Amino,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoAuth {
    #[prost(message, optional, tag = "1")]
    pub_key: Option<privval::PublicKey>,
    #[prost(bytes = "vec", tag = "2")]
    sig: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct AminoAuth {
    #[prost(bytes = "vec", tag = "1")]
    pub_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    sig: Vec<u8>,
}

// === impl Dialect ===

impl Dialect {
    /// The dialect whose hello begins with this byte. A listening node sends its hello at once, so who dials can look first.
    pub fn of_first_byte(byte: u8) -> Option<Self> {
        match byte {
            0x22 => Some(Self::Proto),
            0x21 => Some(Self::Amino),
            _ => None,
        }
    }

    /// The node lines that speak it, for people.
    pub fn spoken_by(self) -> &'static str {
        match self {
            Self::Proto => "Tendermint 0.34 or newer",
            Self::Amino => "Tendermint 0.33",
        }
    }

    /// Bytes of a hello.
    pub(super) fn hello_length(self) -> usize {
        self.hello_head().len() + 32
    }

    pub(super) fn write_hello(self, ephemeral: &[u8; 32]) -> Vec<u8> {
        [self.hello_head(), ephemeral].concat()
    }

    /// Judges a hello by its first byte: the other dialect's may be shorter, and whoever waits for the rest waits for ever.
    pub(super) fn expect(self, first_byte: u8) -> Result<(), HandshakeError> {
        match Self::of_first_byte(first_byte) {
            Some(peer) if peer == self => Ok(()),
            Some(peer) => Err(HandshakeError::Dialect { ours: self, peer }),
            None => Err(HandshakeError::Hello),
        }
    }

    pub(super) fn read_hello(self, hello: &[u8]) -> Result<[u8; 32], HandshakeError> {
        let key = hello.strip_prefix(self.hello_head()).ok_or(HandshakeError::Hello)?;
        key.try_into().map_err(|_| HandshakeError::Hello)
    }

    pub(super) fn write_auth(self, key: &PublicKey, signature: &[u8]) -> Vec<u8> {
        let sig = signature.to_vec();
        match self {
            Self::Proto => {
                let pub_key = Some(privval::PublicKey::ed25519(*key.as_bytes()));
                frame::encode(&ProtoAuth { pub_key, sig })
            }
            Self::Amino => {
                let pub_key = [&AMINO_ED25519[..], key.as_bytes()].concat();
                frame::encode(&AminoAuth { pub_key, sig })
            }
        }
    }

    /// The key that a peer names in the body of its proof, and its signature, neither of them checked.
    pub(super) fn read_auth(self, body: &[u8]) -> Result<(Vec<u8>, Vec<u8>), HandshakeError> {
        let malformed = |_| HandshakeError::Auth;
        match self {
            Self::Proto => {
                let ProtoAuth { pub_key, sig } = ProtoAuth::decode(body).map_err(malformed)?;
                match pub_key.and_then(|key| key.sum) {
                    Some(privval::PublicKeySum::Ed25519(key)) => Ok((key, sig)),
                    _ => Err(HandshakeError::Auth),
                }
            }
            Self::Amino => {
                let AminoAuth { pub_key, sig } = AminoAuth::decode(body).map_err(malformed)?;
                let key = pub_key.strip_prefix(&AMINO_ED25519).ok_or(HandshakeError::Auth)?;
                Ok((key.to_vec(), sig))
            }
        }
    }

    fn hello_head(self) -> &'static [u8] {
        match self {
            Self::Proto => &PROTO_HELLO,
            Self::Amino => &AMINO_HELLO,
        }
    }
}
