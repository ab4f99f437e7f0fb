//! Where a node is reached: a URL, taken apart once and never again, and what it takes to be let in.
//!
//! Written as a plain string, or as a table: `{ url = "https://…", ca = "…", cert = "…", key = "…", token = { file = "…" } }`.

use super::{ConfigError, SecretSource};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Stands in a URL's path where the token belongs, for providers that want it there.
pub const TOKEN: &str = "{token}";
/// Requests a second that a public endpoint is asked for at most, where the configuration does not say.
const PUBLIC_RATE: u32 = 10;
/// The same for an own node: no more than a brake on mistakes.
const OWN_RATE: u32 = 1000;

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `https` and `wss` rather than `http` and `ws`.
    pub tls: bool,
    /// `host:port`
    pub authority: String,
    /// Path prefix, without a slash at the end. May contain [`TOKEN`].
    pub path: String,
    /// PEM file of the authorities to trust; the system's where there is none.
    pub ca: Option<PathBuf>,
    /// PEM files of an own certificate chain and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Where the token lies.
    pub token: Option<SecretSource>,
    /// The header that carries the token; `authorization` puts `Bearer` before it.
    pub header: String,
    /// Requests a second at most.
    pub rate: u32,
}

/// As written.
#[derive(Clone, Debug)]
pub(super) struct RawEndpoint(RawTable);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    url: String,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    token: Option<SecretSource>,
    header: Option<String>,
    rate: Option<u32>,
}

impl<'de> Deserialize<'de> for RawEndpoint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RawEndpoint;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL or a table with url = \"…\"")
            }

            fn visit_str<E>(self, url: &str) -> Result<RawEndpoint, E> {
                Ok(RawEndpoint(RawTable { url: url.into(), ..RawTable::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawEndpoint, A::Error> {
                RawTable::deserialize(MapAccessDeserializer::new(map)).map(RawEndpoint)
            }
        }
        from.deserialize_any(Either)
    }
}

impl RawEndpoint {
    /// Checks it; relative files are relative to `directory`.
    pub(super) fn resolve(self, file: &str, directory: &Path) -> Result<Endpoint, ConfigError> {
        let raw = self.0;
        let url = raw.url.clone();
        let error = |reason, advice| ConfigError::Url { file: file.into(), url: url.clone(), reason, advice };
        let schemes =
            [("http://", false), ("tcp://", false), ("ws://", false), ("https://", true), ("wss://", true)];
        let (rest, tls) = schemes
            .iter()
            .find_map(|(scheme, tls)| Some((url.strip_prefix(scheme)?, *tls)))
            .ok_or_else(|| error("is not a http:// or https:// URL", "http://127.0.0.1:26657"))?;
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(a, p)| (a, p));
        if authority.is_empty() || authority.contains(['@', '?', '#', ' ']) {
            return Err(error(
                "has no plain host",
                "http://127.0.0.1:26657; a token goes into token = { file = \"…\" }",
            ));
        }
        if path.contains(['?', '#', ' ']) {
            return Err(error(
                "has more than a path behind the host",
                "https://host/path, and token = { file = \"…\" }",
            ));
        }
        if path.contains(TOKEN) && (raw.token.is_none() || raw.header.is_some()) {
            return Err(error("wants a token in its path", "token = { file = \"…\" } and no header"));
        }
        let identity = match (raw.cert, raw.key) {
            (Some(cert), Some(key)) => Some((directory.join(cert), directory.join(key))),
            (None, None) => None,
            _ => return Err(error("has one of cert and key", "both of them, or none")),
        };
        if !tls && (raw.ca.is_some() || identity.is_some()) {
            return Err(error("has certificates but no TLS", "https://"));
        }
        let own = is_own(authority);
        if !tls && !own && raw.token.is_some() {
            return Err(error("would carry its token in the clear", "https://"));
        }
        if raw.rate == Some(0) {
            return Err(error("has a rate of 0", "rate = 10, in requests a second"));
        }
        let header = raw.header.unwrap_or_else(|| "authorization".into()).to_ascii_lowercase();
        if http::HeaderName::from_bytes(header.as_bytes()).is_err() {
            return Err(error("has a header that is no header's name", "header = \"x-api-key\""));
        }
        let port = authority.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let default = if tls { 443 } else { 80 };
        let path = path.trim_end_matches('/');
        Ok(Endpoint {
            tls,
            authority: if port.is_some() { authority.into() } else { format!("{authority}:{default}") },
            path: if path.is_empty() { String::new() } else { format!("/{path}") },
            ca: raw.ca.map(|path| directory.join(path)),
            identity,
            token: raw.token.map(|token| token.beside(directory)),
            header,
            rate: raw.rate.unwrap_or(if own { OWN_RATE } else { PUBLIC_RATE }),
        })
    }
}

