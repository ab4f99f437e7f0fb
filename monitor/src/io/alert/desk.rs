//! Where state, store and orders meet. Whatever changes is written first, then seen and sent.

use super::deliver::{self, Receiver};
use super::now;
use super::store::{Store, StoreError};
use crate::alert::board::{Board, ChannelView};
use crate::alert::command::{self, Command, CommandError};
use crate::alert::engine::{self, State};
use crate::alert::facts::{Facts, Probe};
use crate::alert::{Millis, Transition, reading};
use crate::config::alerts::{Alerts, Channel};
use crate::io::http::Http;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Stands as long as the daemon.
#[derive(Debug)]
pub struct Desk {
    store: Mutex<Store>,
    state: Mutex<State>,
    notes: Mutex<BTreeMap<String, ChannelView>>,
    probes: Mutex<[BTreeMap<String, Probe>; 2]>,
    channels: Mutex<Option<(Vec<Channel>, Http)>>,
    board: watch::Sender<Board>,
    pub(super) wake: Notify,
}

/// Why an order was not followed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It makes no sense.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such channel.
    #[error("there is no channel {0:?}\ntry: palisade-monitor alert list")]
    NoChannel(String),
    /// It did not arrive.
    #[error("{0}")]
    Delivery(#[from] deliver::DeliverError),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// With what was kept in `directory`.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let store = Store::open(directory)?;
        let state = store.load()?;
        let board = Board {
            alerts: state.alerts.values().cloned().collect(),
            silences: state.silences.clone(),
            ..Board::default()
        };
        Ok(Self {
            store: Mutex::new(store),
            state: Mutex::new(state),
            notes: Mutex::default(),
            probes: Mutex::default(),
            channels: Mutex::default(),
            board: watch::channel(board).0,
            wake: Notify::new(),
        })
    }

    /// What is shown, as it is from time to time.
    pub fn board(&self) -> watch::Receiver<Board> {
        self.board.subscribe()
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// Channels and daemons are those of `alerts` from now on.
    pub(super) fn follow(&self, alerts: &Alerts, http: &Http) {
        let names: Vec<String> = alerts.channels.iter().map(|c| c.route.name.clone()).collect();
        match self.store().forget_others(&names) {
            Ok(0) => {}
            Ok(forgotten) => tracing::warn!(forgotten, "messages for channels that are no longer configured"),
            Err(error) => tracing::error!(%error, "outbox not read"),
        }
        lock(&self.notes).retain(|name, _| names.contains(name));
        for (probes, wanted) in lock(&self.probes).iter_mut().zip([&alerts.signers, &alerts.sentries]) {
            probes.retain(|name, _| wanted.iter().any(|b| b.name == *name));
            for beside in wanted {
                let unasked = Probe { name: beside.name.clone(), ..Probe::default() };
                probes.entry(beside.name.clone()).or_insert(unasked);
            }
        }
        *lock(&self.channels) = Some((alerts.channels.clone(), http.clone()));
    }

    /// One look at the facts.
    pub(super) fn look(&self, facts: &Facts, alerts: &Alerts, now: Millis) -> Result<(), StoreError> {
        let readings = reading::read(facts, &alerts.policy);
        let mut state = lock(&self.state);
        let (after, out) = engine::evaluate(state.clone(), readings, &alerts.policy, now);
        let mut messages: Vec<(String, &Transition)> = Vec::new();
        for transition in &out {
            let alert = &transition.alert;
            tracing::info!(kind = ?transition.kind, rule = %alert.key.rule, chain = %alert.key.chain,
                subject = %alert.key.subject, what = %alert.words.what, "alert");
            let takers = alerts.channels.iter().filter(|c| c.route.takes(transition));
            messages.extend(takers.map(|c| (c.route.name.clone(), transition)));
        }
        self.store().commit(&state, &after, &messages)?;
        *state = after;
        let board = Board {
            evaluated_at: Some(now),
            alerts: state.alerts.values().cloned().collect(),
            silences: state.silences.clone(),
            channels: facts.channels.clone(),
            signers: facts.signers.clone(),
            sentries: facts.sentries.clone(),
        };
        drop(state);
        self.board.send_replace(board);
        if !messages.is_empty() {
            self.wake.notify_waiters();
        }
        Ok(())
    }

    /// Carries an order out; says what came of it.
    pub fn order(&self, command: Command) -> Result<String, OrderError> {
        let mut state = lock(&self.state);
        let mut after = state.clone();
        let said = command::apply(&mut after, command, now())?;
        self.store().commit(&state, &after, &[])?;
        *state = after;
        self.board.send_modify(|board| {
            board.alerts = state.alerts.values().cloned().collect();
            board.silences.clone_from(&state.silences);
        });
        Ok(said)
    }

    /// Sends a test to one channel; says what was answered.
    pub async fn test(&self, channel: &str) -> Result<String, OrderError> {
        let found = lock(&self.channels).as_ref().and_then(|(all, http)| {
            let found = all.iter().find(|c| c.route.name == channel)?;
            Some(Receiver::new(found.clone(), http.clone()))
        });
        let receiver = found.ok_or_else(|| OrderError::NoChannel(channel.into()))?;
        Ok(receiver.send(&deliver::trial(now())).await?)
    }

    /// Notes how a delivery went; gives back the failures since the last success.
    pub(super) fn note(&self, name: &str, change: impl FnOnce(&mut ChannelView)) -> u32 {
        let mut notes = lock(&self.notes);
        let note = notes.entry(name.to_owned()).or_default();
        change(note);
        note.failures
    }

    pub(super) fn probed(&self, sentry: bool, probe: Probe) {
        let mut probes = lock(&self.probes);
        if let Some(known) = probes[usize::from(sentry)].get_mut(&probe.name) {
            *known = probe;
        }
    }

    pub(super) fn probes(&self) -> [Vec<Probe>; 2] {
        let probes = lock(&self.probes);
        [0, 1].map(|i| probes[i].values().cloned().collect())
    }

    /// How one channel fares.
    pub(super) fn fares(&self, name: &str, now: Millis) -> ChannelView {
        let mut view = lock(&self.notes).get(name).cloned().unwrap_or_default();
        view.name = name.into();
        if let Ok((waiting, oldest)) = self.store().waiting(name) {
            view.waiting = waiting;
            view.oldest_seconds = oldest.map_or(0, |at| (now - at).max(0) / 1000);
        }
        view
    }
}
