//! `monitor.toml`: first what a human wrote, then what it means.

pub mod alerts;
mod endpoint;
mod history;
mod page;
mod postgres;
mod remote_write;
mod secret;
pub mod span;

pub use endpoint::{Endpoint, TOKEN};
pub use history::Keep;
pub use page::{Page, PageTls};
pub use postgres::{Postgres, TlsMode};
pub use remote_write::RemoteWrite;
pub use secret::SecretSource;

use crate::metrics::Compat;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    listen: SocketAddr,
    data_dir: PathBuf,
    #[serde(default)]
    page: page::RawPage,
    #[serde(default)]
    compat: BTreeSet<Compat>,
    #[serde(default)]
    history: history::Raw,
    #[serde(default)]
    remote_write: Vec<remote_write::Raw>,
    postgres: Option<postgres::Raw>,
    #[serde(rename = "chain", default)]
    chains: Vec<RawChain>,
    #[serde(default)]
    alerts: alerts::Raw,
    #[serde(rename = "signer", default)]
    signers: Vec<alerts::RawBeside>,
    #[serde(rename = "sentry", default)]
    sentries: Vec<alerts::RawBeside>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChain {
    id: String,
    rpc: Vec<endpoint::RawEndpoint>,
    #[serde(default)]
    grpc: Vec<endpoint::RawEndpoint>,
    #[serde(default)]
    rest: Vec<endpoint::RawEndpoint>,
    #[serde(default)]
    watch: Vec<String>,
}

/// A configuration that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Address of the page and the metrics.
    pub listen: SocketAddr,
    /// Directory of the history.
    pub data_dir: PathBuf,
    /// Who gets in.
    pub page: Page,
    /// At least one.
    pub chains: Vec<Chain>,
    /// Whom the metrics are pushed to.
    pub remote_write: Vec<RemoteWrite>,
    /// The shared history.
    pub postgres: Option<Postgres>,
    /// What is told to whom.
    pub alerts: alerts::Alerts,
}

/// One chain to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Chain id; an endpoint of another chain is put aside.
    pub id: String,
    /// CometBFT RPC endpoints, best first.
    pub rpc: Vec<Endpoint>,
    /// SDK gRPC endpoints; where there is none, the queries go over RPC.
    pub grpc: Vec<Endpoint>,
    /// REST endpoints (LCD or gRPC gateway), asked when neither gRPC nor RPC gives an answer.
    pub rest: Vec<Endpoint>,
    /// Own validators: valoper, valcons or hex address.
    pub watch: Vec<String>,
    /// Other monitors whose metric names are served as well.
    pub compat: BTreeSet<Compat>,
    /// For how long its history is kept.
    pub keep: Keep,
}

/// Why a configuration cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Syntax, types or unknown keys.
    #[error("{file}: {reason}\ntry: compare it with the example in the README")]
    Syntax {
        /// Which file.
        file: String,
        /// Parser's words.
        reason: String,
    },
    /// Alerts or channels that cannot be as they are written.
    #[error("{file}: {reason}\ntry: {advice}")]
    Alerts {
        /// Which file.
        file: String,
        /// What is wrong.
        reason: String,
        /// What to write.
        advice: &'static str,
    },
    /// No chain.
    #[error("{0}: there is no [[chain]] to watch\ntry: add [[chain]] with id and rpc")]
    NoChain(String),
    /// Twice the same chain.
    #[error("{file}: chain {id:?} is there twice\ntry: put all its endpoints into one rpc = [...]")]
    Twice {
        /// Which file.
        file: String,
        /// Which chain.
        id: String,
    },
    /// No endpoint.
    #[error("{file}: chain {id:?} has no rpc endpoint\ntry: rpc = [\"http://127.0.0.1:26657\"]")]
    NoRpc {
        /// Which file.
        file: String,
        /// Which chain.
        id: String,
    },
    /// An URL that cannot be used.
    #[error("{file}: {url:?} {reason}\ntry: {advice}")]
    Url {
        /// Which file.
        file: String,
        /// What was written.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
        /// What to write.
        advice: &'static str,
    },
}

