//! A node's home on disk, as evidence: what its files say, and who may read them.
//!
//! `io::node_home` fills it in, the rules judge it. With a fleet, the settings that were read take the place of the planned
//! ones, and every rule about plans looks at the result: so a file is judged by the same rules as the plan is.

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
    /// The node in the fleet, and the fleet with this home's settings in it.
    pub of: Option<(NodeName, Fleet)>,
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
    /// A home that is nothing but these two files: what a render is judged by before it is written.
    pub fn of_text(fleet: &Fleet, view: View<'_>, line: NodeLine, config: &str, app: Option<&str>) -> Self {
        let config = read(config, app, Some(line), Some(view.settings));
        let of = config
            .settings
            .clone()
            .map(|settings| (view.node.name.clone(), fleet.with_settings(&view.node.name, settings)));
        Self {
            subject: (&view.node.name).into(),
            of,
            config,
            node_key: None,
            validator_key: None,
            book: None,
            genesis: None,
            files: Vec::new(),
        }
    }

    /// What a rule about plans says about this node with the settings of its home; nothing without a fleet.
    pub(crate) fn as_planned(&self, check: fn(&Fleet) -> Vec<Finding>) -> Option<Vec<Finding>> {
        let (node, fleet) = self.of.as_ref()?;
        let own = |f: &Finding| {
            f.subject.host.as_ref() == Some(&node.host)
                && f.subject.chain.as_ref().is_none_or(|c| *c == node.chain)
        };
        Some(check(fleet).into_iter().filter(own).collect())
    }

    /// Its node in the fleet.
    pub fn view(&self) -> Option<crate::fleet::View<'_>> {
        self.of.as_ref().and_then(|(node, fleet)| fleet.view(node))
    }
}
