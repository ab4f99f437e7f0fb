//! The rules: one leak or mistake a file. A file's doc names the attack, its tests hold a fleet that passes and one that fails.
//!
//! A rule reads the resolved fleet and nothing else. To add one: write `rules/<rule>.rs`, name it here, done.

#[cfg(test)]
mod example;

mod addr_book_strict_on_sentries;
mod at_least_two_sentries;
mod grpc_not_public_on_validator;
mod listens_on_own_address;
mod monitor_listener_not_public;
mod node_ids_unique;
mod one_signer_per_privval_port;
mod pprof_off;
mod private_sentry_id_private_on_sentries;
mod privval_listener_not_public;
mod prometheus_not_public;
mod rpc_not_public_on_sentries;
mod rpc_not_public_on_validator;
mod rpc_unsafe_off;
mod sentries_on_different_providers;
mod signer_host_not_public;
mod signer_listener_not_public;
mod validator_external_address_empty;
mod validator_id_private_on_sentries;
mod validator_key_in_signer;
mod validator_linked_to_every_sentry;
mod validator_not_near_sentries;
mod validator_pex_off;
mod validator_reachable_only_by_sentries;
mod validator_unconditional_on_sentries;

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, which is the name of its file.
    pub name: &'static str,
    /// What an attacker does where it is broken.
    pub attack: &'static str,
    /// Looks for breaches.
    pub check: fn(&Fleet) -> Vec<Finding>,
}

/// Every rule, by name.
pub const ALL: &[Rule] = &[
    addr_book_strict_on_sentries::RULE,
    at_least_two_sentries::RULE,
    grpc_not_public_on_validator::RULE,
    listens_on_own_address::RULE,
    monitor_listener_not_public::RULE,
    node_ids_unique::RULE,
    one_signer_per_privval_port::RULE,
    pprof_off::RULE,
    private_sentry_id_private_on_sentries::RULE,
    privval_listener_not_public::RULE,
    prometheus_not_public::RULE,
    rpc_not_public_on_sentries::RULE,
    rpc_not_public_on_validator::RULE,
    rpc_unsafe_off::RULE,
    sentries_on_different_providers::RULE,
    signer_host_not_public::RULE,
    signer_listener_not_public::RULE,
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
    fn finding(&self, severity: Severity, on: impl Into<Subject>, evidence: String, fix: String) -> Finding {
        Finding { severity, rule: self.name, subject: on.into(), evidence, attack: self.attack, fix }
    }
}
