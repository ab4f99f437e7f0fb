//! The types of consensus keys: names and sizes, one line each (spec/signer.md §1.3 "Key type registry").

use std::fmt;

/// A type of consensus key that some node line accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Every line; what nearly every validator has.
    Ed25519,
    /// ECDSA over SHA-256, low S; every line, where the chain's parameters allow it.
    Secp256k1,
    /// ECDSA over Keccak-256 with recovery byte, from 0.40.
    Secp256k1Eth,
    /// BLS signatures on G2, from 0.39 and 1.0, in nodes built with the bls12381 tag.
    Bls12_381,
    /// FIPS 204, from 0.40.
    MlDsa65,
}

// === impl KeyType ===

impl KeyType {
    /// Every type.
    pub const ALL: [Self; 5] =
        [Self::Ed25519, Self::Secp256k1, Self::Secp256k1Eth, Self::Bls12_381, Self::MlDsa65];

    /// `KeyType` of the Go code: in consensus parameters, in v1's `pub_key_type`, in our configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Secp256k1 => "secp256k1",
            Self::Secp256k1Eth => "secp256k1eth",
            Self::Bls12_381 => "bls12_381",
            Self::MlDsa65 => "ml_dsa_65",
        }
    }

    /// The type with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key_type| key_type.name() == name)
    }

    /// The number that marks carry: its field in the wire's `PublicKey`.
    pub fn number(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Secp256k1 => 2,
            Self::Bls12_381 => 3,
            Self::MlDsa65 => 4,
            Self::Secp256k1Eth => 5,
        }
    }

    /// The type with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|key_type| key_type.number() == number)
    }

    /// `type` beside a private key in CometBFT's JSON.
    pub fn private_json(self) -> &'static str {
        match self {
            Self::Ed25519 => "tendermint/PrivKeyEd25519",
            Self::Secp256k1 => "tendermint/PrivKeySecp256k1",
            Self::Secp256k1Eth => "tendermint/PrivKeySecp256k1eth",
            Self::Bls12_381 => "cometbft/PrivKeyBls12_381",
            Self::MlDsa65 => "cometbft/PrivKeyMlDsa65",
        }
    }

    /// `type` beside a public key in CometBFT's JSON.
    pub fn public_json(self) -> &'static str {
        match self {
            Self::Ed25519 => "tendermint/PubKeyEd25519",
            Self::Secp256k1 => "tendermint/PubKeySecp256k1",
            Self::Secp256k1Eth => "tendermint/PubKeySecp256k1eth",
            Self::Bls12_381 => "cometbft/PubKeyBls12_381",
            Self::MlDsa65 => "cometbft/PubKeyMlDsa65",
        }
    }

    /// Bytes of a private key in CometBFT's JSON.
    pub fn private_size(self) -> usize {
        match self {
            Self::Ed25519 => 64,
            Self::Secp256k1 | Self::Secp256k1Eth | Self::Bls12_381 => 32,
            Self::MlDsa65 => 4032,
        }
    }

    /// Bytes of a public key.
    pub fn public_size(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::Secp256k1 | Self::Secp256k1Eth => 33,
            Self::Bls12_381 => 96,
            Self::MlDsa65 => 1952,
        }
    }

    /// Bytes of a signature.
    pub fn signature_size(self) -> usize {
        match self {
            Self::Ed25519 | Self::Secp256k1 => 64,
            Self::Secp256k1Eth => 65,
            Self::Bls12_381 => 96,
            Self::MlDsa65 => 3309,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
