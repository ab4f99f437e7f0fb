//! Which links are up and which keys sign: what `/readyz` answers and what scrapes see.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use comet::consensus::PublicKey;

use crate::{
    config::Backend,
    doppelganger::Standing,
    io::{desk::Desk, doppelganger::Gate, http, link::LinkHandle},
    keeper::Brake,
    key::Health,
    latency::Latency,
    mark::Hrs,
    metrics::Metrics,
};

/// One link's state, written by the link and read by the endpoints.
pub(crate) struct LinkStatus {
    pub(crate) chain_id: String,
    pub(crate) node: String,
    connected: AtomicBool,
    /// Milliseconds after `epoch` at which the node was last heard.
    heard: AtomicU64,
    /// The same for its last ping.
    pinged: AtomicU64,
    /// The same for the last sign of life of the link's thread.
    beat: AtomicU64,
    epoch: Instant,
    recent: Mutex<Recent>,
}

/// The last signatures that went out on a link.
#[derive(Clone, Default)]
pub(crate) struct Recent {
    pub(crate) last: Option<Hrs>,
    pub(crate) latency: Latency,
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
    pub(crate) chains: Vec<ChainView>,
    /// Where each key lives.
    pub(crate) backends: Vec<(String, Backend)>,
    /// Keys that have something to say while they are in use.
    pub(crate) healths: Vec<(String, Health)>,
    /// Of each shared store in use.
    pub(crate) clusters: Vec<Health>,
    pub(crate) links: Vec<Arc<LinkHandle>>,
    /// Of each chain that is served.
    pub(crate) gates: Vec<(String, Arc<Gate>)>,
}

/// One chain at work.
#[derive(Clone)]
pub(crate) struct ChainView {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) public_key: PublicKey,
    /// At the desk of its key.
    pub(crate) index: usize,
    pub(crate) brake: Brake,
}

// === impl LinkStatus ===

impl LinkStatus {
    pub(crate) fn new(chain_id: String, node: String) -> Self {
        let epoch = Instant::now();
        let [heard, pinged, beat] = [(); 3].map(|()| AtomicU64::new(0));
        Self {
            chain_id,
            node,
            connected: AtomicBool::new(false),
            heard,
            pinged,
            beat,
            epoch,
            recent: Mutex::default(),
        }
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// The node said something.
    pub(crate) fn heard(&self, now: Instant) {
        self.heard.store(self.millis(now), Ordering::Relaxed);
        self.beat.store(self.millis(now), Ordering::Relaxed);
    }

    /// It was a ping.
    pub(crate) fn pinged(&self, now: Instant) {
        self.pinged.store(self.millis(now), Ordering::Relaxed);
    }

    /// The link's thread is alive.
    pub(crate) fn beat(&self) {
        self.beat.store(self.millis(Instant::now()), Ordering::Relaxed);
    }

    /// A signature went out, so long after its request came in.
    pub(crate) fn signed(&self, hrs: Hrs, took: Duration) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.last = Some(hrs);
        recent.latency.note(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn recent(&self) -> Recent {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long ago the link's thread was last seen alive.
    pub(crate) fn lifeless_for(&self) -> Duration {
        self.since(&self.beat)
    }

    pub(crate) fn silence(&self) -> Duration {
        self.since(&self.heard)
    }

    /// How long ago the node pinged; `None` before its first ping.
    fn ping_age(&self) -> Option<Duration> {
        (self.pinged.load(Ordering::Relaxed) > 0).then(|| self.since(&self.pinged))
    }

    fn since(&self, then: &AtomicU64) -> Duration {
        Duration::from_millis(self.millis(Instant::now()).saturating_sub(then.load(Ordering::Relaxed)))
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}

// === impl Status ===

impl http::Tells for Status {
    fn exposition(&self) -> String {
        Self::exposition(self)
    }

    fn troubles(&self) -> Vec<String> {
        Self::troubles(self)
    }
}

impl Status {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { view: RwLock::default(), metrics }
    }

    /// Shows another view from now on.
    pub(crate) fn show(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    pub(crate) fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The exposition, with what only the moment of the scrape knows.
    pub(crate) fn exposition(&self) -> String {
        let view = self.view();
        for link in view.links.iter().map(|link| link.status()) {
            let labels = [link.chain_id.as_str(), link.node.as_str()];
            let ages = [
                (&self.metrics.node_silence, Some(link.silence())),
                (&self.metrics.node_ping_age, link.ping_age()),
            ];
            for (gauge, age) in ages {
                match age.filter(|_| link.is_connected()) {
                    Some(age) => gauge.with_label_values(&labels).set(age.as_secs_f64()),
                    // An error only says that there was no such series.
                    None => drop(gauge.remove_label_values(&labels)),
                }
            }
        }
        for (name, desk) in &view.keys {
            self.metrics.key_stopped.with_label_values(&[name]).set(i64::from(desk.is_stopped()));
        }
        self.metrics.text()
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let view = self.view();
        let up = view.links.iter().filter(|link| link.status().is_connected()).count();
        let line = format!("{} keys, {up} of {} links up", view.keys.len(), view.links.len());
        match self.troubles() {
            troubles if troubles.is_empty() => line,
            troubles => format!("{line}; {}", troubles.join("; ")),
        }
    }

    /// Everything that keeps the signer from being ready; empty when it is.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let view = self.view();
        let stopped = view.keys.iter().filter(|(_, desk)| desk.is_stopped());
        let mut troubles: Vec<_> =
            stopped.map(|(name, _)| format!("key {name} has stopped signing")).collect();
        let held = view.chains.iter().filter(|chain| chain.brake.is_on());
        troubles.extend(held.map(|chain| format!("chain {} is paused", chain.id)));
        for (chain, gate) in &view.gates {
            match gate.standing() {
                Standing::Unproven(why) => {
                    troubles.push(format!("chain {chain} is not cleared by its doppelganger guard: {why}"));
                }
                Standing::Foreign(sighting) => {
                    troubles
                        .push(format!("chain {chain}: another signer has its key, seen at {}", sighting.hrs));
                }
                Standing::Cleared(_) | Standing::Settled(_) => {}
            }
        }
        for (name, health) in &view.healths {
            troubles.extend(health().into_iter().map(|trouble| format!("key {name}: {trouble}")));
        }
        for health in &view.clusters {
            troubles.extend(health().into_iter().map(|trouble| format!("etcd does not serve: {trouble}")));
        }
        let mut chains: Vec<_> = view.links.iter().map(|link| link.status().chain_id.as_str()).collect();
        chains.dedup();
        for chain in chains {
            if !view
                .links
                .iter()
                .map(|link| link.status())
                .any(|link| link.chain_id == chain && link.is_connected())
            {
                troubles.push(format!("chain {chain} has no node connected"));
            }
        }
        troubles
    }
}
