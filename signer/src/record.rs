//! One mark as one record of 512 bytes.
//!
//! 512 bytes because that is the smallest sector: a disk writes a sector wholly or not at all, so a power cut leaves the
//! old record or the new one. The record names its chain and key, counts up, carries the checksum of the record before
//! it, and ends with a checksum over all of it. The checksum finds damage; it is no signature, and whoever can write the
//! file can forge one.
//!
//! ```text
//! 0   8  "PLSDMARK"          16  8  sequence            62      50  chain id, zero padded
//! 8   2  format version 1    24  8  height              112     32  key
//! 10  1  key type            32  4  round               144    256  sign-bytes, zero padded
//! 11  1  step                36  2  length of sign-bytes 400    80  signature, zero padded
//! 12  1  length of chain id  38 24  checksum before     480     32  SHA-256 of bytes 0..480
//! 13  1  length of signature
//! 14  1  1: wanted; 2: settled, in the place of a signature: 8 sequence, 8 revision, 8 height, 4 round, 1 step
//! ```
//! Byte 14 is that of a file below a store that several signers share ([`Beside`]); elsewhere it is 0. Numbers are little-endian. "Checksum before" is the first 24 bytes of the previous record's SHA-256. The key is an Ed25519
//! public key or the digest of a longer one ([`KeyId`]). The signature is there only for keys that do not sign alike twice.

use comet::consensus::{KeyType, Signature};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::mark::{Hrs, Identity, KeyId, MAX_CHAIN_ID, MAX_SIGN_BYTES, Mark, Step};

/// Size of a record.
pub const RECORD: usize = 512;
/// Where the checksum begins.
const CHECKED: usize = 480;
const MAGIC: &[u8; 8] = b"PLSDMARK";
const VERSION: u16 = 1;
/// Longest signature that a record can keep.
pub const MAX_SIGNATURE: usize = 80;

/// The part of a checksum that the next record carries.
pub type Link = [u8; 24];

/// A record, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Chain of the mark.
    pub chain_id: String,
    /// Key of the mark.
    pub key: KeyId,
    /// Counts every record written, from 1.
    pub sequence: u64,
    /// The mark.
    pub mark: Mark,
    /// The signature over it, where it had to be kept.
    pub signature: Option<Signature>,
    /// Of the record before this one.
    pub before: Link,
    /// What a file knows of the store above it.
    pub beside: Beside,
}

/// What the file of one signer knows of a store that it shares with others ([`crate::cluster`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// The mark was written while the store was asked to take it. Whether it did is not known: if not, nothing was signed there.
    pub wanted: bool,
    /// The last thing that the store held for certain. Has no room beside a signature.
    pub settled: Option<Settled>,
}

/// A record of a shared store that was seen there. No later one has a lower number of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its number.
    pub sequence: u64,
    /// The store's revision that it came with.
    pub revision: i64,
    /// Where its mark is.
    pub hrs: Hrs,
}

/// Why 512 bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Not this kind of file at all.
    #[error("it does not begin as a mark does")]
    Magic,
    /// Written by another version of this program.
    #[error("format version {0} is not known")]
    Version(u16),
    /// Damaged or half written.
    #[error("its checksum does not fit its content")]
    Checksum,
    /// The checksum fits, the content makes no sense.
    #[error("its content makes no sense")]
    Content,
}

/// Writes a record.
///
/// # Panics
/// When the chain id, the sign-bytes or the signature are above their bounds, which configuration and store have checked.
pub fn encode(
    identity: &Identity,
    sequence: u64,
    hrs: Hrs,
    sign_bytes: &[u8],
    signature: Option<&Signature>,
    before: &Link,
) -> [u8; RECORD] {
    encode_beside(identity, sequence, hrs, sign_bytes, signature, before, Beside::default())
}

