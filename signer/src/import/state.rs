//! Last-sign states of other signers. All of them are JSON with height, round and step, and no two mean the same.
//!
//! | file | round | step | told by |
//! |---|---|---|---|
//! | CometBFT `priv_validator_state.json`, cosmos/kms | number | 1 propose to 3 precommit | round is a number |
//! | horcrux | string | 1 to 3 | string round with `signbytes`, `signature` or `nonce_public` |
//! | older `priv_validator.json` | string | 1 to 3 | `last_height`, key and state in one |
//! | our own export | number | 1 to 3 | `format` |
//! | tmkms | string | **0** proposal to **2** precommit | string round without those |
//!
//! Sign-bytes are kept only if they prove themselves: they decode, name the same height, round, step and chain, and the
//! signature beside them verifies under the key. Otherwise only the floor is taken.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{canonical, consensus::PublicKey};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::{
    interchange::{self, InterchangeError},
    mark::{Hrs, Mark, Step},
};

/// Who wrote the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A CometBFT node, or cosmos/kms.
    FilePv,
    /// horcrux; a share's own state has a partial signature.
    Horcrux,
    /// tmkms, steps counted from 0.
    Tmkms,
    /// CometBFT's older file with key and state in one.
    SingleFile,
    /// `palisade-signer state export`.
    Palisade,
}

/// A state, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Who wrote it.
    pub origin: Origin,
    /// The mark to go on from.
    pub mark: Mark,
    /// Why the sign-bytes were not taken, where there were some.
    pub dropped: Option<&'static str>,
}

