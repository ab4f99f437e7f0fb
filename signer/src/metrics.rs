//! Every metric of the signer, in one table.
//!
//! Label sets are closed: chain ids and nodes from the configuration, types, results and reasons from enums. What is not
//! known has no series: a height of 0 would look like a fact.

pub mod cosigner;
pub mod etcd;
pub mod frost;
pub mod hsm;

use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use self::{etcd::EtcdMetrics, frost::FrostMetrics, hsm::HsmMetrics};
use crate::mark::Hrs;

/// Buckets from 5 µs to 2.5 s: a local signature takes 0.1 ms, an HSM 100 ms, the budget is 2.5 s.
const BUCKETS: [f64; 18] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Vote extensions: empty, the usual few hundred bytes of prices, up to the 1 MiB that nodes allow.
const EXTENSION_BUCKETS: [f64; 8] = [0.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0];

/// The registry and its members.
pub struct Metrics {
    registry: Registry,
    /// `{chain_id,type,result,reason}`: requests answered.
    pub requests: IntCounterVec,
    /// `{chain_id,phase}`: seconds in wait, check, persist, sign, total.
    pub request_duration: HistogramVec,
    /// `{chain_id,reason}`: requests that would have signed a second time at one height, round and step.
    pub double_sign_prevented: IntCounterVec,
    /// `{chain_id}`: extensions signed again for a precommit that was signed before; they may differ from the first.
    pub extension_resigned: IntCounterVec,
    /// `{chain_id}`: bytes of each vote extension that was signed.
    pub extension_bytes: HistogramVec,
    /// `{key,backend,key_type}`: 1 for each key at work.
    pub key_info: IntGaugeVec,
    /// `{chain_id}`.
    pub last_signed_height: IntGaugeVec,
    /// `{chain_id}`.
    pub last_signed_round: IntGaugeVec,
    /// `{chain_id}`: 1 propose, 2 prevote, 3 precommit.
    pub last_signed_step: IntGaugeVec,
    /// `{chain_id,node}`: 1 after a handshake, 0 without a link.
    pub node_connected: IntGaugeVec,
    /// `{chain_id,node}`: links made.
    pub node_connects: IntCounterVec,
    /// `{chain_id,node}`: seconds since the node was heard; absent without a link. Set at each scrape.
    pub node_silence: GaugeVec,
    /// `{chain_id,node}`: seconds since its last ping; absent without a link. Set at each scrape.
    pub node_ping_age: GaugeVec,
    /// `{chain_id,node}`: when the node last asked for a signature, in seconds since 1970.
    pub last_request: GaugeVec,
    /// `{chain_id}`: 1 once a signature of this key was found that this signer did not make; absent without a guard.
    pub doppelganger_found: IntGaugeVec,
    /// `{key}`: 1 once a mark could not be made durable, until restart.
    pub key_stopped: IntGaugeVec,
    /// `{chain_id,key}`: 1 while an operator holds the chain or its key.
    pub chain_paused: IntGaugeVec,
    /// Lines written to the audit log.
    pub audit_log_lines: IntCounter,
    /// Decisions that are missing in it.
    pub audit_log_lost: IntCounter,
    /// Seconds since 1970 at which the configuration in force was read.
    pub reload_success: IntGauge,
    /// Configurations that were refused while the old one stayed.
    pub reload_failures: IntCounter,
    /// Keys in hardware.
    pub hsm: HsmMetrics,
    /// Marks in etcd.
    pub etcd: EtcdMetrics,
    /// Threshold keys.
    pub frost: FrostMetrics,
}

// === impl Metrics ===

