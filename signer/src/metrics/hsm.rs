//! Metrics of keys in hardware: `{key,hsm}`, where `hsm` is `primary` or `standby`.

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use crate::metrics::{counter, gauge, histogram};

/// The families, each a handle that can be cloned into a device's thread.
#[derive(Clone)]
pub struct HsmMetrics {
    /// Whether there is a session.
    pub up: IntGaugeVec,
    /// Sessions opened.
    pub sessions: IntCounterVec,
    /// Commands that went through the session in use.
    pub commands_in_session: IntGaugeVec,
    /// Entries of the device's audit log, of 62, that are not in the file yet; an upper bound between two readings.
    pub log_unread: IntGaugeVec,
    /// Entries of the device's audit log brought into the file.
    pub log_entries: IntCounterVec,
    /// How long a signature waited for the device's thread.
    pub queue_wait: HistogramVec,
    /// How long the device took for a signature.
    pub sign_duration: HistogramVec,
    /// `{key,hsm,reason}`.
    pub errors: IntCounterVec,
}

// === impl HsmMetrics ===

impl HsmMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let hsm = &["key", "hsm"][..];
        Self {
            up: gauge(registry, "hsm_up", "Whether there is a session with the HSM.", hsm),
            sessions: counter(registry, "hsm_sessions_total", "Sessions opened with the HSM.", hsm),
            commands_in_session: gauge(
                registry,
                "hsm_commands_in_session",
                "Commands that went through the session in use.",
                hsm,
            ),
            log_unread: gauge(
                registry,
                "hsm_log_entries_unread",
                "Entries of the HSM's audit log that are not in the file yet, at most.",
                hsm,
            ),
            log_entries: counter(
                registry,
                "hsm_log_entries_total",
                "Entries of the HSM's audit log brought into the file.",
                hsm,
            ),
            queue_wait: histogram(
                registry,
                "hsm_queue_wait_seconds",
                "How long a signature waited for the HSM's thread.",
                hsm,
            ),
            sign_duration: histogram(
                registry,
                "hsm_sign_duration_seconds",
                "How long the HSM took for a signature.",
                hsm,
            ),
            errors: counter(
                registry,
                "hsm_errors_total",
                "What went wrong with the HSM.",
                &["key", "hsm", "reason"],
            ),
        }
    }
}
