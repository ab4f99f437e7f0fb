//! libp2p's identify and the certificate under it, as bytes: what a node of 0.39 or 0.40 tells whoever asks.
//!
//! The certificate of libp2p carries the node's key in an extension, signed for by that key (libp2p specs, tls/tls.md), so the id
//! of CometBFT follows from it. Nothing here allocates more than the message has bytes.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use prost::Message;
use sha2::{Digest, Sha256};

use crate::peer::NodeId;

/// What a node said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The id of its node key, proved by its certificate.
    pub id: Option<NodeId>,
    /// The same as libp2p writes it, `12D3Koo…`.
    pub peer_id: String,
    /// Its program.
    pub agent: String,
    /// Where it says that it listens.
    pub listen: Vec<String>,
    /// Where it saw us.
    pub observed: Option<String>,
    /// Protocols that it speaks.
    pub protocols: Vec<String>,
}

/// The message of `/ipfs/id/1.0.0`.
#[derive(Clone, PartialEq, Message)]
struct Identify {
    #[prost(bytes = "vec", repeated, tag = "2")]
    listen: Vec<Vec<u8>>,
    #[prost(string, repeated, tag = "3")]
    protocols: Vec<String>,
    #[prost(bytes = "vec", optional, tag = "4")]
    observed: Option<Vec<u8>>,
    #[prost(string, optional, tag = "6")]
    agent: Option<String>,
}

/// `1.3.6.1.4.1.53594.1.1`, as DER writes it.
const EXTENSION: [u8; 12] = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xa2, 0x5a, 0x01, 0x01];
/// What the node's key signs, before the key of the certificate.
pub const SIGNED: &[u8] = b"libp2p-tls-handshake:";
/// A public key of Ed25519 in libp2p's protobuf, before its 32 bytes.
pub const ED25519: [u8; 4] = [0x08, 0x01, 0x12, 0x20];

impl Identity {
    /// The key is proved to be the node's; the message is what it says, or nothing where it said nothing.
    pub fn new(key: &[u8; 32], message: Option<&[u8]>) -> Option<Self> {
        let said = match message {
            Some(bytes) => Identify::decode(bytes).ok()?,
            None => Identify::default(),
        };
        Some(Self {
            id: hex::encode(&Sha256::digest(key)[..20]).parse().ok(),
            peer_id: peer_id(key),
            agent: said.agent.unwrap_or_default(),
            listen: said.listen.iter().take(64).map(|addr| multiaddr(addr)).collect(),
            observed: said.observed.map(|addr| multiaddr(&addr)),
            protocols: said.protocols.into_iter().take(64).collect(),
        })
    }
}

/// The node's key in a certificate and its signature: `SEQUENCE { OCTET STRING, OCTET STRING }` in the extension.
pub fn signed_key(certificate: &[u8]) -> Option<([u8; 32], &[u8])> {
    let at = certificate.windows(EXTENSION.len()).position(|w| w == EXTENSION)? + EXTENSION.len();
    let mut rest = certificate.get(at..)?;
    // An optional BOOLEAN says that it is critical.
    if rest.starts_with(&[0x01, 0x01]) {
        rest = rest.get(3..)?;
    }
    let (sequence, _) = der(rest, 0x04)?;
    let (both, _) = der(sequence, 0x30)?;
    let (key, signature) = der(both, 0x04)?;
    let (signature, _) = der(signature, 0x04)?;
    Some((key.strip_prefix(&ED25519)?.try_into().ok()?, signature))
}

/// The content of a DER value of this kind, and what stands behind it.
fn der(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *first != kind {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)), rest.get(2..)?),
        _ => return None,
    };
    Some((rest.get(..length)?, rest.get(length..)?))
}

/// A multihash of the key itself, in base 58.
fn peer_id(key: &[u8; 32]) -> String {
    const LETTERS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let bytes = [&[0x00, 0x24][..], &ED25519, key].concat();
    let mut digits: Vec<u8> = Vec::new();
    for byte in &bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 58).unwrap_or(0);
            carry /= 58;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 58).unwrap_or(0));
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let letters = std::iter::repeat_n(&0, zeros).chain(digits.iter().rev());
    letters.map(|digit| char::from(LETTERS[usize::from(*digit)])).collect()
}

