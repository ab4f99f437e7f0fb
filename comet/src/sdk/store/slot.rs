//! The missed-blocks bitmap up to SDK 0.47: one key for each slot that was ever missed, with a boolean as its value.
//!
//! 0.39 writes amino with a length prefix (go-amino v0.15), later lines protobuf; 0.43 put a length byte before addresses.

use prost::Message;

/// Beyond this no chain's window goes (years of blocks); who names such a slot wants memory to be filled.
pub const SLOTS: u64 = 1 << 24;

/// Start of the keys of a validator's slots; `length` puts the length byte before the address.
pub fn prefix(address: &[u8; 20], length: bool) -> Vec<u8> {
    if length { [&[0x02, 20][..], address].concat() } else { [&[0x02][..], address].concat() }
}

/// Key of slot `index`.
pub fn key(address: &[u8; 20], length: bool, index: u64) -> Vec<u8> {
    [prefix(address, length), index.to_le_bytes().to_vec()].concat()
}

/// A key or value that is not of a slot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not what a slot of the missed-blocks bitmap looks like")]
pub struct SlotError(String);

impl SlotError {
    fn new(bytes: &[u8]) -> Self {
        Self(bytes.iter().take(40).map(|b| format!("{b:02x}")).collect())
    }
}

/// Whether a stored value says missed. No value is a slot that was never missed.
pub fn missed(value: &[u8], amino: bool) -> Result<bool, SlotError> {
    match (value, amino) {
        ([], _) | ([0x01, 0x00], true) | ([0x08, 0x00], false) => Ok(false),
        ([0x01, 0x01], true) | ([0x08, 0x01], false) => Ok(true),
        _ => Err(SlotError::new(value)),
    }
}

/// Key and value of a subspace.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Pair {
    /// Key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// Value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct Pairs {
    #[prost(message, repeated, tag = "1")]
    pairs: Vec<Pair>,
}

/// The missed slots of the validator whose keys begin with `prefix`, from the answer to a query of that subspace.
pub fn subspace(answer: &[u8], prefix: &[u8], amino: bool) -> Result<Vec<u64>, SlotError> {
    let bad = || SlotError::new(answer);
    let pairs = if amino { Pairs::decode_length_delimited(answer) } else { Pairs::decode(answer) };
    let mut slots = Vec::new();
    for pair in pairs.map_err(|_| bad())?.pairs {
        let index = pair.key.strip_prefix(prefix).and_then(|rest| <[u8; 8]>::try_from(rest).ok());
        let index = index.map(u64::from_le_bytes).filter(|index| *index < SLOTS);
        let index = index.ok_or_else(|| SlotError::new(&pair.key))?;
        if missed(&pair.value, amino)? {
            slots.push(index);
        }
    }
    Ok(slots)
}

/// Writes the answer to a query of a subspace: what a node of that line says.
pub fn encode_subspace(pairs: Vec<Pair>, amino: bool) -> Vec<u8> {
    let pairs = Pairs { pairs };
    if amino { pairs.encode_length_delimited_to_vec() } else { pairs.encode_to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn golden_keys() {
        // x/slashing/types/keys.go of 0.39.3 and 0.45.16: little-endian index.
        let address = [0xab; 20];
        assert_eq!(key(&address, false, 258), bytes(&format!("02{}0201000000000000", "ab".repeat(20))));
        assert_eq!(key(&address, true, 258), bytes(&format!("0214{}0201000000000000", "ab".repeat(20))));
    }

    #[test]
    fn golden_values() {
        // go-amino v0.15.1: MustMarshalBinaryLengthPrefixed(true) = 0101, (false) = 0100.
        assert_eq!(missed(&bytes("0101"), true), Ok(true));
        assert_eq!(missed(&bytes("0100"), true), Ok(false));
        assert_eq!(missed(&bytes("0801"), false), Ok(true));
        assert_eq!(missed(&[], false), Ok(false));
        assert!(missed(&bytes("0801"), true).is_err() && missed(&bytes("0101"), false).is_err());
        assert!(missed(&[0; 136], false).is_err(), "a chunk of SDK 0.50");
    }

    #[test]
    fn golden_subspace_of_amino() {
        // []kv.Pair of Tendermint 0.33.9 through go-amino v0.15.1: slot 259 missed, slot 4 not any more.
        let golden = "240a100a0a02010301000000000000120201010a100a0a0201040000000000000012020100";
        assert_eq!(subspace(&bytes(golden), &[2, 1], true), Ok(vec![259]));
        let address = [7; 20];
        for (length, amino) in [(false, true), (false, false), (true, false)] {
            let pair =
                |index, missed: &[u8]| Pair { key: key(&address, length, index), value: missed.to_vec() };
            let (yes, no): (&[u8], &[u8]) = if amino { (&[1, 1], &[1, 0]) } else { (&[8, 1], &[]) };
            let answer = encode_subspace(vec![pair(0, yes), pair(9999, no), pair(256, yes)], amino);
            assert_eq!(subspace(&answer, &prefix(&address, length), amino), Ok(vec![0, 256]));
            assert!(subspace(&answer, &prefix(&[8; 20], length), amino).is_err(), "of somebody else");
            let vast = encode_subspace(vec![pair(1 << 60, yes)], amino);
            assert!(subspace(&vast, &prefix(&address, length), amino).is_err(), "more slots than memory");
        }
        assert_eq!(subspace(&[0], &prefix(&address, false), true), Ok(vec![]), "amino writes nothing as 00");
        assert_eq!(subspace(&[], &prefix(&address, true), false), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn no_answer_panics(answer in proptest::collection::vec(any::<u8>(), 0..200), amino: bool) {
            let _ = subspace(&answer, &[2, 20], amino);
            let _ = missed(&answer, amino);
        }
    }
}
