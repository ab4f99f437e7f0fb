//! The doppelganger guard at work: one thread for each guarded chain looks, and links wait at its gate.
//!
//! The thread looks at once, again while no look is possible, and again when a link asks for a height that the last look did
//! not reach. It ends with the first signature, with a foreign one, or with the signer.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use comet::consensus::PublicKey;
use tracing::{error, info, warn};

use crate::{
    config::{DoppelgangerConfig, RpcUrl},
    doppelganger::{Finding, Leave, Look, Settled, Sighting, Standing, heights, judge},
    io::rpc::{self, AskError},
    keeper::Failure,
    mark::Mark,
};

/// How long one answer may take. A look that misses it is tried again.
const ANSWER: Duration = Duration::from_millis(1500);
/// Pause between two looks that could not be.
const PAUSE: Duration = Duration::from_millis(250);
/// How often the same trouble is logged.
const TELL: Duration = Duration::from_secs(10);

/// Reads a mark, wherever it is.
pub(crate) type MarkNow = Box<dyn Fn() -> Result<Mark, String> + Send>;

/// Where links wait until their chain's guard lets them pass.
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    standing: Standing,
    /// The highest height that a link has asked for in vain, and since when links do.
    wanted: Option<(i64, Instant)>,
    closed: bool,
}

/// A guard's thread; it ends when this is dropped.
pub(crate) struct Watch {
    gate: Arc<Gate>,
    thread: Option<JoinHandle<()>>,
}

/// What a guard watches.
pub(crate) struct Watched {
    pub(crate) chain_id: String,
    pub(crate) key: PublicKey,
    /// The mark as it is now. That of a file cannot move before the gate opens; one that is shared moves with every signature of
    /// another signer.
    pub(crate) mark: MarkNow,
    pub(crate) config: DoppelgangerConfig,
    /// Told of a foreign signature, once.
    pub(crate) found: Box<dyn Fn(Foreign) + Send>,
}

/// A chain for which nothing is signed any more, because somebody else has its key.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// The chain.
    pub chain_id: String,
    /// What gave the other one away.
    pub sighting: Sighting,
}

// === impl Gate ===

impl Gate {
    /// A gate without a guard: the operator wants none on this chain.
    pub fn not_guarded() -> Arc<Self> {
        Self::with(Standing::Settled(Settled::NotGuarded))
    }

