//! Looks at the facts each second, keeps what the engine says, and has it delivered.
//!
//! [`Desk`] stands as long as the daemon: the store, the state and what is shown. [`run`] is the service that a new
//! configuration exchanges: the look, one [`deliver`] task for each channel, one [`probe`] for each daemon beside us.

mod dead_man;
pub mod deliver;
mod desk;
mod gather;
mod mail;
mod probe;
pub mod socket;
pub mod store;

pub use desk::Desk;

use super::http::Http;
use super::server::Served;
use crate::alert::Millis;
use crate::config::alerts::Alerts;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

const EVERY: Duration = Duration::from_secs(1);

/// What the service runs by.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Rules, channels, daemons beside us.
    pub alerts: Alerts,
    /// Own validators of each chain.
    pub watch: BTreeMap<String, Vec<String>>,
}

impl Plan {
    /// Of a configuration.
    pub fn new(config: &crate::config::Config) -> Self {
        let watch = config.chains.iter().map(|c| (c.id.clone(), c.watch.clone())).collect();
        Self { alerts: config.alerts.clone(), watch }
    }
}

/// Unix milliseconds.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// Runs until it is dropped, and its tasks with it.
pub async fn run(plan: Plan, desk: Arc<Desk>, chains: watch::Receiver<Vec<Served>>, http: Http) {
    let mut tasks = JoinSet::new();
    desk.follow(&plan.alerts, &http);
    for channel in &plan.alerts.channels {
        let receiver = deliver::Receiver::new(channel.clone(), http.clone());
        tasks.spawn(deliver::run(receiver, desk.clone()));
    }
    for (all, sentry) in [(&plan.alerts.signers, false), (&plan.alerts.sentries, true)] {
        for beside in all {
            tasks.spawn(probe::run(beside.clone(), sentry, http.clone(), desk.clone()));
        }
    }
    let mut gather = gather::Gather::default();
    let mut dead_man = dead_man::DeadMan::new(plan.alerts.dead_man.clone(), http);
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let now = now();
        let facts = gather.facts(&chains.borrow(), &plan, &desk, now);
        let fresh = facts.chains.iter().all(|c| c.fresh);
        match desk.look(&facts, &plan.alerts, now) {
            Ok(()) if fresh => dead_man.ping(now),
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "alerts not kept, and therefore not sent"),
        }
    }
}
