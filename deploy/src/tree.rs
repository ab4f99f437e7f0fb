//! The rendered files in memory, before anything touches a disk.

use std::collections::BTreeMap;

use palisade_sentry::Fleet;

use crate::manifest::{Entry, Manifest};

/// Whose file it is, and so which role of the Ansible collection copies it. No role of ours touches a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// `palisade-signer`
    Signer,
    /// `palisade-monitor`
    Monitor,
    /// A node of the chain.
    Node,
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
}

/// Every file of every host. Paths are relative to the output directory: `<host>/etc/palisade/….toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// By path.
    pub files: BTreeMap<String, File>,
}

impl Tree {
    /// Adds a file.
    pub(crate) fn insert(&mut self, file: File) {
        self.files.insert(format!("{}{}", file.host, file.target), file);
    }

    /// The list of these files for Ansible.
    pub fn manifest(&self, fleet: &Fleet) -> Manifest {
        let entry = |(path, file): (&String, &File)| Entry {
            path: path.clone(),
            host: file.host.clone(),
            part: file.part,
            target: file.target.clone(),
        };
        let holders = |key: &str| {
            let signers = fleet.signers().iter().filter(|s| s.keys.iter().any(|k| k == key));
            signers.map(|s| s.host.clone()).collect()
        };
        Manifest {
            version: 1,
            files: self.files.iter().map(entry).collect(),
            key_hosts: fleet.keys().map(|key| (key.name.clone(), holders(&key.name))).collect(),
        }
    }
}
