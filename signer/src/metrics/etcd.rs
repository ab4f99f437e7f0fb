//! Metrics of marks that are shared in etcd.

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use super::{counter, gauge, histogram};

/// Of every cluster together: a signer has one.
#[derive(Clone)]
pub struct EtcdMetrics {
    /// `{chain_id}`: seconds of each compare-and-swap, with all its tries.
    pub swap_duration: HistogramVec,
    /// `{chain_id}`: compare-and-swaps in which another signer was first.
    pub lost_races: IntCounterVec,
    /// `{chain_id}`: requests refused because another signer has signed something else there.
    pub peer_conflicts: IntCounterVec,
    /// `{endpoint,reason}`: tries at a member that came to nothing.
    pub errors: IntCounterVec,
    /// `{endpoint}`: 1 for the member in use.
    pub in_use: IntGaugeVec,
    /// No labels: 1 while a quorum answers; absent where no chain uses etcd.
    pub up: IntGaugeVec,
    /// `{tries}`: whether the first member that was asked answered.
    requests: IntCounterVec,
}

// === impl EtcdMetrics ===

impl EtcdMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let chain = &["chain_id"][..];
        Self {
            swap_duration: histogram(
                registry,
                "etcd_swap_duration_seconds",
                "Time of a compare-and-swap of the mark in etcd.",
                chain,
            ),
            lost_races: counter(
                registry,
                "etcd_lost_races_total",
                "Compare-and-swaps in which another signer of this key was first.",
                chain,
            ),
            peer_conflicts: counter(
                registry,
                "peer_conflicts_total",
                "Requests refused because another signer of this key has signed something else there.",
                chain,
            ),
            errors: counter(
                registry,
                "etcd_errors_total",
                "Tries at a member of etcd that came to nothing.",
                &["endpoint", "reason"],
            ),
            in_use: gauge(registry, "etcd_endpoint_in_use", "Which member of etcd is asked.", &["endpoint"]),
            up: gauge(registry, "etcd_up", "Whether a quorum of etcd answers.", &[]),
            requests: counter(
                registry,
                "etcd_requests_total",
                "Requests that etcd answered, by whether the first try did.",
                &["tries"],
            ),
        }
    }

    /// Notes whether a quorum answers.
    pub fn set_up(&self, up: bool) {
        self.up.with_label_values::<&str>(&[]).set(up.into());
    }

    /// Counts an answer.
    pub fn first_try(&self, first: bool) {
        self.requests.with_label_values(&[if first { "one" } else { "several" }]).inc();
    }
}
