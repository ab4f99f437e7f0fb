//! A mark as a file that people carry: `state export` writes it, `state import` reads it.
//!
//! One JSON object for one chain and key. It says whose it is, so it cannot be given to another chain or key by mistake, and ends
//! with a checksum, so a digit that was changed or lost on the way is found. The checksum is no signature: whoever can change
//! the file can make it fit.
//!
//! ```json
//! { "format": "palisade-signer-state/1", "chain_id": "akashnet-2",
//!   "public_key": { "type": "tendermint/PubKeyEd25519", "value": "<base64>" },
//!   "height": "361402", "round": 0, "step": 3, "sign_bytes": "<upper-case hex>", "signature": "<base64>",
//!   "checksum": "<hex>" }
//! ```
//! Steps are CometBFT's (1 propose, 2 prevote, 3 precommit); a floor that closes a whole height has round 2147483647. `sign_bytes`
//! is absent in a floor, `signature` where it is not known. The checksum is SHA-256 over the values of all other fields in this
//! order, the public key as type and value, each followed by a line feed, absent ones empty.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::consensus::PublicKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::mark::{Hrs, Identity, MAX_SIGN_BYTES, Mark, Step};

/// The one format there is.
pub const FORMAT: &str = "palisade-signer-state/1";

/// Why a file is not a mark for this chain and key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InterchangeError {
    /// Not JSON with these fields and no others.
    #[error("not an exported state: {0}")]
    Json(String),
    /// From another version of this program.
    #[error("format {0:?} is not known, only {FORMAT:?} is")]
    Format(String),
    /// Changed on the way.
    #[error("its checksum does not fit its content")]
    Checksum,
    /// Another chain's.
    #[error("it belongs to chain {0:?}")]
    OtherChain(String),
    /// Another key's.
    #[error("it belongs to another key, {0}")]
    OtherKey(String),
    /// A value out of range.
    #[error("field {0} makes no sense")]
    Field(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    chain_id: String,
    public_key: Typed,
    height: String,
    round: i32,
    step: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sign_bytes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    checksum: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    r#type: String,
    value: String,
}

/// Writes a mark, with a line feed at its end.
pub fn write(identity: &Identity, mark: &Mark, signature: Option<&[u8]>) -> String {
    let mut file = File {
        format: FORMAT.into(),
        chain_id: identity.chain_id.clone(),
        public_key: typed(&identity.public_key),
        height: mark.hrs.height.to_string(),
        round: mark.hrs.round,
        step: mark.hrs.step.number(),
        sign_bytes: (!mark.is_floor()).then(|| hex::encode_upper(&mark.sign_bytes)),
        signature: signature.map(|bytes| BASE64_STANDARD.encode(bytes)),
        checksum: String::new(),
    };
    file.checksum = checksum(&file);
    serde_json::to_string_pretty(&file).expect("plain fields") + "\n"
}

/// Whether a JSON text claims to be an exported mark, of whatever version.
pub fn is(json: &serde_json::Value) -> bool {
    json.get("format").is_some()
}

/// Reads a mark for this chain and key.
pub fn read(text: &str, chain_id: &str, public: &PublicKey) -> Result<Mark, InterchangeError> {
    // The version first: another one may have other fields.
    let json: serde_json::Value = serde_json::from_str(text).map_err(json_error)?;
    match json.get("format").and_then(serde_json::Value::as_str) {
        Some(FORMAT) => {}
        other => return Err(InterchangeError::Format(other.unwrap_or_default().chars().take(64).collect())),
    }
    let file: File = serde_json::from_value(json).map_err(json_error)?;
    if checksum(&file) != file.checksum {
        return Err(InterchangeError::Checksum);
    }
    if file.chain_id != chain_id {
        return Err(InterchangeError::OtherChain(file.chain_id));
    }
    let ours = typed(public);
    if (&file.public_key.r#type, &file.public_key.value) != (&ours.r#type, &ours.value) {
        return Err(InterchangeError::OtherKey(format!(
            "{} {}",
            file.public_key.r#type, file.public_key.value
        )));
    }
    let height = file.height.parse().ok().filter(|height| *height >= 0);
    let height = height.ok_or(InterchangeError::Field("height"))?;
    let step = Step::from_number(file.step).ok_or(InterchangeError::Field("step"))?;
    if file.round < 0 {
        return Err(InterchangeError::Field("round"));
    }
    let hrs = Hrs { height, round: file.round, step };
    let sign_bytes = match &file.sign_bytes {
        None => Vec::new(),
        Some(text) => {
            let bytes = hex::decode(text).map_err(|_| InterchangeError::Field("sign_bytes"))?;
            if !fits(&bytes, hrs, chain_id) {
                return Err(InterchangeError::Field("sign_bytes"));
            }
            bytes
        }
    };
    if let Some(signature) = &file.signature {
        let signature =
            BASE64_STANDARD.decode(signature).map_err(|_| InterchangeError::Field("signature"))?;
        if !public.verify(&sign_bytes, &signature) {
            return Err(InterchangeError::Field("signature"));
        }
    }
    Ok(Mark { hrs, sign_bytes })
}

