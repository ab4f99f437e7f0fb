//! One cosigner's share: `palisade/FrostShare`, a private file that holds the secret number and the group it belongs to.
//!
//! It is written and read through the same private, optionally age-encrypted files as whole keys. Reading checks that the secret
//! belongs to the public share that the group has for it.

use curve25519_dalek::{EdwardsPoint, scalar::Scalar};
use frost_ed25519::keys::{KeyPackage, SigningShare, VerifyingShare};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use super::group::{self, Group, GroupError};

const TYPE: &str = "palisade/FrostShare";

/// A cosigner's secret. Signs nothing by itself: see [`super::cosigner`].
pub struct Share {
    id: u16,
    secret: Scalar,
    group: Group,
}

/// Why there is no share. None of these quotes a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShareError {
    /// Not JSON with these fields. Only the place is said, because what stands there may be the secret.
    #[error("not a share of a threshold key: unexpected JSON at line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Another kind of file.
    #[error("not a share of a threshold key: its type is another")]
    Type,
    /// The group in it.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The secret is no number of the group.
    #[error("the secret is damaged")]
    Secret,
    /// It is one, but not this cosigner's.
    #[error("the secret is not that of cosigner {0} of its group")]
    Stranger(u16),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    r#type: String,
    id: u16,
    secret: String,
    group: group::File,
}

impl Drop for File {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// A scalar in hex, reduced or nothing.
pub(super) fn scalar(text: &str) -> Option<Scalar> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, &mut *bytes).ok()?;
    Scalar::from_canonical_bytes(*bytes).into()
}

// === impl Share ===

impl Share {
    /// The share of cosigner `id`.
    pub(super) fn new(id: u16, secret: Scalar, group: Group) -> Result<Self, ShareError> {
        if group.share_of(id) != Some(EdwardsPoint::mul_base(&secret)) {
            return Err(ShareError::Stranger(id));
        }
        Ok(Self { id, secret, group })
    }

    /// Reads a share file.
    pub fn read(json: &str) -> Result<Self, ShareError> {
        let file: File = serde_json::from_str(json)
            .map_err(|error| ShareError::Json { line: error.line(), column: error.column() })?;
        if file.r#type != TYPE {
            return Err(ShareError::Type);
        }
        let secret = scalar(&file.secret).ok_or(ShareError::Secret)?;
        Self::new(file.id, secret, Group::from_file(&file.group)?)
    }

    /// Writes a share file.
    pub fn write(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(self.secret.to_bytes());
        let file = File {
            r#type: TYPE.into(),
            id: self.id,
            secret: hex::encode(secret.as_slice()),
            group: self.group.to_file(),
        };
        Zeroizing::new(serde_json::to_string_pretty(&file).expect("strings and numbers"))
    }

    /// Number of its cosigner.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// The group that it belongs to.
    pub fn group(&self) -> &Group {
        &self.group
    }

    pub(super) fn secret(&self) -> &Scalar {
        &self.secret
    }

    /// As the library wants it.
    pub(super) fn package(&self) -> KeyPackage {
        let bytes = Zeroizing::new(self.secret.to_bytes());
        let secret = SigningShare::deserialize(&*bytes).expect("a reduced scalar");
        let public = self.group.share_of(self.id).expect("checked when it was made");
        KeyPackage::new(
            group::identifier(self.id).expect("checked when the group was made"),
            secret,
            VerifyingShare::deserialize(&public.compress().0).expect("a point of the large group"),
            self.group.verifying_key(),
            self.group.threshold(),
        )
    }
}
