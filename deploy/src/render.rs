//! From the graph to the files of every host. Deterministic: the same fleet gives the same bytes, whatever the order in
//! its file.

mod flows;
mod inventory;
mod monitor;
mod node;
mod quote;
mod signer;
mod template;
mod variables;
mod watch;
mod yaml;

use std::collections::BTreeMap;

use palisade_sentry::deployment::Deployment;
use palisade_sentry::home::Home;
use palisade_sentry::node_config::{self, EditError};
use palisade_sentry::{Fleet, NodeName, Report, Severity, audit, audit_homes};

use crate::parse_back::{ParseBackError, parse_back};
use crate::tree::Tree;

pub use template::TemplateError;

/// First line of every rendered file.
const HEADER: &str = "# Rendered by `palisade render` from the fleet file: change that, not this.\n";

/// A rendered fleet and what the audit said about it (warnings at most).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The files.
    pub tree: Tree,
    /// The audit of the fleet.
    pub report: Report,
    /// Nodes whose line nobody says, and whose settings are therefore not rendered.
    pub without_line: Vec<NodeName>,
}

/// Files of nodes as they are now, to bring the settings into.
pub type Homes = BTreeMap<(NodeName, node_config::File), String>;

/// Why a fleet is not rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The audit found errors.
    #[error("the audit found {} error(s), so nothing is rendered\ntry: palisade sentry audit shows each with its fix", .0.count(Severity::Error))]
    Refused(Report),
    /// A node's own file cannot be changed.
    #[error("{node}: {file}: {source}")]
    Edit {
        /// Whose.
        node: NodeName,
        /// Which.
        file: &'static str,
        /// Why.
        source: EditError,
    },
    /// A tunnel that cannot come up.
    #[error(
        "{0} and {1} meet inside WireGuard, and neither can be dialled\ntry: endpoint = \"address:port\" under [host.tunnel] of one of them"
    )]
    NoEndpoint(String, String),
    /// A template of the collection does not go with this program.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The program that will read a file does not accept it.
    #[error(transparent)]
    ParseBack(#[from] ParseBackError),
}

/// Renders every file of every host. A node's files are its own from `homes` with the settings brought in, or else the
/// settings alone.
///
/// # Errors
/// The audit rejects the fleet or what a node's files would say, a file of a node cannot be changed, or a daemon would refuse its
/// own.
pub fn render(fleet: &Fleet, homes: &Homes) -> Result<Rendered, RenderError> {
    let report = audit(fleet);
    if report.fails(Severity::Error) {
        return Err(RenderError::Refused(report));
    }
    let mut tree = Tree::default();
    for signer in fleet.signers() {
        tree.insert(signer::file(fleet, signer));
    }
    for monitor in fleet.monitors() {
        tree.insert(monitor::file(fleet, monitor));
    }
    let (mut without_line, mut written, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for view in fleet.views() {
        match view.node.line {
            Some(line) => {
                let (files, home) = node::files(fleet, view, line, homes)?;
                files.into_iter().for_each(|file| tree.insert(file));
                written.push(home);
                names.push(view.node.name.clone());
            }
            None => without_line.push(view.node.name.clone()),
        }
    }
    Home::together(fleet, &mut written, &names);
    let judged = audit_homes(&written);
    if judged.fails(Severity::Error) {
        return Err(RenderError::Refused(judged));
    }
    if let Some(deployment) = fleet.deployment() {
        deployed(fleet, deployment, homes, &mut tree)?;
    }
    tree.files.values().try_for_each(parse_back)?;
    Ok(Rendered { tree, report, without_line })
}

/// What `[deploy]` adds: everything that the roles make from templates, and the inventory that says so.
fn deployed(fleet: &Fleet, of: &Deployment, homes: &Homes, tree: &mut Tree) -> Result<(), RenderError> {
    let engine = template::Engine::new();
    let flows = flows::flows(fleet);
    let blind = |host: &String| of.tunnels.get(host).is_none_or(|tunnel| tunnel.endpoint.is_none());
    if let Some((a, b)) = flows.tunnels.iter().find(|(a, b)| blind(a) && blind(b)) {
        return Err(RenderError::NoEndpoint(a.clone(), b.clone()));
    }
    let mut hosts = BTreeMap::new();
    for host in fleet.hosts() {
        let variables = variables::variables(fleet, of, host, &flows, homes);
        engine.files(&host.name, &variables)?.into_iter().for_each(|file| tree.insert(file));
        hosts.insert(host.name.clone(), variables);
    }
    for (host, watch) in &of.watches {
        watch::files(fleet, host, watch).into_iter().for_each(|file| tree.insert(file));
    }
    for host in of.prometheus.keys() {
        tree.insert(watch::monitor_rules(host));
    }
    tree.inventory = inventory::inventory(fleet, of, &hosts);
    Ok(())
}
