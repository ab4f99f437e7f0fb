//! From what the human typed to what it means: names looked up, addresses parsed, settings derived, links drawn.
//!
//! Resolving refuses what cannot be understood or cannot work. What works but is dangerous resolves, so that the rules
//! can see it and say which attack it opens (two signers of one key, a privval port on the internet).

mod daemons;
mod deployment;
mod hosts;
mod nodes;
mod ports;

use core::ops::Range;
use core::str::FromStr;
use std::collections::BTreeMap;

use toml::Spanned;

use crate::error::{FleetError, Place, Problem};
use crate::fleet::Fleet;
use crate::link;
use crate::node_line::{LineError, NodeLine};
use crate::raw::RawFleet;

/// Parses and resolves a fleet file.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn resolve(text: &str) -> Result<Fleet, FleetError> {
    let cx = Context { text };
    let raw: RawFleet = toml::from_str(text).map_err(|e| {
        let line = e.span().map(|s| cx.line(s));
        Problem::Toml(e.message().to_owned()).at(Place { line, ..Place::default() })
    })?;
    for (empty, what) in [(raw.chains.is_empty(), "chain"), (raw.hosts.is_empty(), "host")] {
        if empty {
            return Err(Problem::Nothing(what).at(Place::default()));
        }
    }
    let chains = hosts::chains(&cx, &raw.chains)?;
    let keys = hosts::keys(&cx, &raw.keys, &chains)?;
    let hosts = hosts::hosts(&cx, &raw.hosts)?;
    let (signers, monitors) = daemons::daemons(&cx, &raw.hosts, &hosts, &chains, &keys)?;
    let etcd = daemons::etcd(&cx, &raw.hosts, &hosts, &keys)?;
    let nodes = nodes::nodes(&cx, &raw.hosts, &hosts, &chains, &keys)?;
    let mut fleet = Fleet {
        chains,
        keys,
        hosts,
        nodes,
        settings: BTreeMap::new(),
        signers,
        monitors,
        etcd,
        links: Vec::new(),
        deployment: None,
        source: text.to_owned(),
    };
    fleet.settings = nodes::settings(&cx, &raw.hosts, &fleet)?;
    ports::no_port_twice(&fleet)?;
    daemons::keys_have_signer_and_node(&fleet)?;
    fleet.links = link::links(&fleet).map_err(unreachable)?;
    daemons::monitors_see(&fleet)?;
    fleet.deployment = deployment::deployment(&cx, &raw, &fleet)?;
    Ok(fleet)
}

/// The text under the raw form, to turn spans into lines.
struct Context<'t> {
    text: &'t str,
}

impl Context<'_> {
    fn line(&self, span: Range<usize>) -> usize {
        self.text[..span.start.min(self.text.len())].matches('\n').count() + 1
    }

    /// An error at a value of the file.
    fn at<T>(
        &self,
        value: &Spanned<T>,
        host: Option<&str>,
        key: &'static str,
        problem: Problem,
    ) -> FleetError {
        let line = Some(self.line(value.span()));
        problem.at(Place { line, host: host.map(str::to_owned), key: Some(key) })
    }

    /// Parses one value of a host.
    fn parse<T>(&self, value: &Spanned<String>, host: &str, key: &'static str) -> Result<T, FleetError>
    where
        T: FromStr,
        Problem: From<T::Err>,
    {
        value.get_ref().parse().map_err(|e: T::Err| self.at(value, Some(host), key, e.into()))
    }

    /// A node line, if one is given.
    fn line_of_nodes(
        &self,
        value: Option<&Spanned<String>>,
        host: Option<&str>,
        key: &'static str,
    ) -> Result<Option<NodeLine>, FleetError> {
        value.map(|v| v.get_ref().parse().map_err(|e: LineError| self.at(v, host, key, e.into()))).transpose()
    }

    /// Looks a name up in one of the maps.
    fn known<T>(
        &self,
        name: &Spanned<String>,
        map: &BTreeMap<String, T>,
        what: &'static str,
        host: Option<&str>,
        key: &'static str,
    ) -> Result<String, FleetError> {
        if map.contains_key(name.get_ref()) {
            return Ok(name.get_ref().clone());
        }
        let known = map.keys().cloned().collect();
        Err(self.at(name, host, key, Problem::Unknown { what, name: name.get_ref().clone(), known }))
    }
}

fn unreachable(lost: link::Lost) -> FleetError {
    let lost = match lost {
        link::Lost::Node(lost) => lost,
        link::Lost::Member { from, to } => {
            let place = Place { host: Some(to.clone()), key: Some("etcd"), line: None };
            return Problem::FarEtcd { from, to }.at(place);
        }
    };
    let at = lost.listen.map(|l| format!(" at {l}")).unwrap_or_default();
    let place = Place { host: Some(lost.node.host.clone()), key: Some("node.signed_by"), line: None };
    Problem::Unreachable { signer: lost.signer, node: lost.node, at }.at(place)
}
