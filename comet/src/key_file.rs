//! CometBFT's JSON files for keys: `priv_validator_key.json` and `node_key.json`.
//!
//! Both hold `{"type": "tendermint/PrivKeyEd25519", "value": base64(seed || public)}`; the first may hold a key of another
//! type, under the names of [`KeyType`]. Reading checks that every stored
//! half agrees with what the secret yields, because a file pasted together from two keys would sign as a stranger.
//! Keys without a seed, which that format cannot hold, are written as `palisade/PrivKeyEd25519Expanded`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    consensus::{KeyType, SecretKey},
    key::{KeyError, PrivateKey},
};

const PRIVATE: &str = "tendermint/PrivKeyEd25519";
const EXPANDED: &str = "palisade/PrivKeyEd25519Expanded";

/// What is wrong with a key file.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// Not the JSON of a key file. Only the place is said: the parser's own words quote what stands there, and in a key
    /// file that may be the secret.
    #[error("not a key file: unexpected JSON at line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A key type that no node line has, or not in this file.
    #[error("key type {0:?} is not known here")]
    Type(String),
    /// Not base64.
    #[error("private key is not base64")]
    Base64,
    /// The bytes are no key, or the halves do not belong together.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The public key or address beside the secret belongs to another key.
    #[error("{field} in the file is {stored}, but the private key yields {derived}")]
    Stranger {
        /// `pub_key` or `address`.
        field: &'static str,
        /// What the file says.
        stored: String,
        /// What the secret says.
        derived: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Typed {
    r#type: String,
    value: String,
}

#[derive(Serialize, Deserialize)]
struct PrivValidatorKey {
    address: Option<String>,
    pub_key: Option<Typed>,
    priv_key: Typed,
}

#[derive(Serialize, Deserialize)]
struct NodeKey {
    priv_key: Typed,
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

/// Reads `priv_validator_key.json`, also the older `priv_validator.json` with its state fields, which are ignored here.
pub fn read_priv_validator_key(json: &str) -> Result<SecretKey, KeyFileError> {
    let file: PrivValidatorKey = serde_json::from_str(json).map_err(unreadable)?;
    let key = secret(&file.priv_key)?;
    let derived = public(&key);
    if let Some(stored) = file.pub_key.filter(|k| (&k.r#type, &k.value) != (&derived.r#type, &derived.value))
    {
        let show = |k: &Typed| format!("{} {}", k.r#type, k.value);
        return Err(KeyFileError::Stranger {
            field: "pub_key",
            stored: show(&stored),
            derived: show(&derived),
        });
    }
    let address = key.public().address().to_string();
    match file.address {
        Some(stored) if !stored.eq_ignore_ascii_case(&address) => {
            Err(KeyFileError::Stranger { field: "address", stored, derived: address })
        }
        _ => Ok(key),
    }
}

/// Writes `priv_validator_key.json` as CometBFT does, or its expanded sibling for a key without a seed.
pub fn write_priv_validator_key(key: &SecretKey) -> Zeroizing<String> {
    let file = PrivValidatorKey {
        address: Some(key.public().address().to_string()),
        pub_key: Some(public(key)),
        priv_key: typed(key),
    };
    pretty(&file)
}

/// Reads `node_key.json`, which is always an Ed25519 key.
pub fn read_node_key(json: &str) -> Result<PrivateKey, KeyFileError> {
    let file: NodeKey = serde_json::from_str(json).map_err(unreadable)?;
    ed25519(&file.priv_key)
}

/// Writes `node_key.json`.
pub fn write_node_key(key: &PrivateKey) -> Zeroizing<String> {
    pretty(&NodeKey { priv_key: typed_ed25519(key) })
}

#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
fn unreadable(error: serde_json::Error) -> KeyFileError {
    KeyFileError::Json { line: error.line(), column: error.column() }
}

fn secret(typed: &Typed) -> Result<SecretKey, KeyFileError> {
    match KeyType::ALL.into_iter().find(|key_type| key_type.private_json() == typed.r#type) {
        Some(KeyType::Ed25519) | None => Ok(ed25519(typed)?.into()),
        Some(key_type) => Ok(SecretKey::from_bytes(key_type, &decode(typed)?)?),
    }
}

fn decode(typed: &Typed) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    Ok(Zeroizing::new(BASE64_STANDARD.decode(&typed.value).map_err(|_| KeyFileError::Base64)?))
}

fn ed25519(typed: &Typed) -> Result<PrivateKey, KeyFileError> {
    let bytes = decode(typed)?;
    match typed.r#type.as_str() {
        PRIVATE => Ok(PrivateKey::from_seed_and_public(&bytes)?),
        EXPANDED => {
            let bytes: &[u8; 64] = bytes
                .as_slice()
                .try_into()
                .map_err(|_| KeyError::Length { got: bytes.len(), expected: 64 })?;
            Ok(PrivateKey::from_expanded(bytes))
        }
        other => Err(KeyFileError::Type(other.into())),
    }
}

fn public(key: &SecretKey) -> Typed {
    let key = key.public();
    Typed { r#type: key.key_type().public_json().into(), value: BASE64_STANDARD.encode(key.as_bytes()) }
}

fn typed(key: &SecretKey) -> Typed {
    match (key.as_ed25519(), key.to_bytes()) {
        (None, Some(bytes)) => Typed {
            r#type: key.public().key_type().private_json().into(),
            value: BASE64_STANDARD.encode(&*bytes),
        },
        (Some(key), _) => typed_ed25519(key),
        (None, None) => unreachable!("only Ed25519 keys can lack their file's form"),
    }
}

fn typed_ed25519(key: &PrivateKey) -> Typed {
    match key.to_seed_and_public() {
        Some(bytes) => Typed { r#type: PRIVATE.into(), value: BASE64_STANDARD.encode(*bytes) },
        None => Typed { r#type: EXPANDED.into(), value: BASE64_STANDARD.encode(*key.to_expanded()) },
    }
}

fn pretty<T: Serialize>(file: &T) -> Zeroizing<String> {
    let mut text = serde_json::to_string_pretty(file).expect("strings serialise");
    text.push('\n');
    Zeroizing::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_of_both_forms() {
        let seeded = PrivateKey::from_seed(&[9; 32]);
        let expanded = PrivateKey::from_expanded(&seeded.to_expanded());
        for key in [SecretKey::from(seeded), SecretKey::from(expanded)] {
            let back = read_priv_validator_key(&write_priv_validator_key(&key)).expect("ours");
            assert_eq!(back.public(), key.public());
            assert_eq!(back.sign(b"x"), key.sign(b"x"));
        }
    }

    #[test]
    fn cometbft_own_file() {
        // Shape of spec/signer.md §4.2 with a throw-away key.
        let json = write_priv_validator_key(&PrivateKey::from_seed(&[1; 32]).into());
        let value: serde_json::Value = serde_json::from_str(&json).expect("json");
        assert_eq!(value["pub_key"]["type"], "tendermint/PubKeyEd25519");
        assert_eq!(value["priv_key"]["type"], PRIVATE);
        assert_eq!(value["address"].as_str().map(str::len), Some(40));
    }

    #[test]
    fn a_file_of_two_keys_is_refused() {
        let one = write_priv_validator_key(&PrivateKey::from_seed(&[1; 32]).into());
        let mut value: serde_json::Value = serde_json::from_str(&one).expect("json");
        value["address"] = "00".repeat(20).into();
        assert!(matches!(
            read_priv_validator_key(&value.to_string()),
            Err(KeyFileError::Stranger { field: "address", .. })
        ));
        let other = PrivateKey::from_seed(&[2; 32]);
        value["address"] = serde_json::Value::Null;
        value["pub_key"]["value"] = BASE64_STANDARD.encode(other.public().as_bytes()).into();
        assert!(matches!(
            read_priv_validator_key(&value.to_string()),
            Err(KeyFileError::Stranger { field: "pub_key", .. })
        ));
    }

    #[test]
    fn an_unreadable_file_is_not_quoted() {
        for json in
            [r#"{"priv_key":"c2VjcmV0"}"#, r#"{"priv_key":{"type":"c2VjcmV0"}}"#, "c2VjcmV0", r#""c2VjcmV0""#]
        {
            for error in
                [read_priv_validator_key(json).expect_err("bad"), read_node_key(json).expect_err("bad")]
            {
                assert!(!format!("{error} {error:?}").contains("c2VjcmV0"), "{error}");
            }
        }
    }

    #[test]
    fn other_key_types_say_so() {
        let json = r#"{"priv_key":{"type":"tendermint/PrivKeySr25519","value":"AA=="}}"#;
        let error = read_priv_validator_key(json).expect_err("unsupported").to_string();
        assert!(error.contains("PrivKeySr25519"), "{error}");
        // A key file, but of no key that a node could have as its identity.
        let json = json.replace("Sr25519", "Secp256k1");
        assert!(matches!(read_node_key(&json), Err(KeyFileError::Type(_))));
        assert!(matches!(read_priv_validator_key(&json), Err(KeyFileError::Key(KeyError::Length { .. }))));
    }
}
