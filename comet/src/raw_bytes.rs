//! Bytes that a consensus key signs and that are no vote: CometBFT 1.0's `SignBytes` and Celestia's `SignRawBytes`.
//!
//! A signature over the wrong bytes is a vote that no double-sign rule has seen. All sign-bytes of consensus are
//! `uvarint(len) || message`, and the message begins with one of [`FIRST_KEYS`]; whatever begins in another way can be none
//! of them. Celestia's envelope begins so ([`DOMAIN`]). CometBFT 1.0 has no envelope, so the signer demands a prefix
//! for which [`could_begin_sign_bytes`] is false.

use prost::Message as _;

use crate::privval::SignBytesRequest;

/// What Celestia's nodes and clients put before raw bytes (`types.RawBytesSignBytesPrefix` of its CometBFT).
pub const DOMAIN: &[u8] = b"COMET::RAW_BYTES::SIGN";

/// Keys (`field << 3 | wire type`) of every field of the canonical vote, proposal and extension, in protobuf and in amino: a
/// field whose value is zero is left out, so a message may begin with any of them.
const FIRST_KEYS: [u8; 10] = [0x08, 0x0a, 0x11, 0x19, 0x20, 0x21, 0x22, 0x2a, 0x32, 0x3a];

/// A uvarint of 64 bits has at most ten bytes.
const MAX_VARINT: usize = 10;

/// Celestia's sign-bytes: `DOMAIN || uvarint(len) || SignRawBytesRequest`.
pub fn celestia_sign_bytes(chain_id: &str, unique_id: &str, raw_bytes: &[u8]) -> Vec<u8> {
    let request =
        SignBytesRequest { value: chain_id.into(), raw_bytes: raw_bytes.into(), unique_id: unique_id.into() };
    [DOMAIN, &request.encode_length_delimited_to_vec()].concat()
}

/// Whether sign-bytes of any vote, proposal or extension could begin with these bytes, or be them. Errs on the side of
/// yes: the length that they announce may be any, and so may what follows the first key.
pub fn could_begin_sign_bytes(bytes: &[u8]) -> bool {
    let length = bytes.iter().take(MAX_VARINT).take_while(|byte| **byte & 0x80 != 0).count();
    if length == MAX_VARINT {
        return false; // no length at all
    }
    // Up to the first key: everything is still open.
    bytes.get(length + 1).is_none_or(|key| FIRST_KEYS.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        canonical,
        privval::{BlockId, PartSetHeader, Proposal, Timestamp, Vote},
    };
    use proptest::prelude::*;

    fn block_id() -> impl Strategy<Value = Option<BlockId>> {
        prop::option::of((prop::collection::vec(any::<u8>(), 0..40), any::<u32>()).prop_map(
            |(hash, total)| BlockId {
                hash: hash.clone(),
                part_set_header: Some(PartSetHeader { total, hash }),
            },
        ))
    }

    prop_compose! {
        // Also what no request may ask for: zero and negative numbers, other types, partial block ids.
        fn any_sign_bytes()(
            r#type in prop_oneof![Just(0), Just(1), Just(2), Just(32), any::<i32>()],
            height in prop_oneof![Just(0), 1..20i64, any::<i64>()],
            round in prop_oneof![Just(0), 1..20i32, any::<i32>()],
            pol_round in prop_oneof![Just(0), Just(-1), any::<i32>()],
            block_id in block_id(),
            seconds in any::<i64>(), nanos in any::<i32>(),
            chain_id in "[a-z0-9-]{0,50}",
            extension in prop::collection::vec(any::<u8>(), 0..400),
            kind in 0..5,
        ) -> Vec<u8> {
            let timestamp = Some(Timestamp { seconds, nanos });
            match kind {
                0 => canonical::vote(&chain_id, &Vote { r#type, height, round, block_id, timestamp, ..Vote::default() }),
                1 => canonical::proposal(
                    &chain_id,
                    &Proposal { r#type, height, round, pol_round, block_id, timestamp, signature: vec![] },
                ),
                2 => canonical::extension(&chain_id, height, round, &extension),
                3 => canonical::amino::vote(&chain_id, &Vote { r#type, height, round, block_id, timestamp, ..Vote::default() }),
                _ => canonical::amino::proposal(
                    &chain_id,
                    &Proposal { r#type, height, round, pol_round, block_id, timestamp, signature: vec![] },
                ),
            }
        }
    }

    proptest! {
        #[test]
        fn every_beginning_of_sign_bytes_is_known_as_one(bytes in any_sign_bytes()) {
            for end in 0..=bytes.len() {
                prop_assert!(could_begin_sign_bytes(&bytes[..end]), "{}", hex::encode(&bytes[..end]));
            }
        }

        #[test]
        fn a_celestia_envelope_is_never_consensus(
            chain_id in "\\PC{0,50}", unique_id in "\\PC{0,30}", raw in any_sign_bytes(),
        ) {
            let envelope = celestia_sign_bytes(&chain_id, &unique_id, &raw);
            prop_assert!(!could_begin_sign_bytes(&envelope));
            prop_assert!(envelope != raw);
        }

        #[test]
        fn bytes_that_begin_otherwise_are_no_sign_bytes(
            prefix in prop::collection::vec(any::<u8>(), 0..12), bytes in any_sign_bytes(),
        ) {
            prop_assert!(could_begin_sign_bytes(&prefix) || !bytes.starts_with(&prefix));
        }
    }

    #[test]
    fn prefixes() {
        for (prefix, could) in [
            (&b""[..], true),
            (b"C", true),
            (DOMAIN, false),
            (b"MYCHAIN/", false),
            (b"A2", true),
            (b"A:b", true),
            (b"\x20\x08\x01", true),
            (b"\x80\x01", true),
            (b"\x80\x01\x0a", true),
            (b"\x80\x01\x0b", false),
            (&[0xff; 9], true),
            (&[0xff; 10], false),
        ] {
            assert_eq!(could_begin_sign_bytes(prefix), could, "{prefix:02x?}");
        }
    }

    #[test]
    fn the_envelope_of_celestia() {
        // Written by hand after celestia-core's types.RawBytesMessageSignBytes: 20 = 0x14 bytes of message.
        let expected = [DOMAIN, b"\x14\x0a\x06test-1\x12\x03\x01\x02\x03\x1a\x05u/p:0".as_slice()].concat();
        assert_eq!(celestia_sign_bytes("test-1", "u/p:0", &[1, 2, 3]), expected);
    }
}
