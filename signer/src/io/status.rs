//! Which links are up and which keys sign: what `/readyz` answers and what scrapes see.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::{io::desk::Desk, metrics::Metrics};

/// One link's state, written by the link and read by the endpoints.
pub(crate) struct LinkStatus {
    pub(crate) chain_id: String,
    pub(crate) node: String,
    connected: AtomicBool,
    /// Milliseconds after `epoch` at which the node was last heard.
    heard: AtomicU64,
    epoch: Instant,
}

/// Everything that the endpoints look at.
pub(crate) struct Status {
    view: RwLock<View>,
    metrics: Arc<Metrics>,
}

/// The keys and links at work, in the order of the configuration.
#[derive(Clone, Default)]
pub(crate) struct View {
    pub(crate) keys: Vec<(String, Arc<Desk>)>,
    pub(crate) links: Vec<Arc<LinkStatus>>,
}

// === impl LinkStatus ===

impl LinkStatus {
    pub(crate) fn new(chain_id: String, node: String) -> Self {
        let epoch = Instant::now();
        Self { chain_id, node, connected: AtomicBool::new(false), heard: AtomicU64::new(0), epoch }
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(crate) fn heard(&self, now: Instant) {
        let since = now.saturating_duration_since(self.epoch).as_millis();
        self.heard.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn silence_ms(&self) -> u64 {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        now.saturating_sub(self.heard.load(Ordering::Relaxed))
    }
}

// === impl Status ===

impl Status {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { view: RwLock::default(), metrics }
    }

    /// Shows another view from now on.
    pub(crate) fn show(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The exposition, with what only the moment of the scrape knows.
    pub(crate) fn exposition(&self) -> String {
        let view = self.view();
        for link in &view.links {
            let labels = [link.chain_id.as_str(), link.node.as_str()];
            let silence = &self.metrics.node_silence;
            if link.is_connected() {
                let silent = std::time::Duration::from_millis(link.silence_ms());
                silence.with_label_values(&labels).set(silent.as_secs_f64());
            } else {
                // An error only says that there was no such series.
                let _ = silence.remove_label_values(&labels);
            }
        }
        for (name, desk) in &view.keys {
            self.metrics.key_stopped.with_label_values(&[name]).set(i64::from(desk.is_stopped()));
        }
        self.metrics.text()
    }

    /// Everything that keeps the signer from being ready; empty when it is.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let view = self.view();
        let stopped = view.keys.iter().filter(|(_, desk)| desk.is_stopped());
        let mut troubles: Vec<_> =
            stopped.map(|(name, _)| format!("key {name} has stopped signing")).collect();
        let mut chains: Vec<_> = view.links.iter().map(|link| link.chain_id.as_str()).collect();
        chains.dedup();
        for chain in chains {
            if !view.links.iter().any(|link| link.chain_id == chain && link.is_connected()) {
                troubles.push(format!("chain {chain} has no node connected"));
            }
        }
        troubles
    }
}
