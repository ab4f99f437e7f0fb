//! From the graph to the files of every host. Deterministic: the same fleet gives the same bytes, whatever the order in
//! its file.

mod monitor;
mod quote;
mod signer;

use palisade_sentry::{Fleet, Report, Severity, audit};

use crate::parse_back::{ParseBackError, parse_back};
use crate::tree::Tree;

/// First line of every rendered file.
const HEADER: &str = "# Rendered by `palisade render` from the fleet file: change that, not this.\n";

/// A rendered fleet and what the audit said about it (warnings at most).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The files.
    pub tree: Tree,
    /// The audit of the fleet.
    pub report: Report,
}

/// Why a fleet is not rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The audit found errors.
    #[error("the audit found {} error(s), so nothing is rendered\ntry: palisade sentry audit shows each with its fix", .0.count(Severity::Error))]
    Refused(Report),
    /// The program that will read a file does not accept it.
    #[error(transparent)]
    ParseBack(#[from] ParseBackError),
}

/// Renders every file of every host.
///
/// # Errors
/// The audit rejects the fleet, or a daemon would refuse its file.
pub fn render(fleet: &Fleet) -> Result<Rendered, RenderError> {
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
    tree.files.values().try_for_each(parse_back)?;
    Ok(Rendered { tree, report })
}