impl Config {
    /// Reads the text of `file`; relative paths are relative to its directory.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let name = file.display().to_string();
        let raw: Raw = toml::from_str(text).map_err(|e| ConfigError::Syntax {
            file: name.clone(),
            reason: e.to_string().trim_end().into(),
        })?;
        if raw.chains.is_empty() {
            return Err(ConfigError::NoChain(name));
        }
        let directory = file.parent().unwrap_or(Path::new("."));
        let keep = history::resolve(&raw.history, &name)?;
        let mut chains: Vec<Chain> = Vec::new();
        for chain in raw.chains {
            if chains.iter().any(|c| c.id == chain.id) {
                return Err(ConfigError::Twice { file: name, id: chain.id });
            }
            if chain.rpc.is_empty() {
                return Err(ConfigError::NoRpc { file: name, id: chain.id });
            }
            let endpoints = |list: Vec<endpoint::RawEndpoint>| {
                list.into_iter().map(|e| e.resolve(&name, directory)).collect::<Result<Vec<_>, _>>()
            };
            chains.push(Chain {
                rpc: endpoints(chain.rpc).and_then(distinct(&name))?,
                grpc: endpoints(chain.grpc).and_then(distinct(&name)).and_then(plain(&name))?,
                rest: endpoints(chain.rest).and_then(distinct(&name))?,
                id: chain.id,
                watch: chain.watch,
                compat: raw.compat.clone(),
                keep,
            });
        }
        let alerts = alerts::Alerts::new(raw.alerts, raw.signers, raw.sentries, &name, directory)?;
        Ok(Self {
            alerts,
            listen: raw.listen,
            data_dir: directory.join(raw.data_dir),
            page: raw.page.resolve(directory),
            chains,
            remote_write: remote_write::resolve(raw.remote_write, &name, directory)?,
            postgres: raw.postgres.map(|raw| postgres::resolve(raw, &name, directory)).transpose()?,
        })
    }
}

/// gRPC has no path before its own.
fn plain(file: &str) -> impl Fn(Vec<Endpoint>) -> Result<Vec<Endpoint>, ConfigError> {
    move |endpoints| match endpoints.iter().find(|e| !e.path.is_empty()) {
        Some(endpoint) => Err(ConfigError::Url {
            file: file.into(),
            url: endpoint.url(),
            reason: "has a path, which gRPC does not have",
            advice: "https://host:443",
        }),
        None => Ok(endpoints),
    }
}

