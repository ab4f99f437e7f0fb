//! Ansible's inventory: groups, and the variables of every host.

use std::collections::BTreeMap;
use std::fmt::Write;

use palisade_sentry::deployment::Deployment;
use palisade_sentry::{Fleet, Role};
use serde_json::{Map, Value};

use super::{HEADER, yaml};

/// `inventory/hosts.yml` and the variables, by path in the tree.
pub(crate) fn inventory(
    fleet: &Fleet,
    of: &Deployment,
    hosts: &BTreeMap<String, Map<String, Value>>,
) -> BTreeMap<String, String> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut put = |group: &'static str, host: &str| {
        let host =
            hosts.get_key_value(host).map(|(name, _)| name.as_str()).expect("every host has variables");
        groups.entry(group).or_default().push(host);
    };
    for node in fleet.nodes() {
        let group = match node.role {
            Role::Validator => "validators",
            Role::Sentry | Role::PrivateSentry => "sentries",
            Role::Seed => "seeds",
            Role::Rpc => "rpcs",
        };
        put(group, &node.name.host);
    }
    fleet.signers().iter().for_each(|signer| put("signers", &signer.host));
    fleet.etcd().iter().for_each(|member| put("etcd", &member.host));
    fleet.monitors().iter().for_each(|monitor| put("monitors", &monitor.host));
    of.watches.keys().for_each(|host| put("monitors", host));
    of.prometheus.keys().for_each(|host| put("prometheus", host));
    let mut text = format!("{HEADER}---\nall:\n  hosts:\n");
    for host in hosts.keys() {
        let _ = writeln!(text, "    {host}:");
    }
    text.push_str("  children:\n");
    for group in ["validators", "sentries", "rpcs", "seeds", "signers", "monitors", "prometheus", "etcd"] {
        let mut members = groups.remove(group).unwrap_or_default();
        members.sort_unstable();
        members.dedup();
        let _ = writeln!(text, "    {group}:{}", if members.is_empty() { " {}" } else { "\n      hosts:" });
        for host in members {
            let _ = writeln!(text, "        {host}:");
        }
    }
    let mut files = BTreeMap::from([("inventory/hosts.yml".to_owned(), text)]);
    // apply says where the operator's files are; by hand: -e palisade_files=DIR of the fleet file.
    let everybody = "ansible_become: true\nansible_become_method: \"sudo\"\npalisade_files: \"{{ inventory_dir }}/../..\"\n";
    files.insert("inventory/group_vars/all.yml".into(), format!("{HEADER}---\n{everybody}"));
    for (host, vars) in hosts {
        let text = format!("{HEADER}---\n{}", yaml::block(vars));
        files.insert(format!("inventory/host_vars/{host}.yml"), text);
    }
    files
}
