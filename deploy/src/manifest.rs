//! `manifest.json` beside the rendered files: what goes where, with which permissions, and who must be restarted for it. `plan`
//! compares by it, and the next render learns which files it may remove.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tree::Part;

/// Name of the file in the output directory.
pub const NAME: &str = "manifest.json";

/// What a render wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Changes when a reader of the old form would go wrong.
    pub version: u32,
    /// Every file, by path.
    pub files: Vec<Entry>,
    /// Files of Ansible's inventory, by path.
    #[serde(default)]
    pub inventory: Vec<String>,
    /// The hosts whose signer holds each consensus key: exactly one each, or nothing is rendered.
    pub key_hosts: BTreeMap<String, Vec<String>>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Relative to the output directory.
    pub path: String,
    /// Host name, also in the inventory.
    pub host: String,
    /// Whose file it is.
    pub part: Part,
    /// Absolute path on the host.
    pub target: String,
    /// Octal permissions.
    pub mode: String,
    /// Owner.
    pub owner: String,
    /// Group.
    pub group: String,
    /// The unit that must be restarted before it sees the file.
    pub restarts: Option<String>,
    /// False for settings that are brought into a file of the host's own.
    pub whole: bool,
}

impl Manifest {
    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings and numbers always serialise");
        text.push('\n');
        text
    }
}
