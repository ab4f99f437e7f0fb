//! `store` of a `[[chain]]`: where its mark is. A file in `state_dir` unless it says etcd; with etcd that file stays, as the floor.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::config::ConfigError;

/// Most endpoints; etcd itself advises against more than seven members.
const MAX_ENDPOINTS: usize = 9;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStore {
    etcd: RawEtcd,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEtcd {
    endpoints: Vec<String>,
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
    prefix: String,
}

/// Where the mark of a chain is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StoreConfig {
    /// In a file of this signer alone.
    #[default]
    File,
    /// In etcd, shared with other signers of the same key.
    Etcd(EtcdConfig),
}

/// A cluster, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdConfig {
    /// How it is reached.
    pub cluster: ClusterConfig,
    /// Marks are at `<prefix>/<chain id>/<public key>/mark`. Without a slash at its end.
    pub prefix: String,
}

/// How a cluster is reached. Chains with the same one share its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Its members.
    pub endpoints: Vec<Endpoint>,
    /// Who signs its members' certificates.
    pub ca: PathBuf,
    /// This signer's certificate, whose common name is its user there.
    pub cert: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
}

/// `https://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "https://[{host}]:{port}")
        } else {
            write!(f, "https://{host}:{port}")
        }
    }
}

// === impl RawStore ===

impl RawStore {
    pub(super) fn resolve(self, chain: &str, dir: &Path) -> Result<StoreConfig, ConfigError> {
        let RawEtcd { endpoints, ca, cert, key, prefix } = self.etcd;
        let wrong = |what: String| ConfigError::Store { chain: chain.into(), what };
        if !cfg!(feature = "etcd") {
            return Err(wrong("this program was built without etcd".into()));
        }
        if endpoints.is_empty() || endpoints.len() > MAX_ENDPOINTS {
            return Err(wrong(format!("endpoints must name 1 to {MAX_ENDPOINTS} members")));
        }
        let parsed = endpoints.iter().map(|text| {
            endpoint(text).ok_or_else(|| {
                wrong(format!("endpoint {text:?} must be https://HOST:PORT; etcd is spoken to with mutual TLS and no other way"))
            })
        });
        let endpoints = parsed.collect::<Result<Vec<_>, _>>()?;
        if endpoints.iter().enumerate().any(|(at, one)| endpoints[..at].contains(one)) {
            return Err(wrong("an endpoint is there twice".into()));
        }
        let good = prefix.starts_with('/') && !prefix.ends_with('/') && !prefix.contains("//");
        if !good || prefix.len() > 200 || prefix.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(wrong(
                "prefix must be like \"/palisade\": a slash first, none at the end, no spaces".into(),
            ));
        }
        let [ca, cert, key] = [ca, cert, key].map(|path| dir.join(path));
        Ok(StoreConfig::Etcd(EtcdConfig { cluster: ClusterConfig { endpoints, ca, cert, key }, prefix }))
    }
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (host, port) = text.strip_prefix("https://")?.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())?,
        None => host,
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/@?#[]".contains(c);
    let bare = !host.is_empty() && !host.contains(odd) && (!host.contains(':') || text.contains('['));
    let port = port.parse().ok().filter(|port| *port > 0)?;
    bare.then(|| Endpoint { host: host.into(), port })
}

// === impl StoreConfig ===

impl StoreConfig {
    /// The cluster, if it is one.
    pub fn etcd(&self) -> Option<&EtcdConfig> {
        match self {
            Self::File => None,
            Self::Etcd(etcd) => Some(etcd),
        }
    }
}

#[cfg(all(test, feature = "etcd"))]
mod tests {
    use super::*;

    fn resolve(endpoints: &str, prefix: &str) -> Result<StoreConfig, String> {
        let text = format!(
            "etcd = {{ endpoints = [{endpoints}], ca = 'ca', cert = 'c', key = '/k', prefix = '{prefix}' }}"
        );
        let raw: RawStore = toml::from_str(&text).map_err(|error| error.to_string())?;
        raw.resolve("c-1", Path::new("/etc")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_cluster_is_named_wholly_and_never_without_tls() {
        let good =
            resolve("'https://10.0.0.1:2379', 'https://etcd-b:2379', 'https://[fd00::1]:2379'", "/p/q");
        let StoreConfig::Etcd(good) = good.expect("good") else { panic!("a file") };
        let shown: Vec<_> = good.cluster.endpoints.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["https://10.0.0.1:2379", "https://etcd-b:2379", "https://[fd00::1]:2379"]);
        assert_eq!((good.cluster.ca, good.cluster.key), ("/etc/ca".into(), "/k".into()));
        for bad in [
            "'http://h:2379'",
            "'h:2379'",
            "'https://h'",
            "'https://h:0'",
            "'https://h:1/x'",
            "'https://u@h:1'",
            "'https://:1'",
            "'https://fd00::1:1'",
        ] {
            assert!(resolve(bad, "/p").expect_err(bad).contains("must be https://HOST:PORT"), "{bad}");
        }
        assert!(resolve("", "/p").expect_err("none").contains("1 to 9"));
        assert!(resolve("'https://h:1', 'https://h:1'", "/p").expect_err("twice").contains("twice"));
        for bad in ["p", "/p/", "", "/", "/a//b", "/a b"] {
            assert!(resolve("'https://h:1'", bad).expect_err(bad).contains("prefix must be"), "{bad}");
        }
    }
}
