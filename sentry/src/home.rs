//! A node's home on disk, as evidence: what its files say, and who may read them.
//!
//! `io::node_home` fills it in, the rules judge it. With a fleet, the settings that were read take the place of the planned
//! ones, and every rule about plans looks at the result: so a file is judged by the same rules as the plan is.

use std::sync::Arc;

use crate::addrbook;
use crate::finding::{Finding, Subject};
use crate::fleet::{Fleet, NodeName, View};
use crate::live::Trace;
use crate::node_config::{Read, read};
use crate::node_line::NodeLine;
use crate::peer::NodeId;

/// One home.
#[derive(Clone, Debug)]
pub struct Home {
    /// Whose it is.
    pub subject: Subject,
    /// The node in the fleet, and the fleet with the settings of this home in it, and of all others that are looked at with it.
    pub of: Option<(NodeName, Arc<Fleet>)>,
    /// Its configuration.
    pub config: Read,
    /// The id of its node key, or why it is not known; nothing where there is no file.
    pub node_key: Option<Result<NodeId, String>>,
    /// Its file of a consensus key.
    pub validator_key: Option<ValidatorKey>,
    /// Its address book, or why it is not known; nothing where there is none.
    pub book: Option<Result<addrbook::Audit, String>>,
    /// How hidden nodes show in the memos of its genesis, or why that is not known; nothing where there is no genesis.
    pub genesis: Option<Result<Vec<Trace>, String>>,
    /// Who may read which file.
    pub files: Vec<FileMode>,
}

/// A consensus key in a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidatorKey {
    /// The height to which it has signed; none where its state file is missing or unclear.
    pub signed_to: Option<i64>,
}

/// Who may read a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMode {
    /// Path in the home.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Whether every directory above it lets others through.
    pub reachable: bool,
    /// Whether it holds a secret key.
    pub secret: bool,
}

impl Home {
    /// A home that is nothing but these two files: what a render is judged by before it is written. [`Home::together`] comes next.
    pub fn of_text(view: View<'_>, line: NodeLine, config: &str, app: Option<&str>) -> Self {
        let config = read(config, app, Some(line), Some(view.settings));
        Self {
            subject: (&view.node.name).into(),
            of: None,
            config,
            node_key: None,
            validator_key: None,
            book: None,
            genesis: None,
            files: Vec::new(),
        }
    }

    /// Puts the settings of all these homes into the fleet: what the fleet will be once all of them are written. The names are those of
    /// their nodes, in the same order.
    pub fn together(fleet: &Fleet, homes: &mut [Self], names: &[NodeName]) {
        let read = |(home, name): (&Self, &NodeName)| Some((name.clone(), home.config.settings.clone()?));
        let fleet = Arc::new(fleet.with_settings(homes.iter().zip(names).filter_map(read).collect()));
        for (home, name) in homes.iter_mut().zip(names) {
            home.of = home.config.settings.is_some().then(|| (name.clone(), Arc::clone(&fleet)));
        }
    }

    /// What a rule about plans says about this node with the settings of its home; nothing without a fleet.
    pub(crate) fn as_planned(&self, check: fn(&Fleet) -> Vec<Finding>) -> Option<Vec<Finding>> {
        let (_, fleet) = self.of.as_ref()?;
        Some(check(fleet).into_iter().filter(|finding| self.is_meant(finding)).collect())
    }

    /// Whether a finding is about its node.
    pub(crate) fn is_meant(&self, finding: &Finding) -> bool {
        let of = &finding.subject;
        self.of.as_ref().is_some_and(|(node, _)| {
            of.host.as_ref() == Some(&node.host) && of.chain.as_ref().is_none_or(|c| *c == node.chain)
        })
    }

    /// Its node in the fleet.
    pub fn view(&self) -> Option<crate::fleet::View<'_>> {
        self.of.as_ref().and_then(|(node, fleet)| fleet.view(node))
    }
}