/// Whether sign-bytes are those of a vote or proposal at this place.
fn fits(bytes: &[u8], hrs: Hrs, chain_id: &str) -> bool {
    bytes.len() <= MAX_SIGN_BYTES
        && comet::canonical::read(bytes).is_some_and(|read| {
            read.height == hrs.height
                && read.round == i64::from(hrs.round)
                && Step::from_message_type(read.r#type) == Some(hrs.step)
                && read.chain_id == chain_id
        })
}

/// A key as CometBFT's JSON has it.
fn typed(public: &PublicKey) -> Typed {
    Typed { r#type: public.key_type().public_json().into(), value: BASE64_STANDARD.encode(public.as_bytes()) }
}

fn checksum(file: &File) -> String {
    let (round, step) = (file.round.to_string(), file.step.to_string());
    let mut hash = Sha256::new();
    for value in [
        file.format.as_str(),
        &file.chain_id,
        &file.public_key.r#type,
        &file.public_key.value,
        &file.height,
        &round,
        &step,
        file.sign_bytes.as_deref().unwrap_or_default(),
        file.signature.as_deref().unwrap_or_default(),
    ] {
        hash.update(value.as_bytes());
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn json_error(error: serde_json::Error) -> InterchangeError {
    InterchangeError::Json(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use comet::{
        key::PrivateKey,
        privval::{BlockId, PRECOMMIT, PartSetHeader, Timestamp, Vote},
    };

    const CHAIN: &str = "akashnet-2";

    fn key() -> PrivateKey {
        PrivateKey::from_seed(&[7; 32])
    }

    fn identity() -> Identity {
        Identity { chain_id: CHAIN.into(), public_key: key().public().into() }
    }

    fn mark() -> Mark {
        let part_set_header = Some(PartSetHeader { total: 1, hash: vec![2; 32] });
        let vote = Vote {
            r#type: PRECOMMIT,
            height: 361_402,
            round: 1,
            block_id: Some(BlockId { hash: vec![1; 32], part_set_header }),
            timestamp: Some(Timestamp { seconds: 1_700_000_000, nanos: 5 }),
            ..Vote::default()
        };
        let hrs = Hrs { height: 361_402, round: 1, step: Step::Precommit };
        Mark { hrs, sign_bytes: comet::canonical::vote(CHAIN, &vote) }
    }

    fn read_it(text: &str) -> Result<Mark, InterchangeError> {
        read(text, CHAIN, &key().public().into())
    }

    #[test]
    fn what_is_written_is_read() {
        let signature = key().sign(&mark().sign_bytes);
        for (mark, signature) in [
            (mark(), Some(&signature[..])),
            (mark(), None),
            (Mark::floor(Hrs::whole_height(5)), None),
            (Mark::floor(Hrs::whole_height(0)), None),
            (Mark::floor(Hrs { height: 5, round: 3, step: Step::Prevote }), None),
        ] {
            assert_eq!(read_it(&write(&identity(), &mark, signature)), Ok(mark));
        }
    }

    /// Files are carried between versions of this program: this one must be readable for ever.
    #[test]
    fn the_format_stays() {
        let text = r#"{"format":"palisade-signer-state/1","chain_id":"akashnet-2","public_key":{"type":"tendermint/PubKeyEd25519",
            "value":"6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="},"height":"5","round":2147483647,"step":3,
            "checksum":"CHECKSUM"}"#;
        let lines = "palisade-signer-state/1\nakashnet-2\ntendermint/PubKeyEd25519\n\
            6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=\n5\n2147483647\n3\n\n\n";
        let text = text.replace("CHECKSUM", &hex::encode(Sha256::digest(lines)));
        assert_eq!(read_it(&text), Ok(Mark::floor(Hrs::whole_height(5))));
    }

    #[test]
    fn every_changed_value_is_found() {
        let good = write(&identity(), &mark(), None);
        for (from, to) in [
            ("361402", "361401"),
            ("\"round\": 1", "\"round\": 0"),
            ("\"step\": 3", "\"step\": 2"),
            ("akashnet-2", "akashnet-1"),
            ("\"sign_bytes\": \"", "\"sign_bytes\": \"00"),
            ("PubKeyEd25519", "PubKeySecp256k1"),
        ] {
            assert_eq!(read_it(&good.replace(from, to)), Err(InterchangeError::Checksum), "{to}");
        }
    }

    #[test]
    fn it_is_bound_to_chain_and_key() {
        let good = write(&identity(), &mark(), None);
        let other = PrivateKey::from_seed(&[8; 32]).public().into();
        assert!(matches!(read(&good, CHAIN, &other), Err(InterchangeError::OtherKey(_))));
        assert_eq!(read(&good, "x", &key().public().into()), Err(InterchangeError::OtherChain(CHAIN.into())));
    }

    #[test]
    fn a_fitting_checksum_makes_no_nonsense_true() {
        let forged = |identity: &Identity, mark: &Mark, signature: Option<&[u8]>| {
            read_it(&write(identity, mark, signature))
        };
        let elsewhere = |hrs| Mark { hrs, ..mark() };
        let hrs = mark().hrs;
        for (bad, signature, field) in [
            (elsewhere(Hrs { height: hrs.height + 1, ..hrs }), None, "sign_bytes"),
            (elsewhere(Hrs { round: 0, ..hrs }), None, "sign_bytes"),
            (elsewhere(Hrs { step: Step::Prevote, ..hrs }), None, "sign_bytes"),
            (elsewhere(Hrs { height: -1, ..hrs }), None, "height"),
            (elsewhere(Hrs { round: -1, ..hrs }), None, "round"),
            (Mark { hrs, sign_bytes: vec![1; 300] }, None, "sign_bytes"),
            (mark(), Some(&[1; 64][..]), "signature"),
        ] {
            assert_eq!(forged(&identity(), &bad, signature), Err(InterchangeError::Field(field)));
        }
        let next = write(&identity(), &mark(), None).replace("state/1", "state/2");
        assert_eq!(read_it(&next), Err(InterchangeError::Format("palisade-signer-state/2".into())));
        let more =
            write(&identity(), &mark(), None).replace("{\n  \"format\"", "{\n  \"x\": 1,\n  \"format\"");
        assert!(matches!(read_it(&more), Err(InterchangeError::Json(_))), "{more}");
    }
}
