//! SecretConnection: the authenticated encryption between CometBFT nodes, and between a node and its signer.
//!
//! No sockets here (spec/signer.md §3.4; CometBFT `p2p/conn/secret_connection.go`):
//!
//! - [`Dialect`]: protobuf, or the amino of Tendermint 0.33; the handshake's messages differ and nothing else
//! - [`handshake`]: a typestate, [`handshake::AwaitEphemeral`] then [`handshake::AwaitAuth`]; a state is consumed by
//!   what it waits for, so no message can be taken twice or out of order
//! - [`channel`]: what comes out of it, a [`Sealer`] and an [`Opener`] of 1,044-byte frames
//! - [`Driver`]: both behind one pair of byte queues, which is all that a socket loop needs
//!
//! ```text
//! socket bytes -> Driver::receive -> plaintext (after the handshake)
//! plaintext    -> Driver::send    -> socket bytes
//! ```

pub mod channel;
mod dialect;
mod driver;
pub mod handshake;

pub use channel::{ChannelError, Opener, Sealer};
pub use dialect::Dialect;
pub use driver::Driver;
pub use handshake::HandshakeError;
