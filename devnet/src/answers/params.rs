//! Parameters of a call: from a URI (`height=5`, `height="5"`, `data=0x0114`) or from JSON (`{"height":"5"}`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use thiserror::Error;

/// Named parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, Value>);

/// A parameter that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParamError {
    /// Not a number.
    #[error("{0} is not an integer: {1}")]
    Integer(&'static str, String),
    /// Not bytes.
    #[error("{0} is neither hex nor base64")]
    Bytes(&'static str),
}

impl Params {
    /// From a URI's query.
    pub fn from_uri(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let value = |text: String| match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
            Some(inner) => Value::String(inner.to_owned()),
            None => Value::String(text),
        };
        let pairs = pairs.into_iter().filter(|(_, text)| !text.is_empty());
        Self(pairs.map(|(name, text)| (name, value(text))).collect())
    }

    /// From a JSON-RPC request; positional ones are named by the caller's `names`.
    pub fn from_json(params: &Value, names: &[&str]) -> Self {
        match params {
            Value::Object(map) => Self(map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()),
            Value::Array(list) => {
                Self(names.iter().zip(list).map(|(name, v)| ((*name).to_owned(), v.clone())).collect())
            }
            _ => Self::default(),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    /// A whole number.
    pub fn integer(&self, name: &'static str) -> Result<Option<i64>, ParamError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        };
        number.map(Some).ok_or_else(|| ParamError::Integer(name, value.to_string()))
    }

    /// A text; empty when absent.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Bytes: hex with or without `0x`, or base64 of 32 bytes; empty when absent.
    pub fn bytes(&self, name: &'static str) -> Result<Vec<u8>, ParamError> {
        let text = self.text(name);
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if let Ok(bytes) = hex::decode(digits) {
            return Ok(bytes);
        }
        STANDARD.decode(text).map_err(|_| ParamError::Bytes(name))
    }
}

/// Names of a method's positional parameters, in order.
pub fn names(method: &str) -> &'static [&'static str] {
    match method {
        "block" | "header" | "block_results" | "commit" | "consensus_params" => &["height"],
        "validators" => &["height", "page", "per_page"],
        "blockchain" => &["minHeight", "maxHeight"],
        "block_by_hash" | "header_by_hash" => &["hash"],
        "genesis_chunked" => &["chunk"],
        "abci_query" => &["path", "data", "height", "prove"],
        "subscribe" | "unsubscribe" => &["query"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_and_json_give_the_same() {
        let uri = |pairs: &[(&str, &str)]| {
            Params::from_uri(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
        };
        for params in [
            uri(&[("height", "5"), ("data", "0x0114"), ("path", "\"/store/slashing/key\"")]),
            Params::from_json(&serde_json::json!(["/store/slashing/key", "0114", "5"]), names("abci_query")),
            Params::from_json(
                &serde_json::json!({"path": "/store/slashing/key", "data": "0114", "height": 5}),
                &[],
            ),
        ] {
            assert_eq!(params.integer("height"), Ok(Some(5)));
            assert_eq!(params.bytes("data"), Ok(vec![1, 0x14]));
            assert_eq!(params.text("path"), "/store/slashing/key");
        }
        assert!(uri(&[("height", "abc")]).integer("height").is_err());
        assert_eq!(uri(&[("height", "")]).integer("height"), Ok(None));
    }
}
