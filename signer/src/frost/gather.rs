//! What the signer does with other machines' shares: who is asked, what they are asked for, and whether it is a signature.
//!
//! The signer that gathers is trusted with nothing: it holds no share, and whatever it sends is judged by each cosigner. It is the
//! one, though, that finds the liar: a sum that does not verify is taken apart share by share.

use std::collections::BTreeMap;

use comet::consensus::Signature;
use frost_ed25519::{
    CheaterDetection, SigningPackage, aggregate_custom, round1::SigningCommitments, round2::SignatureShare,
};
use thiserror::Error;

use crate::frost::group::{self, Group};

/// What a set of cosigners is asked to sign together.
#[derive(Clone)]
pub struct Round {
    package: SigningPackage,
    members: Vec<u16>,
}

/// Why shares are no signature.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GatherError {
    /// These gave shares that are wrong.
    #[error("cosigner {} gave a wrong share", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Liars(Vec<u16>),
    /// Something is missing.
    #[error("the shares do not fit the round")]
    Incomplete,
}

/// Reads what a cosigner has promised.
pub fn commitments(bytes: &[u8]) -> Option<SigningCommitments> {
    SigningCommitments::deserialize(bytes).ok()
}

/// Who is asked: `threshold` of those that have promised nonces, the lowest cost first. `None` where there are too few.
pub fn choose(group: &Group, mut ready: Vec<(u64, u16)>) -> Option<Vec<u16>> {
    ready.sort_unstable();
    let mut chosen: Vec<u16> = ready.into_iter().map(|(_, id)| id).take(group.threshold().into()).collect();
    chosen.sort_unstable();
    (chosen.len() == usize::from(group.threshold())).then_some(chosen)
}

// === impl Round ===

impl Round {
    /// These members, with what each has promised, are to sign `sign_bytes`.
    pub fn new(sign_bytes: &[u8], promised: &BTreeMap<u16, SigningCommitments>) -> Option<Self> {
        let members = promised.keys().copied().collect();
        let commitments = promised.iter().map(|(id, promise)| Some((group::identifier(*id)?, *promise)));
        Some(Self { package: SigningPackage::new(commitments.collect::<Option<_>>()?, sign_bytes), members })
    }

    /// Who was asked.
    pub fn members(&self) -> &[u16] {
        &self.members
    }

    /// What every member is sent.
    pub fn package(&self) -> Vec<u8> {
        self.package.serialize().expect("points and bytes")
    }

    /// The signature that the shares add up to; a plain Ed25519 signature that has been verified.
    pub fn aggregate(
        &self,
        group: &Group,
        shares: &BTreeMap<u16, Vec<u8>>,
    ) -> Result<Signature, GatherError> {
        if !shares.keys().eq(&self.members) {
            return Err(GatherError::Incomplete);
        }
        let mut read = BTreeMap::new();
        for (id, bytes) in shares {
            let share = SignatureShare::deserialize(bytes).map_err(|_| GatherError::Liars(vec![*id]))?;
            read.insert(group::identifier(*id).ok_or(GatherError::Incomplete)?, share);
        }
        let sum = aggregate_custom(&self.package, &read, &group.package(), CheaterDetection::AllCheaters);
        let signature = sum.map_err(|error| {
            let liars: Vec<u16> = error.culprits().into_iter().filter_map(group::number).collect();
            if liars.is_empty() { GatherError::Incomplete } else { GatherError::Liars(liars) }
        })?;
        let bytes = signature.serialize().map_err(|_| GatherError::Incomplete)?;
        // By the code that nodes' rules are tested with, too.
        if !group.public_key().verify(self.package.message(), &bytes) {
            return Err(GatherError::Incomplete);
        }
        Ok(bytes.into())
    }
}
