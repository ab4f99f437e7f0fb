//! What a rule found: on whom, how it is known, what an attacker does with it, and how it ends.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::fleet::{NodeName, View};
use crate::settings::Origin;

/// How bad it is. `render` refuses a fleet with errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Weakens the fleet: an attack becomes cheaper, or a failure costs blocks.
    Warn,
    /// Opens the attack: the validator can be found, reached, or made to sign twice.
    Error,
}

/// The kind of evidence that showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Source {
    /// The fleet file.
    Planned,
    /// A probe from outside.
    Live,
    /// The files of a node's home.
    Home,
}

/// What a finding is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// Host name.
    pub host: Option<String>,
    /// Chain id.
    pub chain: Option<String>,
    /// Name of the consensus key.
    pub key: Option<String>,
    /// Where it answered, e.g. `203.0.113.21:26657`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// One thing that one rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Name of the rule, which is the name of its file.
    pub rule: &'static str,
    /// The kind of evidence that showed it.
    pub source: Source,
    /// On whom.
    pub subject: Subject,
    /// What was seen, and where.
    pub evidence: String,
    /// What it lets an attacker do.
    pub attack: &'static str,
    /// What ends it.
    pub fix: String,
}

impl Subject {
    /// A host.
    pub fn host(name: &str) -> Self {
        Self { host: Some(name.to_owned()), ..Self::default() }
    }

    /// A chain as a whole.
    pub fn chain(id: &str) -> Self {
        Self { chain: Some(id.to_owned()), ..Self::default() }
    }

    /// A consensus key.
    pub fn key(name: &str, chain: &str) -> Self {
        Self { chain: Some(chain.to_owned()), key: Some(name.to_owned()), ..Self::default() }
    }
}

impl Subject {
    /// The same, seen at this address.
    pub fn at(&self, address: impl fmt::Display) -> Self {
        Self { at: Some(address.to_string()), ..self.clone() }
    }
}

impl From<&NodeName> for Subject {
    fn from(node: &NodeName) -> Self {
        Self { host: Some(node.host.clone()), chain: Some(node.chain.clone()), ..Self::default() }
    }
}

/// The evidence of a setting: `p2p.pex = true, given in fleet.toml`.
pub(crate) fn seen(key: &str, value: impl fmt::Display, origin: Origin) -> String {
    format!("{key} = {value}, {}", origin.says())
}

/// The fix of a setting; a given value may also just be taken back, because rules and implied values agree.
pub(crate) fn set(view: View<'_>, key: &str, value: impl fmt::Display, origin: Origin) -> String {
    let host = &view.host.name;
    match origin {
        Origin::Implied => format!("set {key} = {value} on {host}"),
        Origin::Home => {
            format!(
                "set {key} = {value} in the home on {host}; palisade-sentry render writes what the fleet implies"
            )
        }
        Origin::Given => {
            format!("set {key} = {value} on {host}, or remove it there: the topology implies a safe value")
        }
    }
}

impl Severity {
    /// All, mildest first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warn, Self::Error];

    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl Source {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Live => "live",
            Self::Home => "home",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, &self.key, &self.chain, &self.at) {
            (Some(host), _, Some(chain), _) => write!(f, "{host} ({chain})")?,
            (Some(host), _, None, _) => f.write_str(host)?,
            (None, Some(key), Some(chain), _) => write!(f, "key {key} ({chain})")?,
            (None, _, Some(chain), _) => write!(f, "chain {chain}")?,
            (None, _, None, Some(at)) => return f.write_str(at),
            _ => f.write_str("fleet")?,
        }
        self.at.as_ref().map_or(Ok(()), |at| write!(f, " at {at}"))
    }
}