/// As libp2p writes it, as far as the protocols are known here; the rest in hexadecimal digits.
fn multiaddr(bytes: &[u8]) -> String {
    let (mut text, mut rest) = (String::new(), bytes);
    while !rest.is_empty() {
        let part = component(rest);
        let Some((written, after)) = part else {
            return format!("{text}/0x{}", hex::encode(rest));
        };
        text += &written;
        rest = after;
    }
    text
}

fn component(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (code, rest) = varint(bytes)?;
    let fixed = |n: usize| Some((rest.get(..n)?, rest.get(n..)?));
    let port = |name: &str| {
        let (value, after) = fixed(2)?;
        Some((format!("/{name}/{}", u16::from_be_bytes(value.try_into().ok()?)), after))
    };
    match code {
        4 => {
            let (ip, after) = fixed(4)?;
            Some((format!("/ip4/{}", Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?)), after))
        }
        41 => {
            let (ip, after) = fixed(16)?;
            Some((format!("/ip6/{}", Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?)), after))
        }
        6 => port("tcp"),
        273 => port("udp"),
        460 => Some(("/quic".to_owned(), rest)),
        461 => Some(("/quic-v1".to_owned(), rest)),
        53..=56 => {
            let (length, rest) = varint(rest)?;
            let name = String::from_utf8_lossy(rest.get(..length)?);
            let kind = ["dns", "dns4", "dns6", "dnsaddr"][code - 53];
            Some((format!("/{kind}/{name}"), rest.get(length..)?))
        }
        _ => None,
    }
}

/// An unsigned varint of at most three bytes.
fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (i, byte) in bytes.iter().take(3).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

/// The address in a multiaddr.
pub fn ip(multiaddr: &str) -> Option<IpAddr> {
    let mut parts = multiaddr.split('/').skip(1);
    matches!(parts.next(), Some("ip4" | "ip6")).then(|| parts.next()?.parse().ok())?
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.peer_id)?;
        if let Some(id) = &self.id {
            write!(f, " (node {id})")?;
        }
        if !self.agent.is_empty() {
            write!(f, ", agent {}", self.agent)?;
        }
        if !self.listen.is_empty() {
            write!(f, ", listens at {}", self.listen.join(", "))?;
        }
        self.observed.as_ref().map_or(Ok(()), |at| write!(f, ", saw us at {at}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_addresses() {
        // The key of libp2p's specs (peer-ids.md); the id was computed apart from this.
        let key =
            hex::decode("1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e").expect("hex");
        let key: [u8; 32] = key.try_into().expect("32 bytes");
        let mut message = vec![0x12, 11, 4, 10, 66, 0, 2, 0x91, 0x02, 0x68, 0x20, 0xcd, 0x03];
        message.extend([0x32, 7]);
        message.extend(b"cometbf");
        let said = Identity::new(&key, Some(&message)).expect("a message");
        assert_eq!(said.peer_id, "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq");
        assert_eq!(
            (said.listen, said.agent),
            (vec!["/ip4/10.66.0.2/udp/26656/quic-v1".to_owned()], "cometbf".to_owned())
        );
        assert_eq!(ip("/ip4/10.66.0.2/udp/1"), Some([10, 66, 0, 2].into()));
        assert_eq!(ip("/dns4/a/udp/1"), None);
    }

    #[test]
    fn nonsense_is_none() {
        assert!(Identity::new(&[0; 32], Some(&[0xff; 9])).is_none());
        for bytes in [&[0x04][..], &[0x04, 1, 2], &[0xff, 0xff, 0xff, 0xff], &[54, 9, 1]] {
            assert!(multiaddr(bytes).starts_with("/0x"));
        }
        for cut in 0..40 {
            let mut certificate = EXTENSION.to_vec();
            certificate.extend([0x04, 0x2c, 0x30, 0x2a, 0x04, 0x24, 0x08, 0x01, 0x12, 0x20]);
            certificate.extend([7; 32]);
            certificate.extend([0x04, 0x02, 1, 2]);
            assert!(signed_key(&certificate).is_some());
            assert!(signed_key(&certificate[..certificate.len() - 1 - cut]).is_none());
        }
    }
}
