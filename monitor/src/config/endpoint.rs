//! Where a node or another service is reached: a URL, taken apart once and never again.

use super::ConfigError;

/// An `http://` URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `host:port`, also its label in metrics.
    pub authority: String,
    /// Path prefix, without a slash at the end.
    pub path: String,
}

impl Endpoint {
    pub(super) fn parse(file: &str, url: &str) -> Result<Self, ConfigError> {
        let error = |reason, advice| ConfigError::Url { file: file.into(), url: url.into(), reason, advice };
        if url.starts_with("https://") {
            return Err(error(
                "needs TLS, which this version does not speak",
                "an http:// endpoint, or a local proxy that adds TLS",
            ));
        }
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("tcp://"))
            .ok_or_else(|| error("is not a http:// URL", "http://127.0.0.1:26657"))?;
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(a, p)| (a, p));
        if authority.is_empty() || authority.contains(['@', '?', '#', ' ']) {
            return Err(error("has no plain host", "http://127.0.0.1:26657"));
        }
        let port = authority.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if port.is_some() { authority.into() } else { format!("{authority}:80") };
        let path = path.trim_end_matches('/');
        Ok(Self { authority, path: if path.is_empty() { String::new() } else { format!("/{path}") } })
    }

    /// As a URL.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.path)
    }
}