/// Writes a record of a file below a shared store.
///
/// # Panics
/// As [`encode`].
pub fn encode_beside(
    identity: &Identity,
    sequence: u64,
    hrs: Hrs,
    sign_bytes: &[u8],
    signature: Option<&Signature>,
    before: &Link,
    beside: Beside,
) -> [u8; RECORD] {
    let chain = identity.chain_id.as_bytes();
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(MAGIC);
    record[8..10].copy_from_slice(&VERSION.to_le_bytes());
    let key = identity.key_id();
    record[10] = key.key_type.number();
    record[11] = hrs.step.number();
    record[12] = u8::try_from(chain.len()).expect("chain ids have at most 50 bytes");
    let signature = signature.map_or(&[][..], Signature::as_bytes);
    record[13] = u8::try_from(signature.len()).expect("signatures that are kept have at most 80 bytes");
    record[400..CHECKED][..signature.len()].copy_from_slice(signature);
    record[14] = u8::from(beside.wanted);
    if let Some(Settled { sequence, revision, hrs }) = beside.settled.filter(|_| signature.is_empty()) {
        record[14] |= 2;
        record[400..408].copy_from_slice(&sequence.to_le_bytes());
        record[408..416].copy_from_slice(&revision.to_le_bytes());
        record[416..424].copy_from_slice(&hrs.height.to_le_bytes());
        record[424..428].copy_from_slice(&hrs.round.to_le_bytes());
        record[428] = hrs.step.number();
    }
    record[16..24].copy_from_slice(&sequence.to_le_bytes());
    record[24..32].copy_from_slice(&hrs.height.to_le_bytes());
    record[32..36].copy_from_slice(&hrs.round.to_le_bytes());
    let length = u16::try_from(sign_bytes.len()).expect("sign-bytes have at most 256 bytes");
    record[36..38].copy_from_slice(&length.to_le_bytes());
    record[38..62].copy_from_slice(before);
    record[62..112][..chain.len()].copy_from_slice(chain);
    record[112..144].copy_from_slice(&key.bytes);
    record[144..400][..sign_bytes.len()].copy_from_slice(sign_bytes);
    let checksum = Sha256::digest(&record[..CHECKED]);
    record[CHECKED..].copy_from_slice(&checksum);
    record
}

/// Reads a record.
pub fn decode(bytes: &[u8; RECORD]) -> Result<Record, RecordError> {
    if bytes[..8] != *MAGIC {
        return Err(RecordError::Magic);
    }
    if Sha256::digest(&bytes[..CHECKED])[..] != bytes[CHECKED..] {
        return Err(RecordError::Checksum);
    }
    let version = u16::from_le_bytes(array(bytes, 8));
    if version != VERSION {
        return Err(RecordError::Version(version));
    }
    content(bytes).ok_or(RecordError::Content)
}

/// What the record after this one carries.
pub fn link(bytes: &[u8; RECORD]) -> Link {
    array(bytes, CHECKED)
}

fn content(bytes: &[u8; RECORD]) -> Option<Record> {
    let chain = usize::from(bytes[12]);
    let length = usize::from(u16::from_le_bytes(array(bytes, 36)));
    let signature = usize::from(bytes[13]);
    if chain > MAX_CHAIN_ID || length > MAX_SIGN_BYTES || signature > MAX_SIGNATURE || bytes[14] > 3 {
        return None;
    }
    let hrs = Hrs {
        height: i64::from_le_bytes(array(bytes, 24)),
        round: i32::from_le_bytes(array(bytes, 32)),
        step: Step::from_number(bytes[11])?,
    };
    if hrs.height < 0 || hrs.round < 0 {
        return None;
    }
    Some(Record {
        chain_id: std::str::from_utf8(&bytes[62..][..chain]).ok()?.into(),
        key: KeyId { key_type: KeyType::from_number(bytes[10])?, bytes: array(bytes, 112) },
        sequence: u64::from_le_bytes(array(bytes, 16)),
        mark: Mark { hrs, sign_bytes: bytes[144..][..length].into() },
        signature: (signature > 0).then(|| bytes[400..][..signature].to_vec().into()),
        before: array(bytes, 38),
        beside: Beside { wanted: bytes[14] & 1 > 0, settled: settled(bytes)? },
    })
}

