//! The link of CometBFT 0.40's `noise://` listener: Noise XX as libp2p has it, straight on TCP, both sides pinned.
//!
//! Where a SecretConnection hides what is said, this also says to whom: each side names the other's [`PeerId`] beforehand
//! (spec/signer.md §3.1.7; CometBFT v0.40.0 `privval/noise_listener.go`, go-libp2p `p2p/security/noise`). No sockets here:
//!
//! - [`PeerId`]: an Ed25519 key as libp2p writes it, `12D3KooW…`
//! - `symmetric`: the running hash and key of a Noise handshake
//! - [`handshake`]: the three messages of XX with libp2p's payload, as a typestate
//! - [`channel`]: what comes out of it, messages of up to 65,535 bytes behind their length
//! - [`Driver`]: all of it behind one pair of byte queues
//!
//! One cipher suite, `Noise_XX_25519_ChaChaPoly_SHA256`, no prologue, as libp2p fixes them; so it is written here on the
//! primitives that SecretConnection uses already, instead of with a crate that chooses among many. Absent on purpose: other
//! key types than Ed25519 (a node's key is one), stream muxers, early data, re-keying.

pub mod channel;
mod driver;
pub mod handshake;
mod peer_id;
mod symmetric;

pub use channel::{Opener, Sealer};
pub use driver::{Driver, Secrets};
pub use handshake::NoiseError;
pub use peer_id::{PeerId, PeerIdError};
