//! Peer exchange: anybody may ask a node for addresses out of its book.
//!
//! A node answers two requests on a connection at once and then one every ten seconds; one that comes too early costs the
//! connection (spec p2p.md §3.5 R9). In amino (Tendermint 0.33) an entry's ip is 4 or 16 bytes and not text.

use core::net::IpAddr;

use prost::{Message, Oneof};
use thiserror::Error;

use super::address::{AddressError, NetAddress};
use super::packet;
use crate::secret::Dialect;

/// The channel of peer exchange.
pub const CHANNEL: u8 = 0x00;
/// The largest message on it: 250 addresses of 256 bytes (`p2p/pex/pex_reactor.go`).
pub const MAX_MESSAGE: usize = 64_000;
/// Addresses in one answer at most (`maxGetSelection`).
pub const MAX_ADDRESSES: usize = 250;

const AMINO_REQUEST: [u8; 4] = [0x72, 0x3a, 0x31, 0xcd];
const AMINO_ADDRESSES: [u8; 4] = [0x1c, 0xbb, 0x67, 0x6b];

/// What a peer says on the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PexMessage {
    /// It asks for addresses.
    Request,
    /// It gives some.
    Addresses(Addresses),
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Those that are addresses, in the order given.
    pub valid: Vec<NetAddress>,
    /// How many entries are none.
    pub invalid: usize,
}

/// Why a message is not one of peer exchange.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PexError {
    /// It does not decode, or is neither question nor answer.
    #[error("message is none of peer exchange")]
    Malformed,
    /// More than a node hands out.
    #[error("answer of {0} addresses, a node gives {MAX_ADDRESSES} at most")]
    TooMany(usize),
}

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(oneof = "Sum", tags = "1, 2")]
    sum: Option<Sum>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Sum {
    #[prost(message, tag = "1")]
    Request(Empty),
    #[prost(message, tag = "2")]
    Addresses(List),
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Empty {}

#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    ip: String,
    #[prost(uint32, tag = "3")]
    port: u32,
}

#[derive(Clone, PartialEq, Message)]
struct AminoList {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<AminoEntry>,
}

#[derive(Clone, PartialEq, Message)]
struct AminoEntry {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(bytes = "vec", tag = "2")]
    ip: Vec<u8>,
    #[prost(uint32, tag = "3")]
    port: u32,
}

/// The packet that asks for addresses.
pub fn request(dialect: Dialect) -> Vec<u8> {
    let data = match dialect {
        Dialect::Proto => Wire { sum: Some(Sum::Request(Empty {})) }.encode_to_vec(),
        Dialect::Amino => AMINO_REQUEST.to_vec(),
    };
    packet::message(dialect, CHANNEL, &data)
}

/// The data of an answer; for tests and for stand-ins of a node.
pub fn answer(dialect: Dialect, addresses: &[NetAddress]) -> Vec<u8> {
    let proto =
        |a: &NetAddress| Entry { id: a.id.to_string(), ip: a.ip.to_string(), port: u32::from(a.port) };
    let amino = |a: &NetAddress| {
        let ip = match a.ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        AminoEntry { id: a.id.to_string(), ip: ip.octets().to_vec(), port: u32::from(a.port) }
    };
    match dialect {
        Dialect::Proto => {
            let list = List { entries: addresses.iter().map(proto).collect() };
            Wire { sum: Some(Sum::Addresses(list)) }.encode_to_vec()
        }
        Dialect::Amino => {
            let list = AminoList { entries: addresses.iter().map(amino).collect() };
            [&AMINO_ADDRESSES[..], &list.encode_to_vec()].concat()
        }
    }
}

/// Decodes a message of the channel.
pub fn decode(dialect: Dialect, data: &[u8]) -> Result<PexMessage, PexError> {
    let entries: Vec<Result<NetAddress, AddressError>> = match dialect {
        Dialect::Proto => {
            match Wire::decode(data).ok().and_then(|wire| wire.sum).ok_or(PexError::Malformed)? {
                Sum::Request(Empty {}) => return Ok(PexMessage::Request),
                Sum::Addresses(list) => {
                    few(list.entries.len())?;
                    list.entries.iter().map(|e| NetAddress::new(&e.id, &e.ip, e.port)).collect()
                }
            }
        }
        Dialect::Amino => {
            let (prefix, fields) = data.split_first_chunk::<4>().ok_or(PexError::Malformed)?;
            match *prefix {
                AMINO_REQUEST => return Ok(PexMessage::Request),
                AMINO_ADDRESSES => {
                    let list = AminoList::decode(fields).map_err(|_| PexError::Malformed)?;
                    few(list.entries.len())?;
                    list.entries.iter().map(|e| NetAddress::of_bytes(&e.id, &e.ip, e.port)).collect()
                }
                _ => return Err(PexError::Malformed),
            }
        }
    };
    let valid: Vec<NetAddress> = entries.iter().flatten().copied().collect();
    Ok(PexMessage::Addresses(Addresses { invalid: entries.len() - valid.len(), valid }))
}

fn few(entries: usize) -> Result<(), PexError> {
    if entries > MAX_ADDRESSES { Err(PexError::TooMany(entries)) } else { Ok(()) }
}
