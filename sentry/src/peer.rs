//! Node ids and peer addresses as CometBFT writes them: 40 lower-case hex digits, `id@host:port`.
//!
//! Parsed strictly, because the node does not: an id with a typo in `private_peer_ids` is silently inert
//! (spec p2p.md §3.2), and the validator it should have hidden is gossiped.

use core::fmt;
use core::str::FromStr;

/// The hex form of the first 20 bytes of SHA-256 of a node's public key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(String);

/// `id@host:port`, the host an address or a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    /// Who must answer there.
    pub id: NodeId,
    /// Address or DNS name.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Why a string is no node id or peer address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Wrong length or a character outside `0-9a-f`.
    #[error("\"{0}\" is not a node id: 40 lower-case hex digits are expected")]
    Id(String),
    /// Not of the form `id@host:port`.
    #[error("\"{0}\" is not a peer address: id@host:port is expected")]
    Address(String),
}

impl FromStr for NodeId {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 40 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PeerError::Id(text.to_owned()))
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PeerAddress {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let wrong = || PeerError::Address(text.to_owned());
        let bare = text.strip_prefix("tcp://").unwrap_or(text);
        let (id, rest) = bare.split_once('@').ok_or_else(wrong)?;
        let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || host.contains(['/', '@', ' ', '[', ']']) {
            return Err(wrong());
        }
        Ok(Self { id: id.parse()?, host: host.to_owned(), port: port.parse().map_err(|_| wrong())? })
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}@[{}]:{}", self.id, self.host, self.port)
        } else {
            write!(f, "{}@{}:{}", self.id, self.host, self.port)
        }
    }
}

/// Parses a comma-separated list as `config.toml` holds it; empty items are skipped, as the node does.
pub(crate) fn list<T: FromStr<Err = PeerError>>(text: &str) -> Result<Vec<T>, PeerError> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";

    #[test]
    fn addresses_round_trip() {
        for text in [format!("{ID}@203.0.113.7:26656"), format!("{ID}@[2001:db8::7]:26656")] {
            assert_eq!(text.parse::<PeerAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn typos_are_refused() {
        for text in ["", "b62e", &ID.to_uppercase(), &format!("{ID}0"), &ID.replace('b', "g")] {
            assert!(text.parse::<NodeId>().is_err(), "{text}");
        }
        for text in [ID.to_owned(), format!("{ID}@:1"), format!("{ID}@host"), format!("{ID}@host:99999")] {
            assert!(text.parse::<PeerAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn lists_skip_blanks_only() {
        assert_eq!(list::<NodeId>("").unwrap(), []);
        assert_eq!(list::<NodeId>(&format!(" {ID}, ,{ID}")).unwrap().len(), 2);
        assert!(list::<NodeId>(&format!("{ID},x")).is_err());
    }
}
