//! Metrics of threshold keys: `{key,cosigner}`, where `cosigner` is its number.

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use crate::metrics::{counter, gauge, histogram};

/// The families, each a handle that can be cloned into a link's thread.
#[derive(Clone)]
pub struct FrostMetrics {
    /// Whether the link to a cosigner is up.
    pub up: IntGaugeVec,
    /// How many of them a signature needs, `{key}`.
    pub threshold: IntGaugeVec,
    /// Shares that did not come or were wrong, `{key,cosigner,reason}`.
    pub errors: IntCounterVec,
    /// How long a signature took, all attempts together, `{key}`.
    pub duration: HistogramVec,
}

// === impl FrostMetrics ===

impl FrostMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            up: gauge(
                registry,
                "frost_cosigner_up",
                "Whether the cosigner is connected.",
                &["key", "cosigner"],
            ),
            threshold: gauge(registry, "frost_threshold", "How many cosigners a signature needs.", &["key"]),
            errors: counter(
                registry,
                "frost_cosigner_errors_total",
                "Signature shares that did not come or were wrong.",
                &["key", "cosigner", "reason"],
            ),
            duration: histogram(
                registry,
                "frost_sign_duration_seconds",
                "How long the cosigners took for a signature.",
                &["key"],
            ),
        }
    }
}
