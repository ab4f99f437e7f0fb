//! The slow questions of a chain's task: who the validators are, and what x/slashing stores. They run beside the blocks
//! and come back as events, at a height that the task then joins to what it has counted.

use super::super::anchor::{self, Anchor, Found, Known};
use super::super::rpc::RpcFailure;
use super::super::sdk::SdkFailure;
use super::{Follower, LIVE};
use crate::event::Event;
use crate::jailing::Params;
use crate::profile::Profiles;
use crate::row::Row;
use crate::windows::Source;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const RETRY: Duration = Duration::from_secs(3);
const PROFILES_EVERY: Duration = Duration::from_secs(30);
const ANCHOR_EVERY: Duration = Duration::from_secs(600);
const COUNTERS_EVERY: Duration = Duration::from_secs(15);

/// An answer to a slow question.
pub(super) enum Answer {
    /// x/slashing's state at one height.
    Anchor(Result<Anchor, SdkFailure>),
    /// x/staking's validators, and the slashing parameters of now.
    Profiles(Option<Profiles>, Option<Params>),
    /// The slow lane's.
    Slow(Event),
    /// Rows of a gap.
    Found(Result<Vec<Arc<Row>>, RpcFailure>),
}

impl Follower {
    /// Starts the slow questions whose time has come.
    pub(super) fn ask_beside(&mut self) {
        let Some(head) = self.state.head() else { return };
        if self.pool.tip().is_none_or(|tip| tip > head.height + LIVE) {
            return;
        }
        let (now, head_height) = (Instant::now(), head.height);
        // One behind the head: the node has certainly executed it. The row to go on from must be at hand.
        let behind = self.state.recent().next_back().is_some_and(|row| row.height + 1 == head_height);
        let height = if behind { head_height - 1 } else { head_height };
        let due = self.anchor_at.is_some_and(|at| at <= now) && height >= self.anchor_from;
        if due && !self.anchor_asked {
            self.anchor_asked = true;
            let (answers, sdk) = (self.answers.0.clone(), self.sdk.clone());
            // Asked again whenever the chain has contradicted: it may have been upgraded.
            let trusted = self.state.line().filter(|l| l.doubt.is_none() && !self.state.is_suspicious());
            let known = Known {
                set: self.state.set().cloned(),
                rows: self.state.recent().cloned().collect(),
                line: trusted.filter(|_| self.line_until.is_some_and(|until| until > now)).cloned(),
            };
            tokio::spawn(async move {
                let result = anchor::read(&sdk, height, known).await;
                let _ = answers.send(Answer::Anchor(result)).await;
            });
        }
        self.ask_gaps();
        if self.profiles_at.is_some_and(|at| at <= now) {
            self.profiles_at = None;
            let (answers, sdk, set) = (self.answers.0.clone(), self.sdk.clone(), self.state.set().cloned());
            // With several endpoints of a height that is past: only of that they must all say the same.
            let past = if self.pool.has_one() { 0 } else { height };
            tokio::spawn(async move {
                let read = match sdk.validators(past).await {
                    Err(error) if past > 0 && !error.is_disputed() => sdk.validators(0).await,
                    read => read,
                };
                let profiles = read.ok().map(|(validators, at)| {
                    Profiles::new(if at > 0 { at } else { head_height }, &validators, set.as_deref())
                });
                let params = sdk.slashing_params(0).await.ok().and_then(|p| anchor::params(&p).ok());
                let _ = answers.send(Answer::Profiles(profiles, params)).await;
            });
        }
    }

    /// Who is who, for the state and for the history.
    fn learn(&mut self, profiles: Profiles) {
        let time = self.state.head().map_or(0, |h| h.time);
        if let Err(error) = self.history.profiles(&profiles, time) {
            tracing::error!(chain = %self.chain.id, %error, "names not written");
        }
        self.take(Event::Profiles(profiles));
    }

    pub(super) fn take_answer(&mut self, answer: Answer) {
        let now = Instant::now();
        self.anchor_asked &= !matches!(answer, Answer::Anchor(_));
        match answer {
            Answer::Anchor(Ok(Anchor::Windows(found))) => {
                let Found { windows, profiles, line } = *found;
                if self.line_until.is_none_or(|until| until <= now) {
                    self.line_until = Some(now + ANCHOR_EVERY);
                }
                if self.state.line() != Some(&line) {
                    tracing::info!(chain = %self.chain.id, line = line.name(), evidence = ?line.words(), "SDK line found");
                }
                self.take(Event::Line(line));
                let every = if windows.source == Source::Store { ANCHOR_EVERY } else { COUNTERS_EVERY };
                self.anchor_at = Some(now + every);
                if let Some(profiles) = profiles {
                    self.learn(profiles);
                }
                self.take(Event::Anchor(windows));
                if self.state.is_suspicious() {
                    self.anchor_at = Some(now);
                }
            }
            Answer::Anchor(Ok(Anchor::NoSlashing)) => {
                self.anchor_at = Some(now + ANCHOR_EVERY);
                self.take(Event::NoSlashing);
            }
            Answer::Anchor(Err(error)) => {
                tracing::warn!(chain = %self.chain.id, %error, "windows not read, trying again");
                self.anchor_at = Some(now + RETRY);
            }
            Answer::Found(found) => self.take_found(found),
            Answer::Slow(event) => {
                self.slow.asked(&event);
                self.take(event);
            }
            Answer::Profiles(profiles, params) => {
                self.profiles_at = Some(now + PROFILES_EVERY);
                if let Some(profiles) = profiles {
                    self.learn(profiles);
                }
                if params.is_some_and(|p| self.state.windows().is_some_and(|w| w.params != p)) {
                    self.anchor_at = Some(now);
                }
            }
        }
        self.publish();
    }
}
