//! Metrics of a cosigner, a program of its own: which shares it gave and refused, where it stands, how long it took.

use prometheus::{Encoder as _, HistogramVec, IntCounterVec, IntGaugeVec, Registry, TextEncoder};

use crate::{
    mark::Hrs,
    metrics::{counter, gauge, histogram},
};

/// The registry and its members; handles that can be cloned into a connection's thread.
#[derive(Clone)]
pub struct CosignerMetrics {
    registry: Registry,
    /// Requests by what came of them: `share`, `repeat`, or why there was none.
    pub requests: IntCounterVec,
    /// From a request to its answer, a look at etcd and the mark's flush with it, `{verdict}`.
    pub duration: HistogramVec,
    /// Whether a signer is connected, by its pin. Each connection has one promise of nonces, and never more.
    pub connected: IntGaugeVec,
    /// Whether it gives no shares any more until it is started again.
    pub stopped: IntGaugeVec,
    /// Configurations read while it runs, by `result`: `taken` or `refused`.
    pub reloads: IntCounterVec,
    height: IntGaugeVec,
    round: IntGaugeVec,
    step: IntGaugeVec,
}

// === impl CosignerMetrics ===

impl CosignerMetrics {
    /// For cosigner `id` of this group, in the program of this version.
    pub fn new(version: &str, id: u16, group: &str) -> Self {
        let registry = Registry::new();
        let chain = &["chain_id"][..];
        let metrics = Self {
            requests: counter(
                &registry,
                "cosigner_requests_total",
                "Requests for a share, by what came of them.",
                &["verdict"],
            ),
            duration: histogram(
                &registry,
                "cosigner_request_duration_seconds",
                "From a request for a share to its answer.",
                &["verdict"],
            ),
            connected: gauge(
                &registry,
                "cosigner_signer_connected",
                "Connections of each signer that may ask; each has one promise of nonces.",
                &["signer"],
            ),
            stopped: gauge(
                &registry,
                "cosigner_stopped",
                "Whether no share is given any more until a restart.",
                &[],
            ),
            reloads: counter(
                &registry,
                "cosigner_reloads_total",
                "Configurations read while running, taken or refused.",
                &["result"],
            ),
            height: gauge(&registry, "cosigner_last_height", "Height of the last mark.", chain),
            round: gauge(&registry, "cosigner_last_round", "Round of the last mark.", chain),
            step: gauge(
                &registry,
                "cosigner_last_step",
                "Step of the last mark: 1 propose, 2 prevote, 3 precommit.",
                chain,
            ),
            registry,
        };
        let info = &["version", "cosigner", "group"];
        gauge(&metrics.registry, "cosigner_info", "Version, number and group of the cosigner.", info)
            .with_label_values(&[version, &id.to_string(), group])
            .set(1);
        metrics.stopped.with_label_values::<&str>(&[]).set(0);
        for result in ["taken", "refused"] {
            metrics.reloads.with_label_values(&[result]).reset();
        }
        metrics
    }

    /// Notes where it stands on a chain.
    pub fn stands(&self, chain_id: &str, hrs: Hrs) {
        self.height.with_label_values(&[chain_id]).set(hrs.height);
        self.round.with_label_values(&[chain_id]).set(hrs.round.into());
        self.step.with_label_values(&[chain_id]).set(hrs.step.number().into());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mark::Step;

    #[test]
    fn a_mark_is_shown_as_it_stands() {
        let metrics = CosignerMetrics::new("1.2.3", 2, "ab");
        metrics.stands("c", Hrs { height: 7, round: 1, step: Step::Precommit });
        let text = metrics.text();
        for line in [
            "palisade_signer_cosigner_last_height{chain_id=\"c\"} 7\n",
            "palisade_signer_cosigner_last_round{chain_id=\"c\"} 1\n",
            "palisade_signer_cosigner_last_step{chain_id=\"c\"} 3\n",
            "palisade_signer_cosigner_stopped 0\n",
            "palisade_signer_cosigner_info{cosigner=\"2\",group=\"ab\",version=\"1.2.3\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
