//! The rules: one leak or mistake a file. A file's doc names the attack, its tests hold a fleet that passes and one that fails.
//!
//! A rule reads evidence and nothing else: the planned fleet, or what was seen from outside. A rule that can be checked
//! on several kinds of evidence has a check for each. To add one: write `rules/<rule>.rs`, name it here, done.

#[cfg(test)]
pub(crate) mod example;

mod addr_book_strict_on_sentries;
mod answers_with_declared_id;
mod at_least_two_sentries;
mod certificate_names_no_validator;
mod config_keys_known;
mod config_values_read;
mod double_sign_check_on;
mod etcd_apart_from_nodes;
mod etcd_members_odd;
mod etcd_on_different_sites;
mod every_book_was_read;
mod evm_rpc_not_public;
mod grpc_not_public_on_validator;
mod grpc_services_not_told;
mod hidden_node_in_address_book;
mod hidden_node_in_answers;
mod hidden_node_in_genesis;
mod hidden_node_in_pex_answers;
mod home_files_private;
mod inbound_places_fit_the_role;
mod indexer_off;
mod inner_address_in_node_info;
mod ipv6_as_closed_as_ipv4;
mod listens_on_own_address;
mod moniker_tells_nothing;
mod monitor_listener_not_public;
mod no_snapshots_from_validator;
mod node_ids_unique;
mod one_address_one_place;
mod one_signer_per_privval_port;
mod p2p_over_quic;
mod pprof_off;
mod private_sentry_id_private_on_sentries;
mod private_sentry_not_public;
mod privval_listener_not_public;
mod prometheus_not_public;
mod rpc_not_public_on_sentries;
mod rpc_not_public_on_validator;
mod rpc_unsafe_off;
mod sentries_on_different_providers;
mod signer_host_not_public;
mod signer_listener_not_public;
mod ssh_host_keys_differ;
mod upnp_off;
mod validator_external_address_empty;
mod validator_id_private_on_sentries;
mod validator_key_in_signer;
mod validator_linked_to_every_sentry;
mod validator_not_near_sentries;
mod validator_pex_off;
mod validator_reachable_only_by_sentries;
mod validator_unconditional_on_sentries;

use crate::finding::{Finding, Severity, Source, Subject};
use crate::fleet::Fleet;
use crate::home::Home;
use crate::live::Live;

/// Whether the address book behind this port was read, and thickly enough to say that an entry is not in it.
pub(crate) fn book_was_read(target: &crate::live::Target, port: &crate::live::Port) -> bool {
    every_book_was_read::unread(target, port).is_none()
}

/// How a rule looks at one kind of evidence. More kinds may follow.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Check {
    /// At a fleet as it is planned.
    Planned(fn(&Fleet) -> Vec<Finding>),
    /// At what the world sees of it.
    Live(fn(&Live) -> Vec<Finding>),
    /// At a node's home. A check of a plan looks at it too, as if the plan said what its files say.
    Home(fn(&Home) -> Vec<Finding>),
}

/// Everything that there is to judge; each part may be absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// The fleet as planned.
    pub planned: Option<&'a Fleet>,
    /// What was seen from outside.
    pub live: Option<&'a Live>,
    /// A node's home.
    pub home: Option<&'a Home>,
}

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, which is the name of its file.
    pub name: &'static str,
    /// What an attacker does where it is broken.
    pub attack: &'static str,
    /// How to look for breaches, one check for each kind of evidence.
    pub checks: &'static [Check],
}

