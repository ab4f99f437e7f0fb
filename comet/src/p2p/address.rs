//! A node's address as other nodes hand it on: id, number, port. Names do not occur on the wire.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::key::NodeId;

/// Where a node can be dialled, and who must answer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetAddress {
    /// Who must answer.
    pub id: NodeId,
    /// The address; IPv4 is never written as IPv6 here.
    pub ip: IpAddr,
    /// TCP port.
    pub port: u16,
}

/// Why three fields of a peer are no address.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// Not 40 hex digits.
    #[error("an entry's node id is not 40 hex digits")]
    Id,
    /// No number.
    #[error("an entry's ip is no IP address")]
    Ip,
    /// Above 65,535.
    #[error("an entry's port is {0}, at most 65535 is one")]
    Port(u32),
}

impl NetAddress {
    /// From the three fields of a message.
    pub fn new(id: &str, ip: &str, port: u32) -> Result<Self, AddressError> {
        let id = NodeId::from_hex(id).ok_or(AddressError::Id)?;
        Self::checked(id, ip.parse().map_err(|_| AddressError::Ip)?, port)
    }

    /// The same where the ip is 4 or 16 bytes.
    pub(super) fn of_bytes(id: &str, ip: &[u8], port: u32) -> Result<Self, AddressError> {
        let id = NodeId::from_hex(id).ok_or(AddressError::Id)?;
        let v4 = <[u8; 4]>::try_from(ip).map(IpAddr::from);
        let ip = v4.or_else(|_| <[u8; 16]>::try_from(ip).map(IpAddr::from)).map_err(|_| AddressError::Ip)?;
        Self::checked(id, ip, port)
    }

    fn checked(id: NodeId, ip: IpAddr, port: u32) -> Result<Self, AddressError> {
        let port = u16::try_from(port).map_err(|_| AddressError::Port(port))?;
        Ok(Self { id, ip: ip.to_canonical(), port })
    }
}

impl fmt::Display for NetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, SocketAddr::new(self.ip, self.port))
    }
}
