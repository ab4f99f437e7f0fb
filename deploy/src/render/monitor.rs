//! `monitor.toml`: the sources of every chain, our own first.

use core::fmt::Write;

use palisade_sentry::{Fleet, Monitor, Party, Role, Speech};

use super::{HEADER, quote};
use crate::tree::{File, MONITOR_TOML, Part};

/// Where the monitor's history lives on the host; the unit of the Ansible role owns it.
const DATA_DIR: &str = "/var/lib/palisade-monitor";

/// The file of one monitor.
pub(super) fn file(fleet: &Fleet, monitor: &Monitor) -> File {
    let mut text =
        format!("{HEADER}listen = {}\ndata_dir = \"{DATA_DIR}\"\n", quote::listen(&monitor.listen));
    for chain in monitor.chains.iter().filter_map(|id| fleet.chain(id)) {
        let rpc = sources(fleet, monitor, &chain.id, Speech::Rpc, &chain.rpc);
        let grpc = sources(fleet, monitor, &chain.id, Speech::Grpc, &chain.grpc);
        let _ = write!(text, "\n[[chain]]\nid = {}\n", quote::string(&chain.id));
        let _ = writeln!(text, "rpc = {}", quote::list(&rpc));
        let _ = writeln!(text, "grpc = {}", quote::list(&grpc));
        let _ = writeln!(text, "watch = {}", quote::list(&chain.watch));
    }
    if let Some(alerts) = &monitor.alerts {
        let _ = write!(text, "\n{alerts}");
    }
    File {
        host: monitor.host.clone(),
        part: Part::Monitor,
        target: MONITOR_TOML.into(),
        text,
        mode: "0640",
        owner: "root",
        group: "palisade-monitor".into(),
        restarts: Some("palisade-monitor.service".into()),
        whole: true,
    }
}

/// Endpoints of one chain, best first: nodes that exist to answer, then sentries, then those of others.
fn sources(fleet: &Fleet, monitor: &Monitor, chain: &str, speech: Speech, others: &[String]) -> Vec<String> {
    let from = Party::Monitor(monitor.host.clone());
    let mut own: Vec<(u8, &str)> = Vec::new();
    for link in fleet.links().iter().filter(|link| link.speech == speech && link.from == from) {
        if let Party::Node(name) = &link.to
            && name.chain == chain
            && let Some(view) = fleet.view(name)
        {
            own.push((u8::from(view.node.role != Role::Rpc), &link.address));
        }
    }
    own.sort_by_key(|(rank, _)| *rank);
    let mut all: Vec<String> = own.into_iter().map(|(_, address)| address.to_owned()).collect();
    all.extend(others.iter().filter(|url| !own_has(&all, url)).cloned().collect::<Vec<_>>());
    all
}

fn own_has(own: &[String], url: &str) -> bool {
    own.iter().any(|have| have == url)
}
