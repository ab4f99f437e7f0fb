//! Cosigners on the wire: TLS with pinned keys, the daemon that holds a share, and the signer's end of the links to it.

mod agreed;
mod hall;
pub mod peer;
pub mod serve;
mod talk;
pub mod tls;