impl Metrics {
    /// A registry with every family in it, for the program of this version.
    pub fn new(version: &str) -> Self {
        let registry = Registry::new();
        let chain = &["chain_id"][..];
        let node = &["chain_id", "node"][..];
        let metrics = Self {
            requests: counter(
                &registry,
                "requests_total",
                "Requests answered.",
                &["chain_id", "type", "result", "reason"],
            ),
            request_duration: histogram(
                &registry,
                "request_duration_seconds",
                "Time of a signing request in each phase.",
                &["chain_id", "phase"],
            ),
            double_sign_prevented: counter(
                &registry,
                "double_sign_prevented_total",
                "Requests refused because a signature was given at the same height, round and step.",
                &["chain_id", "reason"],
            ),
            extension_resigned: counter(
                &registry,
                "vote_extension_resigned_total",
                "Vote extensions signed again for a precommit that was signed before.",
                chain,
            ),
            extension_bytes: register(
                &registry,
                HistogramVec::new(
                    HistogramOpts::from(opts(
                        "vote_extension_bytes",
                        "Size of vote extensions that were signed.",
                    ))
                    .buckets(EXTENSION_BUCKETS.to_vec()),
                    chain,
                ),
            ),
            key_info: gauge(
                &registry,
                "key_info",
                "Where each key lives, and its type.",
                &["key", "backend", "key_type"],
            ),
            last_signed_height: gauge(
                &registry,
                "last_signed_height",
                "Height of the last signature.",
                chain,
            ),
            last_signed_round: gauge(&registry, "last_signed_round", "Round of the last signature.", chain),
            last_signed_step: gauge(
                &registry,
                "last_signed_step",
                "Step of the last signature: 1 propose, 2 prevote, 3 precommit.",
                chain,
            ),
            node_connected: gauge(&registry, "node_connected", "Whether the link to the node is up.", node),
            node_connects: counter(&registry, "node_connects_total", "Links made to the node.", node),
            node_silence: age(
                &registry,
                "node_silence_seconds",
                "Time since the node was heard; nodes ping every 3.3 s.",
                node,
            ),
            node_ping_age: age(&registry, "ping_age_seconds", "Time since the node's last ping.", node),
            last_request: age(
                &registry,
                "last_request_timestamp_seconds",
                "When the node last asked for a signature.",
                node,
            ),
            doppelganger_found: gauge(
                &registry,
                "doppelganger_found",
                "Whether another signer was found to sign with this chain's key.",
                chain,
            ),
            key_stopped: gauge(
                &registry,
                "key_stopped",
                "Whether the key stopped signing until restart.",
                &["key"],
            ),
            chain_paused: gauge(
                &registry,
                "chain_paused",
                "Whether an operator holds the chain or its key.",
                &["chain_id", "key"],
            ),
            audit_log_lines: register(
                &registry,
                IntCounter::with_opts(opts("audit_log_lines_total", "Lines written to the audit log.")),
            ),
            audit_log_lost: register(
                &registry,
                IntCounter::with_opts(opts("audit_log_lost_total", "Decisions missing in the audit log.")),
            ),
            reload_success: register(
                &registry,
                IntGauge::with_opts(opts(
                    "config_reload_success_timestamp_seconds",
                    "When the configuration in force was read.",
                )),
            ),
            reload_failures: register(
                &registry,
                IntCounter::with_opts(opts(
                    "config_reload_failures_total",
                    "Configurations that were refused while the old one stayed.",
                )),
            ),
            hsm: HsmMetrics::new(&registry),
            etcd: EtcdMetrics::new(&registry),
            frost: FrostMetrics::new(&registry),
            registry,
        };
        gauge(&metrics.registry, "build_info", "Version of the program.", &["version"])
            .with_label_values(&[version])
            .set(1);
        metrics
    }

    /// Notes the last signature of a chain.
    pub fn signed(&self, chain_id: &str, hrs: Hrs) {
        self.last_signed_height.with_label_values(&[chain_id]).set(hrs.height);
        self.last_signed_round.with_label_values(&[chain_id]).set(hrs.round.into());
        self.last_signed_step.with_label_values(&[chain_id]).set(hrs.step.number().into());
    }

    /// Notes that a configuration is in force, at this second since 1970.
    pub fn reloaded(&self, now: u64) {
        self.reload_success.set(i64::try_from(now).unwrap_or(i64::MAX));
    }

    /// Drops the gauges of a link that is no more; what was counted stays counted. An error only says that there was none.
    pub fn forget_link(&self, chain_id: &str, node: &str) {
        let labels = [chain_id, node];
        let _ = self.node_connected.remove_label_values(&labels);
        let _ = self.node_silence.remove_label_values(&labels);
        let _ = self.node_ping_age.remove_label_values(&labels);
        let _ = self.last_request.remove_label_values(&labels);
    }

    /// Drops the gauges of a chain that is no more.
    pub fn forget_chain(&self, chain_id: &str, key: &str) {
        let _ = self.chain_paused.remove_label_values(&[chain_id, key]);
        let last = [&self.last_signed_height, &self.last_signed_round, &self.last_signed_step];
        for gauge in last.into_iter().chain([&self.doppelganger_found]) {
            let _ = gauge.remove_label_values(&[chain_id]);
        }
    }

    /// Drops the gauge of a key that is no more.
    pub fn forget_key(&self, name: &str, backend: &str, key_type: &str) {
        let _ = self.key_stopped.remove_label_values(&[name]);
        let _ = self.key_info.remove_label_values(&[name, backend, key_type]);
    }

    /// Text exposition, format 0.0.4.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("families have names and members");
        String::from_utf8(text).expect("exposition is text")
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("palisade_signer_{name}"), help)
}

fn register<M: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<M>,
) -> M {
    let metric = made.expect("names and labels are constants and valid");
    registry.register(Box::new(metric.clone())).expect("names are unique");
    metric
}

fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(registry, IntCounterVec::new(opts(name, help), labels))
}

fn gauge(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(registry, IntGaugeVec::new(opts(name, help), labels))
}

fn age(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
    register(registry, GaugeVec::new(opts(name, help), labels))
}

