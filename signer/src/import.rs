//! What other signers leave behind, parsed: keys and states of CometBFT, tmkms and horcrux, the configuration of tmkms (spec/signer.md §4).
//!
//! Their formats look alike and mean different things; each trap has its test here.

pub mod key;
pub mod shard;
pub mod state;
pub mod tmkms;
