//! A commitment and the nonces behind it. Used for one share, or for none.
//!
//! Two shares made with the same nonces give the secret share to whoever sees both. So nonces are in memory only, come from the
//! system's randomness (and the secret, as RFC 9591 has it), cannot be copied or written, and are taken out of here
//! *before* a share is computed: whatever happens then, they are gone. A crash loses them, which costs one more round.

use frost_ed25519::{keys::KeyPackage, round1, round1::SigningCommitments};
use rand_core::CryptoRngCore;

/// What a cosigner has promised to sign with next.
pub struct Pending {
    commitments: SigningCommitments,
    nonces: Option<round1::SigningNonces>,
}

impl Pending {
    /// A new promise.
    pub(super) fn new(key: &KeyPackage, rng: &mut impl CryptoRngCore) -> Self {
        let (nonces, commitments) = round1::commit(key.signing_share(), rng);
        Self { commitments, nonces: Some(nonces) }
    }

    /// What others may know of it.
    pub fn public(&self) -> Vec<u8> {
        self.commitments.serialize().expect("points of the curve")
    }

    /// The nonces, if `asked` is this promise. They are not here any more after it.
    pub(super) fn take(&mut self, asked: &SigningCommitments) -> Option<round1::SigningNonces> {
        if *asked == self.commitments { self.nonces.take() } else { None }
    }
}