/// `None` if it makes no sense.
fn settled(bytes: &[u8; RECORD]) -> Option<Option<Settled>> {
    if bytes[14] & 2 == 0 {
        return Some(None);
    }
    let step = Step::from_number(bytes[428])?;
    let hrs = Hrs {
        height: i64::from_le_bytes(array(bytes, 416)),
        round: i32::from_le_bytes(array(bytes, 424)),
        step,
    };
    let [sequence, revision] = [400, 408].map(|at| array(bytes, at));
    let settled =
        Settled { sequence: u64::from_le_bytes(sequence), revision: i64::from_le_bytes(revision), hrs };
    (bytes[13] == 0).then_some(Some(settled))
}

/// `N` bytes at `at`.
fn array<const N: usize>(bytes: &[u8; RECORD], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

#[cfg(test)]
mod tests {
    use comet::key::PrivateKey;

    use super::*;

    fn record() -> Record {
        Record {
            chain_id: "c".repeat(MAX_CHAIN_ID),
            key: identity().key_id(),
            sequence: 1 << 40,
            mark: Mark {
                hrs: Hrs { height: 361_402, round: 5, step: Step::Precommit },
                sign_bytes: vec![9; MAX_SIGN_BYTES],
            },
            signature: Some(vec![5; MAX_SIGNATURE].into()),
            before: [3; 24],
            beside: Beside::default(),
        }
    }

    fn identity() -> Identity {
        let public_key = PrivateKey::from_seed(&[7; 32]).public().into();
        Identity { chain_id: "c".repeat(MAX_CHAIN_ID), public_key }
    }

    fn bytes(r: &Record) -> [u8; RECORD] {
        let signature = r.signature.as_ref();
        encode_beside(&identity(), r.sequence, r.mark.hrs, &r.mark.sign_bytes, signature, &r.before, r.beside)
    }

    #[test]
    fn round_trip_at_the_bounds() {
        let longest = record();
        assert_eq!(decode(&bytes(&longest)), Ok(longest.clone()));
        let floor = Record { mark: Mark::floor(Hrs::whole_height(7)), signature: None, ..longest };
        assert_eq!(decode(&bytes(&floor)), Ok(floor.clone()));
        let settled = Settled { sequence: u64::MAX, revision: i64::MAX, hrs: Hrs::whole_height(i64::MAX) };
        let wanted = Record { beside: Beside { wanted: true, settled: Some(settled) }, ..floor };
        assert_eq!(decode(&bytes(&wanted)), Ok(wanted.clone()));
        // Beside a signature there is no room for it.
        let kept = Record { signature: Some(vec![5; 64].into()), ..wanted };
        let beside = Beside { wanted: true, settled: None };
        assert_eq!(decode(&bytes(&kept)), Ok(Record { beside, ..kept }));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let good = bytes(&record());
        for bit in 0..RECORD * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_torn_write_is_found() {
        let (old, new) = (bytes(&record()), bytes(&Record { sequence: 2, ..record() }));
        for cut in 1..RECORD {
            let mut torn = old;
            torn[..cut].copy_from_slice(&new[..cut]);
            // The one harmless tear: all but bytes in which old and new agree anyway.
            assert!(torn == old || torn == new || decode(&torn).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn nonsense_with_a_good_checksum_is_refused() {
        for (at, value) in [
            (10, 6u8),
            (11, 4),
            (12, 51),
            (13, 81),
            (31, 0x80),
            (35, 0x80),
            (37, 2),
            (8, 2),
            (14, 2),
            (14, 4),
        ] {
            let mut bad = bytes(&record());
            bad[at] = value;
            let checksum = Sha256::digest(&bad[..CHECKED]);
            bad[CHECKED..].copy_from_slice(&checksum);
            assert!(decode(&bad).is_err(), "byte {at}");
        }
    }
}