/// Every rule, by name.
pub const ALL: &[Rule] = &[
    addr_book_strict_on_sentries::RULE,
    answers_with_declared_id::RULE,
    at_least_two_sentries::RULE,
    certificate_names_no_validator::RULE,
    config_keys_known::RULE,
    config_values_read::RULE,
    double_sign_check_on::RULE,
    etcd_apart_from_nodes::RULE,
    etcd_members_odd::RULE,
    etcd_on_different_sites::RULE,
    every_book_was_read::RULE,
    evm_rpc_not_public::RULE,
    grpc_not_public_on_validator::RULE,
    grpc_services_not_told::RULE,
    hidden_node_in_address_book::RULE,
    hidden_node_in_answers::RULE,
    hidden_node_in_genesis::RULE,
    hidden_node_in_pex_answers::RULE,
    home_files_private::RULE,
    inbound_places_fit_the_role::RULE,
    indexer_off::RULE,
    inner_address_in_node_info::RULE,
    ipv6_as_closed_as_ipv4::RULE,
    listens_on_own_address::RULE,
    moniker_tells_nothing::RULE,
    monitor_listener_not_public::RULE,
    no_snapshots_from_validator::RULE,
    node_ids_unique::RULE,
    one_address_one_place::RULE,
    one_signer_per_privval_port::RULE,
    p2p_over_quic::RULE,
    pprof_off::RULE,
    private_sentry_id_private_on_sentries::RULE,
    private_sentry_not_public::RULE,
    privval_listener_not_public::RULE,
    prometheus_not_public::RULE,
    rpc_not_public_on_sentries::RULE,
    rpc_not_public_on_validator::RULE,
    rpc_unsafe_off::RULE,
    sentries_on_different_providers::RULE,
    signer_host_not_public::RULE,
    signer_listener_not_public::RULE,
    ssh_host_keys_differ::RULE,
    upnp_off::RULE,
    validator_external_address_empty::RULE,
    validator_id_private_on_sentries::RULE,
    validator_key_in_signer::RULE,
    validator_linked_to_every_sentry::RULE,
    validator_not_near_sentries::RULE,
    validator_pex_off::RULE,
    validator_reachable_only_by_sentries::RULE,
    validator_unconditional_on_sentries::RULE,
];

impl Rule {
    /// What it finds in this evidence; `None` where there is none that it could look at.
    pub fn look(&self, evidence: &Evidence<'_>) -> Option<Vec<Finding>> {
        let found: Vec<Vec<Finding>> = self.checks.iter().flat_map(|check| check.look(evidence)).collect();
        (!found.is_empty()).then(|| found.into_iter().flatten().collect())
    }

    /// What it finds in homes that were put together: the fleet that they make is looked at once, whatever their number.
    pub(crate) fn look_at_homes(&self, homes: &[Home]) -> Vec<Finding> {
        let mut found = Vec::new();
        for check in self.checks {
            match check {
                Check::Planned(check) => {
                    let fleet = homes.iter().find_map(|home| home.of.as_ref()).map(|(_, fleet)| fleet);
                    let seen = fleet.map(|fleet| check(fleet)).unwrap_or_default();
                    found.extend(seen.into_iter().filter(|f| homes.iter().any(|home| home.is_meant(f))));
                }
                Check::Home(check) => found.extend(homes.iter().flat_map(check)),
                Check::Live(_) => {}
            }
        }
        found.into_iter().map(|finding| Finding { source: Source::Home, ..finding }).collect()
    }

    fn finding(&self, severity: Severity, on: impl Into<Subject>, evidence: String, fix: String) -> Finding {
        let (rule, subject, attack) = (self.name, on.into(), self.attack);
        Finding { severity, rule, source: Source::Planned, subject, evidence, attack, fix }
    }
}

impl Check {
    /// What it finds in each kind of evidence that it can look at.
    fn look(self, evidence: &Evidence<'_>) -> Vec<Vec<Finding>> {
        let looks = match self {
            Self::Planned(check) => vec![
                (Source::Planned, evidence.planned.map(check)),
                (Source::Home, evidence.home.and_then(|home| home.as_planned(check))),
            ],
            Self::Live(check) => vec![(Source::Live, evidence.live.map(check))],
            Self::Home(check) => vec![(Source::Home, evidence.home.map(check))],
        };
        let found = looks.into_iter().filter_map(|(source, found)| Some((source, found?)));
        found
            .map(|(source, found)| found.into_iter().map(|finding| Finding { source, ..finding }).collect())
            .collect()
    }
}