impl Endpoint {
    /// As a URL; a token is not in it.
    pub fn url(&self) -> String {
        format!("http{}://{}", if self.tls { "s" } else { "" }, self.name())
    }

    /// How it is called in metrics and logs: `host:port`, with the path where there is one. Holds no token.
    pub fn name(&self) -> String {
        format!("{}{}", self.authority, self.path)
    }

    /// The host without port, and without the brackets of IPv6: what a certificate must be for.
    pub fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        host.trim_matches(['[', ']'])
    }
}

/// A loopback or private address, or a name without a dot such as those of containers.
fn is_own(authority: &str) -> bool {
    let host =
        authority.rsplit_once(':').filter(|(_, p)| p.parse::<u16>().is_ok()).map_or(authority, |(h, _)| h);
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => !host.contains('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Endpoint, String> {
        #[derive(Deserialize)]
        struct One {
            e: RawEndpoint,
        }
        let one: One = toml::from_str(&format!("e = {line}")).map_err(|e| e.to_string())?;
        one.e.resolve("m.toml", Path::new("/etc/p")).map_err(|e| e.to_string())
    }

    #[test]
    fn strings_and_tables() {
        let plain = parse("\"tcp://10.0.0.1:26657/\"").unwrap();
        assert_eq!((plain.url().as_str(), plain.rate, plain.tls), ("http://10.0.0.1:26657", OWN_RATE, false));
        let v1 = parse("\"https://rpc.example/v1/\"").unwrap();
        assert_eq!(
            (v1.url().as_str(), v1.host(), v1.rate),
            ("https://rpc.example:443/v1", "rpc.example", PUBLIC_RATE)
        );
        let six = parse("\"http://[::1]:26657\"").unwrap();
        assert_eq!((six.host(), six.rate), ("::1", OWN_RATE));
        let table = parse(
            "{ url = \"wss://n:1/x\", ca = \"ca.pem\", cert = \"c.pem\", key = \"/k.pem\", token = { file = \"t\" }, header = \"X-Api-Key\", rate = 3 }",
        )
        .unwrap();
        assert_eq!(table.ca.as_deref(), Some(Path::new("/etc/p/ca.pem")));
        assert_eq!(table.identity, Some(("/etc/p/c.pem".into(), "/k.pem".into())));
        assert_eq!(table.token, Some(SecretSource::File("/etc/p/t".into())));
        assert_eq!((table.header.as_str(), table.rate), ("x-api-key", 3));
        let inside =
            parse("{ url = \"https://n.example/{token}/rpc\", token = { credential = \"n\" } }").unwrap();
        assert_eq!(inside.name(), "n.example:443/{token}/rpc");
    }

    #[test]
    fn what_is_refused_says_why() {
        for (line, why) in [
            ("\"ftp://a\"", "not a http://"),
            ("\"https://u:p@host\"", "no plain host"),
            ("\"https://host/?key=1\"", "more than a path"),
            ("{ url = \"https://a/{token}\" }", "wants a token"),
            ("{ url = \"https://a\", cert = \"x\" }", "one of cert and key"),
            ("{ url = \"http://a\", ca = \"x\" }", "no TLS"),
            ("{ url = \"http://a.example\", token = { file = \"t\" } }", "in the clear"),
            ("{ url = \"https://a\", rate = 0 }", "rate of 0"),
            ("{ url = \"https://a\", header = \"a b\" }", "header"),
            ("{ url = \"https://a\", tokn = 1 }", "tokn"),
            ("{ ca = \"a\" }", "url"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
