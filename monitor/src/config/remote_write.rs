//! `[[remote_write]]`: whom the metrics are pushed to.

use super::{ConfigError, SecretSource};
use crate::history::moment;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    url: String,
    token: Option<SecretSource>,
    tenant: Option<String>,
    ca: Option<PathBuf>,
    interval: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// One receiver of remote-write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteWrite {
    /// `http://` or `https://`, without a password in it.
    pub url: String,
    /// Bearer token.
    pub token: Option<SecretSource>,
    /// `X-Scope-OrgID` of Mimir and Thanos.
    pub tenant: Option<String>,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// Time between two pushes.
    pub interval: Duration,
    /// Added to every series.
    pub labels: Vec<(String, String)>,
}

impl RemoteWrite {
    /// `host:port` and nothing else of the URL, for logs and metrics.
    pub fn target(&self) -> String {
        let uri = self.url.parse::<http::Uri>().ok();
        uri.and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default()
    }
}

pub(super) fn resolve(raw: Vec<Raw>, file: &str, directory: &Path) -> Result<Vec<RemoteWrite>, ConfigError> {
    let mut all: Vec<RemoteWrite> = Vec::new();
    for raw in raw {
        let bad =
            |reason, advice| ConfigError::Url { file: file.into(), url: raw.url.clone(), reason, advice };
        let uri: http::Uri =
            raw.url.parse().map_err(|_| bad("is no URL", "http://127.0.0.1:9090/api/v1/write"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
            return Err(bad("is no http:// or https:// URL", "http://127.0.0.1:9090/api/v1/write"));
        }
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(bad("has a password in it", "token = { file = \"…\" }"));
        }
        if all.iter().any(|other| other.url == raw.url) {
            return Err(bad("is there twice", "one [[remote_write]] for each receiver"));
        }
        let interval = raw.interval.as_deref().unwrap_or("15s");
        let seconds = moment::seconds(interval).filter(|s| (1..=3600).contains(s));
        let seconds =
            seconds.ok_or_else(|| bad("has an interval that is none", "interval = \"15s\", up to 1h"))?;
        let named = |name: &String| {
            !name.starts_with("__")
                && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !["chain_id", "valoper", "moniker", "source"].contains(&name.as_str())
        };
        if !raw.labels.keys().all(named) {
            return Err(bad(
                "has a label that Prometheus or the monitor's own series do not allow",
                "labels = { monitor = \"a\" }",
            ));
        }
        all.push(RemoteWrite {
            token: raw.token.map(|token| token.beside(directory)),
            tenant: raw.tenant,
            ca: raw.ca.map(|ca| directory.join(ca)),
            interval: Duration::from_secs(seconds.unsigned_abs()),
            labels: raw.labels.into_iter().collect(),
            url: raw.url,
        });
    }
    Ok(all)
}
