//! `tmkms.toml` of tmkms 0.10 to 0.15, as written (spec/signer.md §4.5); what it becomes is in [`carry`].
//!
//! Keys that no tmkms has are refused, as there: what nobody understands may have mattered. Passwords and API keys are
//! skipped while parsing, so nothing here can print one, and an error names a line instead of quoting it.

mod carry;

use std::path::PathBuf;

use serde::{Deserialize, de::IgnoredAny};
use thiserror::Error;

pub use self::carry::{Carried, Finding, carry};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tmkms {
    #[serde(default)]
    chain: Vec<Chain>,
    #[serde(default)]
    validator: Vec<Validator>,
    #[serde(default)]
    providers: Providers,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chain {
    id: String,
    key_format: KeyFormat,
    #[serde(default)]
    sign_extensions: bool,
    state_file: Option<PathBuf>,
    state_hook: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFormat {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    #[serde(rename = "account_key_prefix")]
    _account: Option<IgnoredAny>,
    consensus_key_prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Validator {
    addr: String,
    chain_id: String,
    #[serde(default = "yes")]
    reconnect: bool,
    timeout: Option<IgnoredAny>,
    secret_key: Option<IgnoredAny>,
    max_height: Option<MaxHeight>,
    protocol_version: Option<String>,
}

/// A string in tmkms; somebody may have written a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum MaxHeight {
    Text(String),
    Number(i64),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Providers {
    #[serde(default)]
    softsign: Vec<Softsign>,
    #[serde(default)]
    yubihsm: Vec<YubiHsm>,
    #[serde(default)]
    ledgertm: Vec<IgnoredAny>,
    #[serde(default)]
    fortanixdsm: Vec<IgnoredAny>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    #[default]
    Consensus,
    Account,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Softsign {
    chain_ids: Vec<String>,
    #[serde(default)]
    key_type: Purpose,
    #[serde(rename = "key_format")]
    _format: Option<IgnoredAny>,
    path: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct YubiHsm {
    adapter: Adapter,
    auth: Auth,
    #[serde(default)]
    keys: Vec<HsmKey>,
    serial_number: Option<String>,
    connector_server: Option<Server>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "type", rename_all = "lowercase")]
enum Adapter {
    Usb {
        #[serde(rename = "timeout_ms")]
        _timeout: Option<IgnoredAny>,
    },
    Http {
        addr: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    key: u16,
    password_file: Option<PathBuf>,
    password: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HsmKey {
    chain_ids: Vec<String>,
    key: u16,
    #[serde(default, rename = "type")]
    purpose: Purpose,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    laddr: String,
    #[serde(rename = "cli")]
    _cli: Option<IgnoredAny>,
}

fn yes() -> bool {
    true
}

/// Why a file is no `tmkms.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct TmkmsError {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

// === impl Tmkms ===

impl Tmkms {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, TmkmsError> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            // Only the name of a wrong key, or a type: a value could be a secret in the wrong place.
            let what = match error.message() {
                message if message.starts_with("invalid") || message.starts_with("unknown variant") => {
                    message.rsplit_once(", expected ").map_or_else(
                        || "a wrong value".into(),
                        |(_, wanted)| format!("a wrong value, expected {wanted}"),
                    )
                }
                message => message.lines().next().unwrap_or_default().to_owned(),
            };
            TmkmsError { line: before.matches('\n').count() + 1, what }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_line_and_quotes_no_secret() {
        for (text, line, says) in [
            ("[[chain]]\nid = 'a'\nnew = 1\n", 3, "unknown field `new`"),
            (
                "\n[[providers.yubihsm]]\nadapter = { type = 'usb' }\nauth = { key = 'hunter2', password = 'hunter2' }\n",
                4,
                "a wrong value, expected u16",
            ),
            (
                "[[providers.yubihsm]]\nadapter = { type = 'usb' }\nauth = { password = 'hunter2' }\n",
                3,
                "missing field `key`",
            ),
            (
                "[[providers.softsign]]\nchain_ids = []\npath = 'k'\nkey_type = 'hunter2'\n",
                4,
                "expected `consensus` or `account`",
            ),
            ("password = 'hunter2\n", 1, ""),
        ] {
            let error = Tmkms::parse(text).expect_err("wrong");
            assert_eq!(error.line, line, "{error}");
            assert!(error.what.contains(says), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
