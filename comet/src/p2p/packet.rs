//! The multiplexed stream: pings, pongs, and messages in pieces on numbered channels.
//!
//! A node disconnects a peer that speaks on a channel it did not offer, and so does this: whoever offers channels to a
//! node names them to [`Packets::new`] with the largest message that it takes on each.
//!
//! In amino (Tendermint 0.33) the fields are the same behind a prefix of four bytes that names the kind of packet.

use prost::{Message, Oneof};
use thiserror::Error;

use crate::frame::{self, Decoder, FrameError};
use crate::secret::Dialect;

const AMINO_PING: [u8; 4] = [0x15, 0xc3, 0xd2, 0x89];
const AMINO_PONG: [u8; 4] = [0x8a, 0x79, 0x7f, 0xe2];
const AMINO_MSG: [u8; 4] = [0xb0, 0x5b, 0x4f, 0x2c];

/// The largest packet we take. A node's own is `p2p.max_packet_msg_payload_size` (1,024) and a few bytes.
const MAX_PACKET: usize = 64 * 1024;

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Must be answered with [`pong`] within 45 s.
    Ping,
    /// An answer to our ping.
    Pong,
    /// A whole message.
    Message {
        /// The channel it came on.
        channel: u8,
        /// Its bytes.
        data: Vec<u8>,
    },
}

/// Why the stream cannot go on: close the link.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PacketError {
    /// The framing is lost.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// No packet.
    #[error("packet does not decode")]
    Malformed,
    /// A channel that was not offered.
    #[error("packet on channel {0:#04x}, which was not offered")]
    Channel(i32),
    /// A message outgrew its channel.
    #[error("message on channel {channel:#04x} exceeds {max} bytes")]
    TooLong {
        /// Channel.
        channel: u8,
        /// What the channel takes.
        max: usize,
    },
}

#[derive(Clone, PartialEq, Message)]
struct Packet {
    #[prost(oneof = "Sum", tags = "1, 2, 3")]
    sum: Option<Sum>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Sum {
    #[prost(message, tag = "1")]
    Ping(Empty),
    #[prost(message, tag = "2")]
    Pong(Empty),
    #[prost(message, tag = "3")]
    Msg(Piece),
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Empty {}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(int32, tag = "1")]
    channel: i32,
    #[prost(bool, tag = "2")]
    eof: bool,
    #[prost(bytes = "vec", tag = "3")]
    data: Vec<u8>,
}

/// Reassembles what a peer sends. Holds at most one packet and one unfinished message for each channel.
#[derive(Debug)]
pub struct Packets {
    dialect: Dialect,
    decoder: Decoder,
    channels: Vec<Channel>,
}

#[derive(Debug)]
struct Channel {
    id: u8,
    max: usize,
    partial: Vec<u8>,
}

/// A ping as it goes into the link.
pub fn ping(dialect: Dialect) -> Vec<u8> {
    encode(dialect, Sum::Ping(Empty {}))
}

/// A pong as it goes into the link.
pub fn pong(dialect: Dialect) -> Vec<u8> {
    encode(dialect, Sum::Pong(Empty {}))
}

/// A whole message for one channel; for messages that fit into one packet, as all of ours do.
pub fn message(dialect: Dialect, channel: u8, data: &[u8]) -> Vec<u8> {
    encode(dialect, Sum::Msg(Piece { channel: i32::from(channel), eof: true, data: data.to_vec() }))
}

fn encode(dialect: Dialect, sum: Sum) -> Vec<u8> {
    let body = match (dialect, &sum) {
        (Dialect::Proto, _) => return frame::encode(&Packet { sum: Some(sum) }),
        (Dialect::Amino, Sum::Ping(_)) => AMINO_PING.to_vec(),
        (Dialect::Amino, Sum::Pong(_)) => AMINO_PONG.to_vec(),
        (Dialect::Amino, Sum::Msg(piece)) => [&AMINO_MSG[..], &piece.encode_to_vec()].concat(),
    };
    frame::delimited(&body)
}

fn decode(dialect: Dialect, body: &[u8]) -> Option<Sum> {
    if dialect == Dialect::Proto {
        return Packet::decode(body).ok()?.sum;
    }
    let (prefix, fields) = body.split_first_chunk::<4>()?;
    match *prefix {
        AMINO_PING => Some(Sum::Ping(Empty {})),
        AMINO_PONG => Some(Sum::Pong(Empty {})),
        AMINO_MSG => Some(Sum::Msg(Piece::decode(fields).ok()?)),
        _ => None,
    }
}

// === impl Packets ===

impl Packets {
    /// For these channels, each with the largest message that is taken on it.
    pub fn new(dialect: Dialect, channels: &[(u8, usize)]) -> Self {
        let channels = channels.iter().map(|&(id, max)| Channel { id, max, partial: Vec::new() }).collect();
        Self { dialect, decoder: Decoder::new(MAX_PACKET), channels }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.channels.iter().map(|channel| channel.partial.len()).sum()
    }

    /// Takes decrypted bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.decoder.push(bytes);
    }

    /// The next event, `None` until more bytes come.
    #[allow(clippy::should_implement_trait)] // fallible, and not an iterator: more bytes may follow a None
    pub fn next(&mut self) -> Result<Option<Event>, PacketError> {
        while let Some(body) = self.decoder.next()? {
            match decode(self.dialect, body).ok_or(PacketError::Malformed)? {
                Sum::Ping(Empty {}) => return Ok(Some(Event::Ping)),
                Sum::Pong(Empty {}) => return Ok(Some(Event::Pong)),
                Sum::Msg(piece) => {
                    let channel = self
                        .channels
                        .iter_mut()
                        .find(|channel| i32::from(channel.id) == piece.channel)
                        .ok_or(PacketError::Channel(piece.channel))?;
                    if channel.partial.len() + piece.data.len() > channel.max {
                        return Err(PacketError::TooLong { channel: channel.id, max: channel.max });
                    }
                    channel.partial.extend_from_slice(&piece.data);
                    if piece.eof {
                        let data = core::mem::take(&mut channel.partial);
                        return Ok(Some(Event::Message { channel: channel.id, data }));
                    }
                }
            }
        }
        Ok(None)
    }
}
