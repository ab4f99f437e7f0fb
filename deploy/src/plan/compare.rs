//! From the rendered tree and what was seen to a plan.

use std::collections::{BTreeMap, BTreeSet};

use palisade_sentry::deployment::Deployment;
use palisade_sentry::{Fleet, Role};
use sha2::{Digest, Sha256};
use similar::TextDiff;

use super::{Change, HostPlan, Kind, Plan, Turn, VERSION};
use crate::observe::{Observed, Wanted};
use crate::tree::{File, Tree, node_unit};

/// The signer's unit, which no plan restarts by itself.
const SIGNER: &str = "palisade-signer.service";
/// Blocks that a validator is expected to miss at most while its node is restarted.
const MISSED_BY_RESTART: u32 = 5;

/// A program that belongs on a host, and the unit that runs it.
struct Program<'f> {
    path: String,
    sha256: &'f str,
    unit: String,
}

/// What must be looked at on a host: every file that it gets, its units, its programs, and the nodes' own settings.
pub fn wanted(fleet: &Fleet, of: &Deployment, tree: &Tree, host: &str) -> Wanted {
    let mut wanted = Wanted::default();
    for file in tree.files.values().filter(|f| f.host == host && f.whole) {
        wanted.files.insert(file.target.clone());
        wanted.units.extend(file.restarts.clone());
    }
    for node in fleet.nodes().filter(|n| n.name.host == host) {
        let home = &of.software[&node.name.chain].home;
        for file in ["config/config.toml", "config/app.toml"] {
            wanted.files.insert(format!("{home}/{file}"));
        }
        wanted.units.insert(node_unit(&node.name.chain));
    }
    if fleet.signers().iter().any(|s| s.host == host) {
        wanted.units.insert(SIGNER.into());
    }
    wanted.binaries = programs(fleet, of, host).into_iter().map(|program| program.path).collect();
    wanted
}

/// The plan. `tree` is rendered with the nodes' own settings from `seen`. A host that is not in `seen` could not be looked at; why is in `blind`.
pub fn plan(
    fleet: &Fleet,
    of: &Deployment,
    tree: &Tree,
    seen: &BTreeMap<String, Observed>,
    blind: &BTreeMap<String, String>,
) -> Plan {
    let mut hosts: Vec<HostPlan> = fleet
        .hosts()
        .map(|host| match seen.get(&host.name) {
            Some(observed) => host_plan(fleet, of, tree, &host.name, observed),
            None => {
                let why = blind.get(&host.name).cloned().unwrap_or_else(|| "it was not looked at".into());
                HostPlan { unknown: vec![why], ..empty(fleet, &host.name) }
            }
        })
        .collect();
    hosts.sort_by(|a, b| (a.turn, &a.host).cmp(&(b.turn, &b.host)));
    let mut missed_blocks = BTreeMap::new();
    let mut risks = Vec::new();
    for host in &hosts {
        for node in fleet.nodes().filter(|n| n.name.host == host.host && n.signs()) {
            let unit = node_unit(&node.name.chain);
            let alone =
                !fleet.nodes().any(|n| n.name.chain == node.name.chain && n.signs() && n.name != node.name);
            if host.restarts.contains(&unit) && alone {
                missed_blocks.insert(node.name.chain.clone(), MISSED_BY_RESTART);
                risks
                    .push(format!("{}: the node that signs for {} is restarted", host.host, node.name.chain));
            }
        }
        if host.changes.iter().any(|c| c.target.contains("sshd_config")) {
            risks.push(format!(
                "{}: sshd gets new settings; the host takes them back if nobody can come in",
                host.host
            ));
        }
        if host.changes.iter().any(|c| c.target.ends_with("nftables.nft")) {
            risks.push(format!(
                "{}: the firewall gets new rules; the host takes them back if nobody can come in",
                host.host
            ));
        }
    }
    let fleet_digest = hex::encode(Sha256::digest(fleet.source().as_bytes()));
    Plan { version: VERSION, fleet: fleet_digest, hosts, risks, missed_blocks }
}

