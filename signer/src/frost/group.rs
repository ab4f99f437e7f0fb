//! A group of cosigners, the public side: `palisade/FrostGroup` in a file that everybody may read.
//!
//! Reading checks what can be checked without secrets: all public shares lie on one polynomial of the threshold's degree
//! whose value at 0 is the public key. A file in which one share was exchanged is no group.

use std::collections::BTreeMap;

use curve25519_dalek::{
    edwards::{CompressedEdwardsY, EdwardsPoint},
    scalar::Scalar,
    traits::{Identity as _, IsIdentity as _},
};
use frost_ed25519::{
    Identifier, VerifyingKey,
    keys::{PublicKeyPackage, VerifyingShare},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Most cosigners of a group. More would only make every signature slower.
pub const MAX: u16 = 32;
const TYPE: &str = "palisade/FrostGroup";

/// Who the cosigners of a key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    public_key: EdwardsPoint,
    threshold: u16,
    shares: BTreeMap<u16, EdwardsPoint>,
}

/// Why it is no group.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GroupError {
    /// Not this kind of file.
    #[error("not a group of cosigners: {0}")]
    Json(String),
    /// A point that is none, or one of small order.
    #[error("{0} is not a point of the curve's large group")]
    Point(String),
    /// Numbers that make no group.
    #[error(
        "{threshold} of {of} is not possible: at least 2, at most {MAX}, and no more needed than there are"
    )]
    Numbers {
        /// How many are needed.
        threshold: usize,
        /// How many there are.
        of: usize,
    },
    /// Two sets of cosigners could sign without knowing of each other.
    #[error(
        "{threshold} of {of} is not safe: two sets of cosigners that have nobody in common could sign two blocks; more \
         than half of them must be needed"
    )]
    TwoQuorums {
        /// How many are needed.
        threshold: usize,
        /// How many there are.
        of: usize,
    },
    /// Numbers from 1.
    #[error("cosigners are numbered from 1, each once")]
    Id,
    /// A share that is not of this key.
    #[error("the public share of cosigner {0} does not belong to this key")]
    Stranger(u16),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    r#type: String,
    public_key: String,
    threshold: u16,
    shares: BTreeMap<u16, String>,
}

/// Whether so many of so many is a group that cannot sign twice.
pub fn possible(threshold: usize, of: usize) -> Result<(), GroupError> {
    if threshold < 2 || threshold > of || of > usize::from(MAX) {
        return Err(GroupError::Numbers { threshold, of });
    }
    if 2 * threshold <= of {
        return Err(GroupError::TwoQuorums { threshold, of });
    }
    Ok(())
}

/// Lagrange's basis polynomial of `mine` among `ids`, at `x`. `ids` are different, and `mine` is one of them.
pub(super) fn lagrange(mine: u16, ids: &[u16], x: u16) -> Scalar {
    let (x, me) = (Scalar::from(x), Scalar::from(mine));
    let others = ids.iter().filter(|id| **id != mine).map(|id| Scalar::from(*id));
    others.map(|other| (x - other) * (me - other).invert()).product()
}

/// The value at `x` of the polynomial with these coefficients, in the exponent.
pub(super) fn evaluate(coefficients: &[EdwardsPoint], x: u16) -> EdwardsPoint {
    let x = Scalar::from(x);
    coefficients.iter().rev().fold(EdwardsPoint::identity(), |sum, coefficient| sum * x + coefficient)
}

/// A point of the large group; the identity and everything of small order is none.
pub(super) fn point(text: &str) -> Result<EdwardsPoint, GroupError> {
    let bytes: Option<[u8; 32]> = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes
        .and_then(|bytes| CompressedEdwardsY(bytes).decompress())
        .filter(|point| point.is_torsion_free() && !point.is_identity())
        .ok_or_else(|| GroupError::Point(text.chars().take(64).collect()))
}

pub(super) fn text(point: &EdwardsPoint) -> String {
    hex::encode(point.compress().0)
}

// === impl Group ===