fn histogram(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let opts = HistogramOpts::from(opts(name, help)).buckets(BUCKETS.to_vec());
    register(registry, HistogramVec::new(opts, labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mark::Step;

    /// The names and labels that dashboards and alerts rely on.
    const FAMILIES: &str = "\
audit_log_lines_total counter 
audit_log_lost_total counter 
build_info gauge version
chain_paused gauge chain_id,key
config_reload_failures_total counter 
config_reload_success_timestamp_seconds gauge 
doppelganger_found gauge chain_id
double_sign_prevented_total counter chain_id,reason
etcd_endpoint_in_use gauge endpoint
etcd_errors_total counter endpoint,reason
etcd_lost_races_total counter chain_id
etcd_requests_total counter tries
etcd_swap_duration_seconds histogram chain_id
etcd_up gauge 
frost_cosigner_errors_total counter cosigner,key,reason
frost_cosigner_up gauge cosigner,key
frost_sign_duration_seconds histogram key
hsm_commands_in_session gauge hsm,key
hsm_errors_total counter hsm,key,reason
hsm_log_entries_total counter hsm,key
hsm_log_entries_unread gauge hsm,key
hsm_queue_wait_seconds histogram hsm,key
hsm_sessions_total counter hsm,key
hsm_sign_duration_seconds histogram hsm,key
hsm_up gauge hsm,key
key_info gauge backend,key,key_type
key_stopped gauge key
last_request_timestamp_seconds gauge chain_id,node
last_signed_height gauge chain_id
last_signed_round gauge chain_id
last_signed_step gauge chain_id
node_connected gauge chain_id,node
node_connects_total counter chain_id,node
node_silence_seconds gauge chain_id,node
peer_conflicts_total counter chain_id
ping_age_seconds gauge chain_id,node
request_duration_seconds histogram chain_id,phase
requests_total counter chain_id,reason,result,type
vote_extension_bytes histogram chain_id
vote_extension_resigned_total counter chain_id
";

    #[test]
    fn exposition_has_these_families() {
        let m = Metrics::new("1.2.3");
        m.requests.with_label_values(&["c", "prevote", "signed", ""]).inc();
        m.request_duration.with_label_values(&["c", "total"]).observe(0.000_06);
        m.double_sign_prevented.with_label_values(&["c", "conflicting_block"]).inc();
        m.extension_bytes.with_label_values(&["c"]).observe(0.0);
        m.key_info.with_label_values(&["k", "softsign", "ed25519"]).set(1);
        m.extension_resigned.with_label_values(&["c"]).inc();
        m.signed("c", Hrs { height: 7, round: 1, step: Step::Precommit });
        m.node_connected.with_label_values(&["c", "tcp://n:1"]).set(1);
        m.node_connects.with_label_values(&["c", "tcp://n:1"]).inc();
        m.node_silence.with_label_values(&["c", "tcp://n:1"]).set(0.5);
        m.node_ping_age.with_label_values(&["c", "tcp://n:1"]).set(0.5);
        m.last_request.with_label_values(&["c", "tcp://n:1"]).set(1.5e9);
        m.key_stopped.with_label_values(&["k"]).set(0);
        m.chain_paused.with_label_values(&["c", "k"]).set(1);
        m.doppelganger_found.with_label_values(&["c"]).set(0);
        let hsm = &["k", "primary"][..];
        for gauge in [&m.hsm.up, &m.hsm.commands_in_session, &m.hsm.log_unread] {
            gauge.with_label_values(hsm).set(1);
        }
        m.hsm.sessions.with_label_values(hsm).inc();
        m.hsm.log_entries.with_label_values(hsm).inc();
        m.hsm.errors.with_label_values(&["k", "primary", "timeout"]).inc();
        m.hsm.queue_wait.with_label_values(hsm).observe(0.1);
        m.hsm.sign_duration.with_label_values(hsm).observe(0.1);
        m.etcd.swap_duration.with_label_values(&["c"]).observe(0.001);
        m.etcd.lost_races.with_label_values(&["c"]).inc();
        m.etcd.peer_conflicts.with_label_values(&["c"]).inc();
        m.etcd.errors.with_label_values(&["https://h:1", "timeout"]).inc();
        m.etcd.in_use.with_label_values(&["https://h:1"]).set(1);
        m.etcd.first_try(true);
        m.etcd.set_up(true);
        m.frost.up.with_label_values(&["k", "1"]).set(1);
        m.frost.errors.with_label_values(&["k", "1", "timeout"]).inc();
        m.frost.duration.with_label_values(&["k"]).observe(0.1);
        m.reloaded(1_700_000_000);

        let mut seen = String::new();
        for family in m.registry.gather() {
            let labels: Vec<_> =
                family.get_metric()[0].get_label().iter().map(prometheus::proto::LabelPair::name).collect();
            let name = family.name().strip_prefix("palisade_signer_").expect("prefix");
            let kind = format!("{:?}", family.get_field_type()).to_lowercase();
            seen.push_str(&format!("{name} {kind} {}\n", labels.join(",")));
        }
        assert_eq!(seen, FAMILIES);
        assert!(m.text().contains("palisade_signer_last_signed_height{chain_id=\"c\"} 7\n"));
        assert!(m.text().contains("palisade_signer_build_info{version=\"1.2.3\"} 1\n"));
    }

    #[test]
    fn what_is_not_known_has_no_series() {
        let text = Metrics::new("1").text();
        assert!(!text.contains("last_signed"), "{text}");
    }
}