/// Endpoints are told apart by their names in metrics, so each may be there once.
fn distinct(file: &str) -> impl Fn(Vec<Endpoint>) -> Result<Vec<Endpoint>, ConfigError> {
    move |endpoints| {
        let twice =
            endpoints.iter().enumerate().find(|(i, e)| endpoints[..*i].iter().any(|o| o.name() == e.name()));
        match twice {
            Some((_, endpoint)) => Err(ConfigError::Url {
                file: file.into(),
                url: endpoint.url(),
                reason: "is the same host, port and path as another endpoint",
                advice: "leave one of the two",
            }),
            None => Ok(endpoints),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
        listen = "127.0.0.1:9464"
        data_dir = "data"

        [[chain]]
        id = "akashnet-2"
        rpc = ["http://127.0.0.1:26657", "http://node.example/rpc/"]
        grpc = ["http://127.0.0.1:9090"]
        watch = ["akashvaloper1qqqq"]
    "#;

    #[test]
    fn the_example_of_the_issue() {
        let config = Config::parse(EXAMPLE, Path::new("/etc/palisade/monitor.toml")).unwrap();
        assert_eq!(config.data_dir, Path::new("/etc/palisade/data"));
        let urls: Vec<_> = config.chains[0].rpc.iter().map(Endpoint::url).collect();
        assert_eq!(urls, ["http://127.0.0.1:26657", "http://node.example:80/rpc"]);
    }

    #[test]
    fn names_of_other_monitors_are_wanted_for_all_chains() {
        let with =
            |compat: &str| EXAMPLE.replace("data_dir", &format!("compat = {compat}\n        data_dir"));
        let config = |text: &str| Config::parse(text, Path::new("m.toml"));
        assert!(config(EXAMPLE).unwrap().chains[0].compat.is_empty());
        let both = config(&with("[\"cosmos_validator_watcher\", \"tenderduty\"]")).unwrap();
        assert_eq!(both.chains[0].compat.len(), 2);
        assert!(config(&with("[\"panic\"]")).is_err());
    }

    #[test]
    fn what_is_kept_and_who_is_told() {
        let more = r#"
            [history]
            keep_blocks = 20000
            keep = "90d"
            keep_hours = "400d"
            [[remote_write]]
            url = "https://mimir.example/api/v1/push"
            token = { file = "token" }
            interval = "30s"
            labels = { monitor = "a" }
            [postgres]
            host = "db"
            database = "d"
            user = "u"
            password = { credential = "pg" }
            tls = "verify"
            writer = "a"
        "#;
        let text = format!("{EXAMPLE}{more}");
        let config = Config::parse(&text, Path::new("/etc/m.toml")).unwrap();
        let keep = Keep { blocks: Some(20_000), rows: Some(90 * 86_400), hours: Some(400 * 86_400) };
        assert_eq!(config.chains[0].keep, keep);
        assert_eq!(config.remote_write[0].target(), "mimir.example");
        assert_eq!(config.remote_write[0].token, Some(SecretSource::File("/etc/token".into())));
        assert_eq!(config.postgres.unwrap().port, 5432);
        for (from, to) in [
            ("keep_blocks = 20000", "keep_blocks = 20"),
            ("\"90d\"", "\"90 days\""),
            ("\"400d\"", "\"4d\""),
            ("https://mimir.example/", "ftp://mimir.example/"),
            ("https://mimir.example/", "https://me:secret@mimir.example/"),
            ("\"30s\"", "\"0s\""),
            ("monitor = \"a\"", "moniker = \"a\""),
            ("tls = \"verify\"", "tls = \"maybe\""),
            ("tls = \"verify\"", ""),
            ("writer = \"a\"", "writer = \"\""),
            ("user = ", "users = "),
        ] {
            let bad = text.replacen(from, to, 1);
            assert_ne!(bad, text);
            let error = Config::parse(&bad, Path::new("m.toml")).unwrap_err().to_string();
            assert!(error.starts_with("m.toml: ") && error.contains("\ntry: "), "{error}");
        }
    }

    #[test]
    fn every_refusal_says_what_to_try() {
        for (from, to) in [
            ("data_dir", "datadir"),
            ("[[chain]]", "[[chains]]"),
            ("http://127.0.0.1:26657", "ftp://127.0.0.1:26657"),
            ("http://127.0.0.1:9090", "http://127.0.0.1:9090/path"),
            ("http://127.0.0.1:26657", "127.0.0.1:26657"),
            ("http://127.0.0.1:26657", "http://user:pw@host"),
            ("http://node.example/rpc/", "http://127.0.0.1:26657/"),
            ("rpc = [\"http://127.0.0.1:26657\", \"http://node.example/rpc/\"]", "rpc = []"),
        ] {
            let text = EXAMPLE.replace(from, to);
            assert_ne!(text, EXAMPLE);
            let error = Config::parse(&text, Path::new("m.toml")).unwrap_err().to_string();
            assert!(error.starts_with("m.toml: ") && error.contains("\ntry: "), "{error}");
        }
        let twice = format!("{EXAMPLE}\n[[chain]]\nid = \"akashnet-2\"\nrpc = [\"http://b:1\"]");
        assert!(matches!(Config::parse(&twice, Path::new("m.toml")), Err(ConfigError::Twice { .. })));
        let none = "listen = \"127.0.0.1:1\"\ndata_dir = \".\"";
        assert!(matches!(Config::parse(none, Path::new("m.toml")), Err(ConfigError::NoChain(_))));
    }
}
