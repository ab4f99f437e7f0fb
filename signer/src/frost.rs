//! Threshold keys: an Ed25519 key of which no machine ever has the whole, and of which any `t` out of `n` cosigners sign.
//!
//! FROST(Ed25519, SHA-512) of RFC 9591, by the Zcash Foundation's crates. What comes out is a plain Ed25519 signature; no node
//! can tell the difference. The parts:
//!
//! ```text
//! group     who the cosigners are: public key, threshold, each one's public share       a public file
//! share     one cosigner's secret, with its group                                       a private file
//! deal      an existing key, cut into shares by a dealer, who has seen it whole
//! dkg       a new key that nobody ever sees, made by the cosigners together
//! reshare   new shares of the same key, for other cosigners or another threshold
//! sealed    how secret numbers of a ceremony travel in public files
//! nonces    a commitment and its nonces: used once, or never
//! cosigner  the one place where a share signs: own judgement, own mark, then the share
//! gather    what the signer does with the shares of others: aggregate, name the liar, prove the signature
//! wire      what both say to each other
//! ```
//!
//! # Why it cannot sign twice
//!
//! Every cosigner judges by itself, with the same guard and the same durable mark as a signer with a whole key, and gives shares
//! for one sign-bytes at each height, round and step. Two sign-bytes would need `t` shares each. Where `2t > n`, some honest
//! cosigner would have to be in both sets, and it is not: so no rollback of a shared store, no second signer and no
//! confused coordinator can make two signatures, as long as no cosigner loses its own mark. Where `2t <= n`, two disjoint
//! sets could each be honest; such a group is refused ([`group::GroupError::TwoQuorums`]).
//!
//! The nonces are the other half. Two shares with one nonce give the share away, so nonces live in memory only, belong to one
//! connection, come from the system's randomness, and are taken out before anything is computed with them.

pub mod cosigner;
pub mod deal;
pub mod dkg;
pub mod gather;
pub mod group;
pub mod nonces;
pub mod reshare;
pub mod sealed;
pub mod share;
pub mod wire;

#[cfg(test)]
mod tests;
