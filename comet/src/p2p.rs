//! What CometBFT nodes say to each other behind the SecretConnection, as far as a stranger may hear it.
//!
//! No sockets here (spec p2p.md §3.4; CometBFT `p2p/transport.go`, `p2p/conn/connection.go`, `p2p/pex`):
//!
//! - [`NodeInfo`]: who a node says it is, the first message on the link
//! - [`Packets`]: the multiplexed stream after it, reassembled to messages per channel
//! - [`pex`]: address-book requests and answers, on channel [`pex::CHANNEL`]
//! - [`NetAddress`]: `id@ip:port` as those answers hold it
//!
//! Both dialects of the handshake are known here as well: in amino the node info is the same bytes, packets and PEX differ.
//!
//! Every decoder takes a peer's bytes: what it holds is bounded, and what is wrong is an error and not a panic.
//! Deliberately absent: consensus, mempool and block sync, which no stranger needs to speak.

mod address;
mod node_info;
mod packet;
pub mod pex;

pub use address::{AddressError, NetAddress};
pub use node_info::{MAX_NODE_INFO, NodeInfo, NodeInfoError, Versions};
pub use packet::{Event, PacketError, Packets, message, ping, pong};

#[cfg(test)]
mod tests;