fn empty(fleet: &Fleet, host: &str) -> HostPlan {
    let (changes, restarts, starts, fresh) = Default::default();
    let (unknown, notes) = Default::default();
    let turn = turn(fleet, host);
    HostPlan {
        host: host.to_owned(),
        turn,
        seen: String::new(),
        changes,
        restarts,
        starts,
        fresh,
        unknown,
        notes,
    }
}

/// The latest turn of anything that runs there.
fn turn(fleet: &Fleet, host: &str) -> Turn {
    let nodes = fleet.nodes().filter(|n| n.name.host == host).map(|node| match node.role {
        Role::Validator => Turn::Validator,
        Role::Sentry | Role::PrivateSentry => Turn::Sentry,
        Role::Rpc | Role::Seed => Turn::Rpc,
    });
    let signer = fleet.signers().iter().filter(|s| s.host == host).map(|_| Turn::Signer);
    let member = fleet.etcd().iter().filter(|m| m.host == host).map(|_| Turn::Etcd);
    nodes.chain(signer).chain(member).max().unwrap_or(Turn::Monitor)
}

fn host_plan(fleet: &Fleet, of: &Deployment, tree: &Tree, host: &str, observed: &Observed) -> HostPlan {
    let mut plan = HostPlan { seen: observed.digest(), ..empty(fleet, host) };
    let mut stale: BTreeSet<String> = BTreeSet::new();
    for file in tree.files.values().filter(|f| f.host == host && f.whole) {
        if let Some(change) = change(file, observed) {
            // Permissions alone are no reason: the daemon has read the file already.
            if change.kind != Kind::Permissions {
                stale.extend(file.restarts.clone());
            }
            plan.changes.push(change);
        }
    }
    for program in programs(fleet, of, host) {
        let there = observed.binaries.get(&program.path).cloned().flatten();
        if there.as_deref() != Some(program.sha256) {
            let was = there.map_or_else(|| "not there".into(), |digest| format!("sha256 {digest}"));
            let diff = format!("- {was}\n+ sha256 {}\n", program.sha256);
            plan.changes.push(Change { target: program.path, kind: Kind::Binary, diff });
            stale.insert(program.unit);
        }
    }
    for node in fleet.nodes().filter(|n| n.name.host == host) {
        let config = format!("{}/config/config.toml", of.software[&node.name.chain].home);
        if observed.files.get(&config).is_none_or(Option::is_none) {
            plan.fresh.push(node.name.chain.clone());
        }
    }
    let signer = fleet.signers().iter().find(|s| s.host == host);
    for (unit, state) in &observed.units {
        if unit == SIGNER {
            continue;
        }
        let running = matches!(state.active.as_str(), "active" | "activating" | "reloading");
        match state.load.as_str() {
            "masked" => plan.unknown.push(format!("{unit} is masked: somebody wants it not to run")),
            "loaded" | "not-found" if running && stale.contains(unit) => plan.restarts.push(unit.clone()),
            "loaded" | "not-found" if !running && runs(unit) => {
                if state.active == "failed" {
                    plan.unknown
                        .push(format!("{unit} has failed: look at its journal before anything is changed"));
                } else {
                    plan.starts.push(unit.clone());
                }
            }
            "loaded" | "not-found" => {}
            other => plan.unknown.push(format!("{unit} is {other}")),
        }
    }
    if let (Some(signer), Some(state)) = (signer, observed.units.get(SIGNER)) {
        signer_notes(&mut plan, signer, state, stale.contains(SIGNER));
    }
    plan
}

