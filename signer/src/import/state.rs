//! Last-sign states of other signers. All of them are JSON with height, round and step, and no two mean the same.
//!
//! | file | round | step | told by |
//! |---|---|---|---|
//! | CometBFT `priv_validator_state.json`, cosmos/kms | number | 1 propose to 3 precommit | round is a number |
//! | horcrux | string | 1 to 3 | string round with `signbytes`, `signature` or `nonce_public` |
//! | tmkms | string | **0** proposal to **2** precommit | string round without those |
//!
//! Sign-bytes are kept only if they prove themselves: they decode, name the same height, round, step and chain, and the
//! signature beside them verifies under the key. Otherwise only the floor is taken.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{canonical, consensus::PublicKey};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::mark::{Hrs, Mark, Step};

/// Who wrote the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A CometBFT node, or cosmos/kms.
    FilePv,
    /// horcrux; a share's own state has a partial signature.
    Horcrux,
    /// tmkms, steps counted from 0.
    Tmkms,
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
}

#[derive(Deserialize)]
struct File {
    height: Value,
    round: Value,
    step: Value,
    signature: Option<String>,
    signbytes: Option<String>,
    nonce_public: Option<String>,
}

/// Reads a state for this chain and key.
pub fn read(text: &str, chain_id: &str, public: &PublicKey) -> Result<Imported, ImportStateError> {
    let file: File = serde_json::from_str(text).map_err(|e| ImportStateError::Json(e.to_string()))?;
    let origin = match (&file.round, &file.signbytes, &file.signature, &file.nonce_public) {
        (Value::Number(_), ..) => Origin::FilePv,
        (_, None, None, None) => Origin::Tmkms,
        _ => Origin::Horcrux,
    };
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
        (Origin::FilePv | Origin::Horcrux, 0..=3) => step,
        // Steps of 3 and more come from very old releases and mean precommit.
        (Origin::Tmkms, 0..) => step.min(2) + 1,
        _ => return Err(ImportStateError::Range("step")),
    };
    let step = u8::try_from(step).ok().and_then(Step::from_number).ok_or(ImportStateError::Range("step"))?;
    let hrs = Hrs { height, round, step };
    let (sign_bytes, dropped) = match proven(&file, hrs, chain_id, public) {
        Ok(sign_bytes) => (sign_bytes, None),
        Err(why) => (Vec::new(), why),
    };
    Ok(Imported { origin, mark: Mark { hrs, sign_bytes }, dropped })
}

/// The sign-bytes if they prove themselves; otherwise why not, if there were some.
fn proven(
    file: &File,
    hrs: Hrs,
    chain_id: &str,
    public: &PublicKey,
) -> Result<Vec<u8>, Option<&'static str>> {
    let Some(text) = &file.signbytes else { return Err(None) };
    let bytes = hex::decode(text).map_err(|_| Some("sign-bytes are not hex"))?;
    let read = canonical::read(&bytes).ok_or(Some("sign-bytes are not those of a vote or proposal"))?;
    let same_place = read.height == hrs.height
        && read.round == i64::from(hrs.round)
        && Step::from_message_type(read.r#type) == Some(hrs.step);
    if !same_place {
        return Err(Some("sign-bytes are for another height, round or step"));
    }
    if read.chain_id != chain_id {
        return Err(Some("sign-bytes are for another chain"));
    }
    let signature = file.signature.as_ref().ok_or(Some("sign-bytes have no signature"))?;
    let signature = BASE64_STANDARD.decode(signature).map_err(|_| Some("signature is not base64"))?;
    if !public.verify(&bytes, &signature) {
        return Err(Some("signature does not verify under the key"));
    }
    Ok(bytes)
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
        }
    }
}
