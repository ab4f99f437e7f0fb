//! What signer and cosigner say to each other, in frames of a length (four bytes, big-endian) and a protobuf message, inside of
//! TLS 1.3 with pinned keys.
//!
//! The cosigner speaks first: who it is, which group it belongs to, and the nonces that it promises. From then on the signer asks
//! and the cosigner answers, each answer with a new promise; so a signature costs one round trip, not two. Promises end
//! with the connection.

use prost::Message;

/// The version of this protocol.
pub const VERSION: u32 = 1;
/// Longest frame: a vote extension of 1 MiB with everything around it.
pub const MAX_FRAME: usize = (1 << 20) + (1 << 14);

/// The cosigner's first words.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Hello {
    /// [`VERSION`].
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// Its number in the group.
    #[prost(uint32, tag = "2")]
    pub id: u32,
    /// [`crate::frost::group::Group::fingerprint`].
    #[prost(string, tag = "3")]
    pub group: String,
    /// Its first promise.
    #[prost(bytes = "vec", tag = "4")]
    pub commitments: Vec<u8>,
}

/// The signer asks.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Ask {
    /// For a share of a signature over what is in this package; empty to hear that somebody is there.
    #[prost(bytes = "vec", tag = "1")]
    pub package: Vec<u8>,
}

/// The cosigner answers.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Answer {
    /// The share; empty where there is none.
    #[prost(bytes = "vec", tag = "1")]
    pub share: Vec<u8>,
    /// Why there is none.
    #[prost(string, tag = "2")]
    pub denied: String,
    /// The next promise; empty where the last one still stands.
    #[prost(bytes = "vec", tag = "3")]
    pub commitments: Vec<u8>,
}

/// One frame.
pub fn frame(message: &impl Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    let length = u32::try_from(body.len()).expect("messages are far below 4 GiB");
    [&length.to_be_bytes()[..], &body].concat()
}

/// The length of a frame's body; `None` where it is too long to be one.
pub fn length(head: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(head)).ok().filter(|length| *length <= MAX_FRAME)
}