/// Signers are staged, never started or restarted by a plan.
fn signer_notes(
    plan: &mut HostPlan,
    signer: &palisade_sentry::Signer,
    state: &crate::observe::UnitSeen,
    stale: bool,
) {
    let changed = stale || plan.changes.iter().any(|c| c.target == crate::tree::SIGNER_TOML);
    let running = state.active == "active";
    if state.load == "masked" {
        plan.notes.push(
            "the signer is masked, because its key has moved away: its files are left as they are".into(),
        );
    } else if running && !signer.standby.is_empty() {
        plan.unknown.push(
            "a standby signer runs: if its key was moved here, swap keys and standby in the fleet file"
                .into(),
        );
    } else if running && changed {
        plan.notes.push("new files for the signer are put in place; it goes on with the old ones until: apply --restart-signer".into());
    } else if !running && !signer.keys.is_empty() {
        plan.notes.push("the signer does not run; nothing starts it but: apply --start-signer (a key and a mark must be there)".into());
    }
}

/// Units that shall run wherever they are: nodes and daemons. The system's own are brought up by their roles.
fn runs(unit: &str) -> bool {
    unit.starts_with("palisade-") || unit.starts_with("prometheus")
}

fn change(file: &File, observed: &Observed) -> Option<Change> {
    let target = file.target.clone();
    let Some(found) = observed.files.get(&file.target).and_then(Option::as_ref) else {
        let diff = unified("", &file.text);
        return Some(Change { target, kind: Kind::New, diff });
    };
    if found.text != file.text {
        return Some(Change { target, kind: Kind::Changed, diff: unified(&found.text, &file.text) });
    }
    let is = format!("{} {}:{}", found.mode, found.owner, found.group);
    let shall = format!("{} {}:{}", file.mode, file.owner, file.group);
    (is != shall).then(|| Change { target, kind: Kind::Permissions, diff: format!("- {is}\n+ {shall}\n") })
}

fn unified(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(2).to_string()
}

fn programs<'f>(fleet: &'f Fleet, of: &'f Deployment, host: &str) -> Vec<Program<'f>> {
    let mut programs = Vec::new();
    let own = [
        ("palisade-signer", SIGNER, fleet.signers().iter().any(|s| s.host == host)),
        ("palisade-monitor", "palisade-monitor.service", fleet.monitors().iter().any(|m| m.host == host)),
        ("palisade-sentry", "palisade-sentry-watch.service", of.watches.contains_key(host)),
        ("etcd", "palisade-etcd.service", fleet.etcd().iter().any(|m| m.host == host)),
    ];
    for (name, unit, _) in own.into_iter().filter(|(.., here)| *here) {
        let (path, unit) = (format!("/usr/local/bin/{name}"), unit.to_owned());
        programs.push(Program { path, sha256: &of.binaries[name].sha256, unit });
    }
    for node in fleet.nodes().filter(|n| n.name.host == host) {
        let (chain, software) = (&node.name.chain, &of.software[&node.name.chain]);
        let base = format!("/opt/palisade/nodes/{chain}");
        let unit = node_unit(chain);
        let (version, daemon) = (&software.version, &software.daemon);
        let path = match &software.cosmovisor {
            Some(_) => format!("{}/cosmovisor/genesis/bin/{daemon}", software.home),
            None => format!("{base}/{version}/{daemon}"),
        };
        programs.push(Program { path, sha256: &software.binary.sha256, unit: unit.clone() });
        if let Some(cosmovisor) = &software.cosmovisor {
            programs.push(Program { path: format!("{base}/cosmovisor"), sha256: &cosmovisor.sha256, unit });
        }
        for (name, upgrade) in &software.upgrades {
            let path = match &software.cosmovisor {
                Some(_) => format!("{}/cosmovisor/upgrades/{name}/bin/{daemon}", software.home),
                None => format!("{base}/{}/{daemon}", upgrade.version),
            };
            // Put in place ahead of time: nothing is restarted for it.
            programs.push(Program { path, sha256: &upgrade.binary.sha256, unit: String::new() });
        }
    }
    programs
}
