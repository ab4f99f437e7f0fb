//! Cosigners on the wire: TLS with pinned keys, the daemon that holds a share, and the signer's end of the links to it.

mod agreed;
pub mod peer;
pub mod serve;
pub mod tls;