    pub(crate) fn with(standing: Standing) -> Arc<Self> {
        let state = State { standing, wanted: None, closed: false };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Where the chain stands.
    pub fn standing(&self) -> Standing {
        self.lock().standing.clone()
    }

    /// Waits for leave to sign at this height, no longer than until `deadline`.
    pub(crate) fn pass(&self, height: i64, deadline: Instant) -> Result<Leave, Failure> {
        let mut state = self.lock();
        loop {
            if let Some(leave) = state.standing.leave(height) {
                state.wanted = None;
                return Ok(leave);
            }
            if let Standing::Foreign(sighting) = &state.standing {
                return Err(Failure::Doppelganger(sighting.hrs));
            }
            let (highest, since) = state.wanted.unwrap_or((height, Instant::now()));
            state.wanted = Some((highest.max(height), since));
            self.changed.notify_all();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.closed {
                let why = match &state.standing {
                    Standing::Unproven(why) => why.clone(),
                    _ => format!("no rpc has block {} yet", height - 1),
                };
                return Err(Failure::Unproven(why));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Notes that something was signed: there is nothing to look for any more.
    pub(crate) fn signed(&self) {
        let mut state = self.lock();
        if matches!(state.standing, Standing::Cleared(_)) {
            state.standing = Standing::Settled(Settled::Signed);
            drop(state);
            self.changed.notify_all();
        }
    }

    fn set(&self, standing: Standing) {
        self.lock().standing = standing;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Watch ===

impl Watch {
    /// Starts looking.
    pub(crate) fn start(gate: Arc<Gate>, watched: Watched) -> std::io::Result<Self> {
        let at = Arc::clone(&gate);
        let name = "doppelganger".into();
        let thread = thread::Builder::new().name(name).spawn(move || watched.watch(&at))?;
        Ok(Self { gate, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.gate.lock().closed = true;
        self.gate.changed.notify_all();
        // It may be in the middle of a question, which is bounded; nobody needs its answer.
        drop(self.thread.take());
    }
}

// === impl Watched ===

impl Watched {
    fn watch(&self, gate: &Gate) {
        let mut told: Option<Instant> = None;
        let mut cleared = false;
        while let Some(wanted) = self.is_needed(gate) {
            match self.look(wanted) {
                Ok((url, tip, Finding::Nothing(clear))) => {
                    if !std::mem::replace(&mut cleared, true) {
                        info!(chain_id = self.chain_id, rpc = %url, tip, "no second signer in the last blocks");
                    }
                    let standing = Standing::Cleared(clear);
                    let behind = wanted.filter(|height| standing.needs_look(*height));
                    gate.set(standing);
                    if let Some(height) = behind {
                        self.held(gate, &mut told, &format!("no rpc has block {} yet", height - 1));
                    }
                }
                Ok((url, _, Finding::Foreign(sighting))) => {
                    error!(
                        chain_id = self.chain_id,
                        rpc = %url,
                        height = sighting.hrs.height,
                        round = sighting.hrs.round,
                        "another signer has this key: nothing is signed for this chain any more"
                    );
                    gate.set(Standing::Foreign(sighting.clone()));
                    (self.found)(Foreign { chain_id: self.chain_id.clone(), sighting });
                }
                Ok((url, _, Finding::Incomplete(height))) => {
                    self.held(gate, &mut told, &format!("{url} has no commit of height {height}"));
                }
                Err(why) => self.held(gate, &mut told, &why),
            }
        }
    }

    /// Waits until there is something to look for; says up to which height links wait, or `None` when it is over.
    fn is_needed(&self, gate: &Gate) -> Option<Option<i64>> {
        let mut state = gate.lock();
        loop {
            if state.closed || matches!(state.standing, Standing::Settled(_) | Standing::Foreign(_)) {
                return None;
            }
            let wanted =
                state.wanted.map(|(height, _)| height).filter(|height| state.standing.needs_look(*height));
            if wanted.is_some() || matches!(state.standing, Standing::Unproven(_)) {
                return Some(wanted);
            }
            state = gate.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// No look was possible: says so now and then, gives up where the operator wants that, and rests.
    fn held(&self, gate: &Gate, told: &mut Option<Instant>, why: &str) {
        if told.is_none_or(|at| at.elapsed() >= TELL) {
            *told = Some(Instant::now());
            warn!(
                chain_id = self.chain_id,
                reason = why,
                "cannot look for a second signer, nothing is signed"
            );
        }
        let mut state = gate.lock();
        if matches!(state.standing, Standing::Unproven(_)) {
            state.standing = Standing::Unproven(why.into());
        }
        let waited = state.wanted.map(|(_, since)| since.elapsed());
        if let (Some(waited), Some(max)) = (waited, self.config.max_wait)
            && waited >= max
        {
            error!(
                chain_id = self.chain_id,
                reason = why,
                ?waited,
                "signing without having looked for a second signer, as doppelganger_max_wait says"
            );
            state.standing = Standing::Settled(Settled::GaveUp);
            drop(state);
            gate.changed.notify_all();
            return;
        }
        // Woken early when it is over, but not by every link that comes to wait.
        let goes_on = |state: &mut State| {
            !state.closed && !matches!(state.standing, Standing::Settled(_) | Standing::Foreign(_))
        };
        drop(gate.changed.wait_timeout_while(state, PAUSE, goes_on));
    }

    /// Asks one node after the other until one has seen enough for the height that links wait for. What is foreign on
    /// any of those is foreign.
    fn look(&self, wanted: Option<i64>) -> Result<(&RpcUrl, i64, Finding), String> {
        let mut best: Option<(&RpcUrl, i64, Finding)> = None;
        let mut troubles = Vec::new();
        for url in &self.config.rpc {
            let before = (self.mark)()?;
            let look = match look(url, &self.chain_id, &before, self.config.blocks) {
                Ok(look) => look,
                Err(error) => {
                    troubles.push(format!("{url}: {error}"));
                    continue;
                }
            };
            let tip = look.tip;
            // Read after the look: whoever shares the mark raised it before it signed, so this one explains all of its signatures.
            let mark = (self.mark)()?;
            let finding = judge(&mark, &self.key, self.config.blocks, &look);
            match &finding {
                Finding::Nothing(clear) => {
                    let standing = Standing::Cleared(*clear);
                    if wanted.is_none_or(|height| !standing.needs_look(height)) {
                        return Ok((url, tip, finding));
                    }
                }
                Finding::Foreign(_) => return Ok((url, tip, finding)),
                Finding::Incomplete(_) => {}
            }
            if best.as_ref().is_none_or(|(_, highest, _)| tip > *highest) {
                best = Some((url, tip, finding));
            }
        }
        best.ok_or_else(|| troubles.join("; "))
    }
}

/// One look at one node.
fn look(url: &RpcUrl, chain_id: &str, mark: &Mark, depth: u32) -> Result<Look, AskError> {
    let Some(newest) = rpc::commit(url, chain_id, None, ANSWER)? else { return Ok(Look::default()) };
    let tip = newest.commit.height;
    let mut look = Look { tip, base: 1, commits: vec![newest.commit] };
    for height in heights(mark, tip, depth).rev().filter(|height| *height < tip) {
        match rpc::commit(url, chain_id, Some(height), ANSWER) {
            Ok(Some(signed)) => look.commits.push(signed.commit),
            Ok(None) => break,
            Err(error) => match rpc::lowest(&error) {
                Some(lowest) if lowest > height => {
                    look.base = lowest;
                    break;
                }
                _ => return Err(error),
            },
        }
    }
    Ok(look)
}

#[cfg(test)]
mod tests;
