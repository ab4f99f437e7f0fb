//! Every signature that remote signers ever gave, to find two that must not both exist.
//!
//! For one type, height and round a validator has one signature, whoever asked: even a second one for the same block at
//! another time would make peers report it. So any two different signatures are kept as evidence.

use std::collections::BTreeMap;

use serde::Serialize;

/// Entries kept; the oldest heights go first.
const KEEP: usize = 500_000;

/// What was signed: height, round and type of the message (1 prevote, 2 precommit, 32 proposal).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Slot {
    /// Height.
    pub height: i64,
    /// Round.
    pub round: i32,
    /// Type.
    pub r#type: i32,
}

/// A signature and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// Which of the nodes asked.
    pub node: usize,
    /// Sign-bytes, hex.
    pub sign_bytes: String,
    /// Signature, hex.
    pub signature: String,
}

/// Two or more signatures where there may be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DoubleSign {
    /// Where.
    pub slot: Slot,
    /// All of them.
    pub signatures: Vec<Signed>,
}

/// How one node fared with its signer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodeStats {
    /// Requests sent.
    pub asked: u64,
    /// Valid signatures received.
    pub signed: u64,
    /// Refusals received.
    pub refused: u64,
    /// Requests without an answer in time, or without a signer to ask.
    pub silent: u64,
    /// Signatures that do not verify.
    pub invalid: u64,
    /// Connections made by a signer.
    pub connections: u64,
}

/// All signatures so far.
#[derive(Clone, Debug, Default)]
pub struct Record {
    first: BTreeMap<Slot, (usize, Vec<u8>, Vec<u8>)>,
    doubles: BTreeMap<Slot, Vec<Signed>>,
    nodes: Vec<NodeStats>,
}

impl Record {
    /// Counters of one node, to be raised.
    pub fn node(&mut self, node: usize) -> &mut NodeStats {
        if self.nodes.len() <= node {
            self.nodes.resize(node + 1, NodeStats::default());
        }
        &mut self.nodes[node]
    }

    /// Counters of every node.
    pub fn nodes(&self) -> &[NodeStats] {
        &self.nodes
    }

    /// Slots that have a signature.
    pub fn len(&self) -> usize {
        self.first.len()
    }

    /// Whether nothing was ever signed.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Notes a valid signature.
    pub fn note(&mut self, slot: Slot, node: usize, sign_bytes: &[u8], signature: &[u8]) {
        let Some((first_node, bytes, known)) = self.first.get(&slot) else {
            self.first.insert(slot, (node, sign_bytes.to_vec(), signature.to_vec()));
            if self.first.len() > KEEP {
                self.first.pop_first();
            }
            return;
        };
        if known == signature {
            return;
        }
        let entry = |node: usize, bytes: &[u8], signature: &[u8]| Signed {
            node,
            sign_bytes: hex::encode(bytes),
            signature: hex::encode(signature),
        };
        let all = self.doubles.entry(slot).or_insert_with(|| vec![entry(*first_node, bytes, known)]);
        let another = entry(node, sign_bytes, signature);
        if !all.contains(&another) {
            all.push(another);
        }
    }

    /// Every slot with more than one signature.
    pub fn double_signs(&self) -> Vec<DoubleSign> {
        let doubles = self.doubles.iter();
        doubles.map(|(slot, signatures)| DoubleSign { slot: *slot, signatures: signatures.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_signature_twice_is_fine_and_another_is_not() {
        let mut record = Record::default();
        let slot = Slot { height: 5, round: 0, r#type: 2 };
        record.note(slot, 0, b"a", b"sig a");
        record.note(slot, 1, b"a", b"sig a");
        record.note(Slot { r#type: 1, ..slot }, 1, b"b", b"sig b");
        assert!(record.double_signs().is_empty());
        record.note(slot, 1, b"a'", b"sig a'");
        let doubles = record.double_signs();
        assert_eq!((doubles.len(), doubles[0].slot, doubles[0].signatures.len()), (1, slot, 2));
        assert_eq!(doubles[0].signatures[1].node, 1);
    }
}