impl Group {
    /// A group with these public shares.
    pub(super) fn new(
        public_key: EdwardsPoint,
        threshold: u16,
        shares: BTreeMap<u16, EdwardsPoint>,
    ) -> Result<Self, GroupError> {
        possible(threshold.into(), shares.len())?;
        if shares.contains_key(&0) {
            return Err(GroupError::Id);
        }
        let ids: Vec<u16> = shares.keys().copied().collect();
        let (base, rest) = ids.split_at(threshold.into());
        let at = |x| -> EdwardsPoint { base.iter().map(|id| shares[id] * lagrange(*id, base, x)).sum() };
        if at(0) != public_key {
            return Err(GroupError::Stranger(base[0]));
        }
        match rest.iter().find(|id| at(**id) != shares[id]) {
            Some(id) => Err(GroupError::Stranger(*id)),
            None => Ok(Self { public_key, threshold, shares }),
        }
    }

    /// As the library has it.
    pub(super) fn from_package(package: &PublicKeyPackage, threshold: u16) -> Result<Self, GroupError> {
        let bad = || GroupError::Json("not serialisable".into());
        let bytes = |bytes: Result<Vec<u8>, _>| bytes.map(hex::encode).map_err(|_| bad());
        let mut shares = BTreeMap::new();
        for (identifier, share) in package.verifying_shares() {
            let id = number(*identifier).ok_or(GroupError::Id)?;
            shares.insert(id, point(&bytes(share.serialize())?)?);
        }
        Self::new(point(&bytes(package.verifying_key().serialize())?)?, threshold, shares)
    }

    /// Reads a group file.
    pub fn read(json: &str) -> Result<Self, GroupError> {
        let file = serde_json::from_str(json).map_err(|error| GroupError::Json(error.to_string()))?;
        Self::from_file(&file)
    }

    pub(super) fn from_file(file: &File) -> Result<Self, GroupError> {
        if file.r#type != TYPE {
            return Err(GroupError::Json(format!("its type is {:?}", file.r#type)));
        }
        let shares = file.shares.iter().map(|(id, share)| Ok((*id, point(share)?)));
        Self::new(point(&file.public_key)?, file.threshold, shares.collect::<Result<_, GroupError>>()?)
    }

    /// Writes a group file.
    pub fn write(&self) -> String {
        serde_json::to_string_pretty(&self.to_file()).expect("strings and numbers")
    }

    pub(super) fn to_file(&self) -> File {
        File {
            r#type: TYPE.into(),
            public_key: text(&self.public_key),
            threshold: self.threshold,
            shares: self.shares.iter().map(|(id, share)| (*id, text(share))).collect(),
        }
    }

    /// The key that they sign with.
    pub fn public_key(&self) -> comet::key::PublicKey {
        comet::key::PublicKey::from_bytes(&self.public_key.compress().0).expect("a point of the curve")
    }

    /// How many have to sign.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// The cosigners' numbers, in order.
    pub fn ids(&self) -> Vec<u16> {
        self.shares.keys().copied().collect()
    }

    /// What two people compare to know that they have the same group: SHA-256 of everything in it.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"palisade frost group 1");
        hash.update(self.public_key.compress().0);
        hash.update(self.threshold.to_le_bytes());
        for (id, share) in &self.shares {
            hash.update(id.to_le_bytes());
            hash.update(share.compress().0);
        }
        hex::encode(hash.finalize())
    }

    pub(super) fn share_of(&self, id: u16) -> Option<EdwardsPoint> {
        self.shares.get(&id).copied()
    }

    pub(super) fn key_point(&self) -> EdwardsPoint {
        self.public_key
    }

    /// As the library wants it.
    pub(super) fn package(&self) -> PublicKeyPackage {
        let shares = self.shares.iter().map(|(id, point)| {
            let share = VerifyingShare::deserialize(&point.compress().0).expect("checked when it was read");
            (identifier(*id).expect("checked when it was read"), share)
        });
        PublicKeyPackage::new(shares.collect(), self.verifying_key(), Some(self.threshold))
    }

    pub(super) fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::deserialize(&self.public_key.compress().0).expect("checked when it was read")
    }
}

/// The library's name for a cosigner; 0 has none.
pub(super) fn identifier(id: u16) -> Option<Identifier> {
    Identifier::try_from(id).ok()
}

/// The number of a cosigner.
pub(super) fn number(identifier: Identifier) -> Option<u16> {
    let bytes = identifier.serialize();
    let (low, high) = bytes.split_first_chunk::<2>()?;
    high.iter().all(|byte| *byte == 0).then(|| u16::from_le_bytes(*low))
}
