//! The Merkle tree under every hash of a CometBFT block (RFC 6962, SHA-256).
//!
//! Leaves and inner nodes have different prefixes, so that no leaf can pass as a node; a tree splits at the largest
//! power of two below its size (CometBFT `crypto/merkle/tree.go`). Proofs are absent: nothing of ours checks one.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Root over `leaves`, in their order. No leaves: the hash of the empty string.
pub fn root<L: AsRef<[u8]>>(leaves: &[L]) -> Hash {
    let Some((first, rest)) = leaves.split_first() else { return Sha256::digest([]).into() };
    if rest.is_empty() {
        return Sha256::new().chain_update([0]).chain_update(first).finalize().into();
    }
    let (left, right) = leaves.split_at(split_point(leaves.len()));
    Sha256::new().chain_update([1]).chain_update(root(left)).chain_update(root(right)).finalize().into()
}

/// The largest power of two below `len`, which is at least 2.
fn split_point(len: usize) -> usize {
    len.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with cometbft v0.38.25 `crypto/merkle`: leaf i is the byte i, i + 1 times.
    const ROOTS: [&str; 8] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "e449187a936d72a12be931fa9e3805c22d852419aff6a60dab9644cc706a052f",
        "bd1a006735cd8a22a057e795ef3eef176b7decaa8cae5f8a30fa7aafe53b23df",
        "5494c29929ce13ec62016c60617fa2779dd3dfa1fc051b5e0f0c752f61fd9f05",
        "18905e86210bad694f6ea49e44eeb076e9f10dfdebca44235e7b10d7a12ef88f",
        "56c4c4023c9be921f7cee7d8e542d02eea9607b839cc2e4f53d5d6269ff90561",
        "15f290e6a28a2633d48b2b7c86adc7d20596296fdb865166ea8a108e050a30e9",
    ];

    #[test]
    fn roots_as_cometbft_makes_them() {
        let leaves: Vec<Vec<u8>> = (0..7u8).map(|i| vec![i; usize::from(i) + 1]).collect();
        for (len, expected) in ROOTS.iter().enumerate() {
            assert_eq!(hex::encode(root(&leaves[..len])), *expected, "{len} leaves");
        }
    }
}
