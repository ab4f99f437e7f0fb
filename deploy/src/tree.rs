//! The rendered files in memory, before anything touches a disk.

use std::collections::BTreeMap;

use palisade_sentry::Fleet;

use crate::manifest::{Entry, Manifest};

/// Where the signer's configuration is on its host.
pub const SIGNER_TOML: &str = "/etc/palisade/signer/signer.toml";
/// Where the monitor's configuration is on its host.
pub const MONITOR_TOML: &str = "/etc/palisade/monitor/monitor.toml";
/// Where the configuration of the sentry watch is on its host.
pub const WATCH_TOML: &str = "/etc/palisade/sentry/sentry-watch.toml";
/// Where the sentry watch finds the fleet.
pub const WATCH_FLEET: &str = "/etc/palisade/sentry/fleet.toml";
/// Where Prometheus finds the monitor's rules.
pub const MONITOR_RULES: &str = "/etc/palisade/prometheus/rules/palisade-monitor.rules.yml";

/// Whose file it is, and so which role of the Ansible collection brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The system: firewall, sshd, time, WireGuard.
    Host,
    /// A node of the chain.
    Node,
    /// `palisade-signer`
    Signer,
    /// `palisade-monitor`
    Monitor,
    /// A member of etcd.
    Etcd,
    /// `palisade-sentry watch`
    Watch,
    /// Prometheus and Alertmanager.
    Prometheus,
}

/// One file of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Host name.
    pub host: String,
    /// Whose file it is.
    pub part: Part,
    /// Absolute path on the host.
    pub target: String,
    /// Content.
    pub text: String,
    /// Octal permissions.
    pub mode: &'static str,
    /// Owner.
    pub owner: &'static str,
    /// Group.
    pub group: String,
    /// The unit that must be restarted before it sees the file. A signer is never restarted because of a file.
    pub restarts: Option<String>,
    /// False for settings that are brought into a file of the host's own.
    pub whole: bool,
}

/// Every file of every host, and the inventory that brings them there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// By path, relative to the output directory: `hosts/<host>/files/etc/palisade/….toml`.
    pub files: BTreeMap<String, File>,
    /// Ansible's inventory by path; empty for a fleet without `[deploy]`.
    pub inventory: BTreeMap<String, String>,
}

/// Where a file of a host is in the tree.
pub fn path(host: &str, target: &str) -> String {
    format!("hosts/{host}/files{target}")
}

/// The unit of a chain's node.
pub fn node_unit(chain: &str) -> String {
    format!("palisade-node@{chain}.service")
}

impl Tree {
    /// Adds a file.
    pub(crate) fn insert(&mut self, file: File) {
        self.files.insert(path(&file.host, &file.target), file);
    }

    /// Every path with its text, inventory included.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.files.iter().map(|(path, file)| (path.as_str(), file.text.as_str()));
        files.chain(self.inventory.iter().map(|(path, text)| (path.as_str(), text.as_str())))
    }

    /// The list of these files.
    pub fn manifest(&self, fleet: &Fleet) -> Manifest {
        let entry = |(path, file): (&String, &File)| Entry {
            path: path.clone(),
            host: file.host.clone(),
            part: file.part,
            target: file.target.clone(),
            mode: file.mode.to_owned(),
            owner: file.owner.to_owned(),
            group: file.group.clone(),
            restarts: file.restarts.clone(),
            whole: file.whole,
        };
        let holders = |key: &str| {
            let signers = fleet.signers().iter().filter(|s| s.keys.iter().any(|k| k == key));
            signers.map(|s| s.host.clone()).collect()
        };
        Manifest {
            version: 2,
            files: self.files.iter().map(entry).collect(),
            inventory: self.inventory.keys().cloned().collect(),
            key_hosts: fleet.keys().map(|key| (key.name.clone(), holders(&key.name))).collect(),
        }
    }
}