/// Why a file is no state, or none to start from.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ImportStateError {
    /// Not JSON with these fields.
    #[error("not a last-sign state: {0}")]
    Json(String),
    /// A number out of range.
    #[error("field {0} is out of range")]
    Range(&'static str),
    /// The state of a signer that has never signed. It protects nothing.
    #[error("it is the state of a signer that has never signed")]
    Fresh,
    /// Its own sign-bytes name another chain.
    #[error("it belongs to chain {0:?}")]
    OtherChain(String),
    /// The key beside it is another one.
    #[error("it belongs to another key, {0}")]
    OtherKey(String),
    /// Our own format, but not for this chain and key, or damaged.
    #[error(transparent)]
    Interchange(#[from] InterchangeError),
}

/// The fields of every format, those of the older single file under their later names. Values, so that no error of the parser
/// quotes one: beside the older file's state stands the private key.
#[derive(Deserialize)]
struct File {
    #[serde(alias = "last_height")]
    height: Value,
    #[serde(alias = "last_round")]
    round: Value,
    #[serde(alias = "last_step")]
    step: Value,
    #[serde(alias = "last_signature", default)]
    signature: Value,
    #[serde(alias = "last_signbytes", default)]
    signbytes: Value,
    #[serde(alias = "ephemeral_public", default)]
    nonce_public: Value,
    /// Only in the older single file.
    #[serde(default)]
    pub_key: Value,
}

/// Reads a state for this chain and key.
pub fn read(text: &str, chain_id: &str, public: &PublicKey) -> Result<Imported, ImportStateError> {
    let Ok(json) = serde_json::from_str::<Value>(text) else {
        return Err(ImportStateError::Json("it is not JSON".into()));
    };
    if interchange::is(&json) {
        let mark = interchange::read(text, chain_id, public)?;
        return Ok(Imported { origin: Origin::Palisade, mark, dropped: None });
    }
    let single = json.get("last_height").is_some();
    let file: File = serde_json::from_value(json).map_err(|e| ImportStateError::Json(e.to_string()))?;
    let origin = match (&file.round, &file.signbytes, &file.signature, &file.nonce_public) {
        _ if single => Origin::SingleFile,
        (Value::Number(_), ..) => Origin::FilePv,
        (_, Value::Null, Value::Null, Value::Null) => Origin::Tmkms,
        _ => Origin::Horcrux,
    };
    if let Some(stored) = file.pub_key.get("value").and_then(Value::as_str)
        && stored != BASE64_STANDARD.encode(public.as_bytes())
    {
        return Err(ImportStateError::OtherKey(stored.chars().take(64).collect()));
    }
    let height = number(&file.height).filter(|n| *n >= 0).ok_or(ImportStateError::Range("height"))?;
    let round = number(&file.round)
        .and_then(|n| i32::try_from(n).ok())
        .filter(|n| *n >= 0)
        .ok_or(ImportStateError::Range("round"))?;
    let step = number(&file.step).ok_or(ImportStateError::Range("step"))?;
    if height == 0 {
        return Err(ImportStateError::Fresh);
    }
    let step = match (origin, step) {
        (Origin::FilePv | Origin::SingleFile | Origin::Horcrux, 0..=3) => step,
        // Steps of 3 and more come from very old releases and mean precommit.
        (Origin::Tmkms, 0..) => step.min(2) + 1,
        _ => return Err(ImportStateError::Range("step")),
    };
    let step = u8::try_from(step).ok().and_then(Step::from_number).ok_or(ImportStateError::Range("step"))?;
    let hrs = Hrs { height, round, step };
    let (sign_bytes, dropped) = match proven(&file, hrs, chain_id, public)? {
        Ok(sign_bytes) => (sign_bytes, None),
        Err(why) => (Vec::new(), why),
    };
    Ok(Imported { origin, mark: Mark { hrs, sign_bytes }, dropped })
}

/// One mark out of the states of one chain and key: the highest. `bump` closes so many whole heights above it, for signers that
/// write their state after they sign.
pub fn highest(all: &[Imported], bump: u32) -> Option<Mark> {
    let top = all.iter().map(|one| &one.mark).max_by_key(|mark| mark.hrs)?;
    if bump > 0 {
        return Some(Mark::floor(Hrs::whole_height(top.hrs.height.saturating_add(bump.into()))));
    }
    // Files that disagree about what was signed there: nobody knows.
    let agree = all.iter().all(|one| one.mark.hrs != top.hrs || one.mark == *top);
    Some(if agree { top.clone() } else { Mark::floor(top.hrs) })
}

/// The sign-bytes if they prove themselves; otherwise why not, if there were some. Those of another chain are no
/// oversight: it is another chain's file.
#[allow(clippy::type_complexity)]
fn proven(
    file: &File,
    hrs: Hrs,
    chain_id: &str,
    public: &PublicKey,
) -> Result<Result<Vec<u8>, Option<&'static str>>, ImportStateError> {
    let Some(text) = file.signbytes.as_str() else { return Ok(Err(None)) };
    let Ok(bytes) = hex::decode(text) else { return Ok(Err(Some("sign-bytes are not hex"))) };
    let Some(read) = canonical::read(&bytes) else {
        return Ok(Err(Some("sign-bytes are not those of a vote or proposal")));
    };
    if read.chain_id != chain_id {
        return Err(ImportStateError::OtherChain(read.chain_id));
    }
    let same_place = read.height == hrs.height
        && read.round == i64::from(hrs.round)
        && Step::from_message_type(read.r#type) == Some(hrs.step);
    let signature = file.signature.as_str().map(|text| BASE64_STANDARD.decode(text));
    Ok(match signature {
        _ if !same_place => Err(Some("sign-bytes are for another height, round or step")),
        None => Err(Some("sign-bytes have no signature")),
        Some(Err(_)) => Err(Some("signature is not base64")),
        Some(Ok(signature)) if public.verify(&bytes, &signature) => Ok(bytes),
        Some(Ok(_)) => Err(Some("signature does not verify under the key")),
    })
}

/// A JSON number, or the string that cometjson and tmkms make of one.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64(),
        Value::String(s) => s.parse().ok(),
        _ => None,
    }
}

// === impl Origin ===

impl Origin {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::FilePv => "CometBFT priv_validator_state.json",
            Self::Horcrux => "horcrux sign state",
            Self::Tmkms => "tmkms state (steps counted from 0)",
            Self::SingleFile => "CometBFT priv_validator.json with key and state in one",
            Self::Palisade => "exported state of palisade-signer",
        }
    }
}
