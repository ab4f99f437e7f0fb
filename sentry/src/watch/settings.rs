//! `sentry-watch.toml`: what to audit, how often, and who is told. Unknown keys are refused; nothing that safety depends on has
//! a default.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::span::Span;
use crate::finding::Severity;

/// A live audit more often than this would be a burden for the nodes, and show up in their logs as one.
const OFTEN: Duration = Duration::from_secs(10 * 60);

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The fleet file, relative to this one; read anew for every run.
    pub fleet: PathBuf,
    /// Where the history is kept; belongs to this daemon alone.
    pub state_dir: PathBuf,
    /// Metrics, health and the redacted findings.
    pub listen: SocketAddr,
    /// A unix socket, mode 0600, with the findings whole. Nothing is served without it.
    pub details_socket: Option<PathBuf>,
    /// When.
    pub schedule: Schedule,
    /// Looking from outside; not done without it.
    pub live: Option<Live>,
    /// Homes on this machine.
    #[serde(default, rename = "home")]
    pub homes: Vec<HomeAt>,
    /// Nodes that are asked how they are.
    #[serde(default, rename = "node")]
    pub nodes: Vec<NodeAt>,
    /// How they are asked; needed with nodes.
    pub health: Option<Health>,
    /// Who is told.
    pub alertmanager: Option<Alertmanager>,
}

/// `[schedule]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// From the end of one run to the start of the next.
    pub every: Span,
    /// At most so much longer, by chance, so that nobody learns to look clean at the right time.
    pub jitter: Span,
}

/// `[live]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// A jump host, `ssh://user@host[:port]`; from here without it.
    pub from: Option<String>,
    /// Whether the chains' public seeds are asked what they hand on.
    pub seeds: bool,
    /// Other people's nodes that are asked the same, `id@host:port`.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Ids that nobody may be told, beside those of the fleet.
    #[serde(default)]
    pub private: Vec<String>,
    /// Addresses of which the same holds.
    #[serde(default)]
    pub private_ip: Vec<IpAddr>,
    /// PEX requests to each node, two on a connection.
    pub pex_requests: u32,
    /// Until a connection must stand.
    pub timeout: Span,
}

/// `[[home]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeAt {
    /// Its host in the fleet, or host/chain.
    pub node: String,
    /// The directory above `config/`.
    pub dir: PathBuf,
}

/// `[[node]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeAt {
    /// Its host in the fleet, or host/chain.
    pub node: String,
    /// Its RPC, on an inner address.
    pub rpc: String,
}

/// `[health]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// How often the nodes are asked.
    pub every: Span,
    /// Blocks behind the fleet's best from which a node is late.
    pub max_lag: u64,
    /// How long something must be wrong before anybody is told.
    pub patience: Span,
}

/// `[alertmanager]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Base addresses; every one is told.
    pub urls: Vec<String>,
    /// From which severity on.
    pub from: Severity,
    /// Whether evidence, hosts and addresses go into the alerts, and so to everybody that they are passed on to.
    pub details: bool,
    /// Labels of every alert.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// A file with a bearer token.
    pub token_file: Option<PathBuf>,
    /// A PEM file of the authorities to trust; the system's where there is none.
    pub ca_file: Option<PathBuf>,
}

/// What is wrong with the file. Ends with a `try:` line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant is its doc")]
pub enum SettingsError {
    #[error("{0}\ntry: compare with examples/sentry-watch.toml")]
    Toml(String),
    #[error("schedule.every = \"{0}\" is too often for a live audit\ntry: \"10m\" or more; \"6h\" is usual")]
    TooOften(Span),
    #[error("{0}.every may not be nothing\ntry: \"30s\" or more")]
    Never(&'static str),
    #[error("[[node]] without [health]\ntry: add [health] with every, max_lag and patience")]
    NoHealth,
    #[error("alertmanager.urls is empty\ntry: name one, or remove [alertmanager]")]
    Nobody,
    #[error("\"{0}\" is no address of HTTP\ntry: http://10.66.0.21:26657")]
    Url(String),
    #[error("live.pex_requests = {0} is not between 1 and 1000\ntry: 30")]
    Requests(u32),
    #[error("live.timeout = \"{0}\" is not between 1s and 60s\ntry: \"5s\"")]
    Timeout(Span),
    #[error("the label \"{0}\" is set by the alert itself, or is no name of a label\ntry: another name")]
    Label(String),
}

/// Labels that alerts have of their own.
const OWN: [&str; 6] = ["alertname", "severity", "rule", "finding", "source", "node"];

/// Reads the text of the file.
///
/// # Errors
/// It is no TOML, has unknown keys, or asks for what is not done.
pub fn parse(text: &str) -> Result<Settings, SettingsError> {
    let settings: Settings =
        toml::from_str(text).map_err(|e| SettingsError::Toml(e.to_string().trim_end().to_owned()))?;
    let every = settings.schedule.every;
    if every.0.is_zero() {
        return Err(SettingsError::Never("schedule"));
    }
    if let Some(live) = &settings.live {
        if every.0 < OFTEN {
            return Err(SettingsError::TooOften(every));
        }
        if !(1..=1000).contains(&live.pex_requests) {
            return Err(SettingsError::Requests(live.pex_requests));
        }
        if !(1..=60).contains(&live.timeout.0.as_secs()) {
            return Err(SettingsError::Timeout(live.timeout));
        }
    }
    match settings.health {
        None if !settings.nodes.is_empty() => return Err(SettingsError::NoHealth),
        Some(health) if health.every.0.is_zero() => return Err(SettingsError::Never("health")),
        _ => {}
    }
    if let Some(told) = &settings.alertmanager {
        if told.urls.is_empty() {
            return Err(SettingsError::Nobody);
        }
        let plain = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if let Some(bad) = told.labels.keys().find(|name| OWN.contains(&name.as_str()) || !plain(name)) {
            return Err(SettingsError::Label(bad.clone()));
        }
    }
    let urls = settings.alertmanager.iter().flat_map(|told| &told.urls);
    for url in urls.chain(settings.nodes.iter().map(|node| &node.rpc)) {
        let web = url.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        if !web {
            return Err(SettingsError::Url(url.clone()));
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../examples/sentry-watch.toml");

    #[test]
    fn the_example() {
        let settings = parse(EXAMPLE).expect("the example is right");
        assert_eq!(settings.schedule.every.to_string(), "6h");
        assert!(settings.live.is_some() && settings.alertmanager.is_some() && !settings.nodes.is_empty());
        assert!(!settings.alertmanager.expect("it is there").details, "alerts are passed on to strangers");
    }

    #[test]
    fn each_mistake_is_refused_with_a_way_out() {
        for (from, to) in [
            ("fleet = ", "fleeet = "),
            ("every = \"6h\"", "every = \"5m\""),
            ("every = \"6h\"", "every = \"0s\""),
            ("every = \"30s\"", "every = \"0s\""),
            ("jitter = \"30m\"", ""),
            ("details = false", ""),
            ("seeds = true", ""),
            ("pex_requests = 30", "pex_requests = 0"),
            ("timeout = \"5s\"", "timeout = \"2m\""),
            ("max_lag = 20", "max_lag = -1"),
            ("[health]", "[wealth]"),
            ("rpc = \"http://", "rpc = \"tcp://"),
            ("\"http://127.0.0.1:9093\"", ""),
            ("team = ", "severity = "),
            ("team = ", "\"the team\" = "),
        ] {
            assert!(EXAMPLE.contains(from), "the example lost {from:?}");
            let error = parse(&EXAMPLE.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.lines().last().is_some_and(|line| line.starts_with("try: ")), "{error}");
        }
    }
}
