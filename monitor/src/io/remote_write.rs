//! Pushes the metrics to a receiver of Prometheus remote-write: in order, again after a failure, and never more than an
//! hour's worth waiting.
//!
//! A sampler and a sender, so that a slow receiver delays no sample. What is refused for good is dropped and counted, or
//! it would stand in the way of everything after it.

use super::board::{Board, Entry};
use super::http::{Http, Tls, TlsError};
use super::secret::{self, SecretError};
use super::server::Served;
use crate::config::RemoteWrite;
use crate::metrics;
use crate::remote_write::{self, Seen, Verdict};
use http::{Request, header};
use http_body_util::Full;
use hyper::body::Bytes;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};

const KIND: &str = "remote_write";
const DEADLINE: Duration = Duration::from_secs(30);
/// Waiting requests, and their bytes.
const WAITING: usize = 240;
const BYTES: usize = 16 * 1024 * 1024;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why a receiver cannot be pushed to.
#[derive(Debug, thiserror::Error)]
pub enum RemoteWriteError {
    /// Its authorities.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Its token.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<(Bytes, u64)>>,
    came: Notify,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<(Bytes, u64)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs all receivers until it is dropped. What they took is counted on `board`.
pub async fn run(all: Vec<RemoteWrite>, chains: watch::Receiver<Vec<Served>>, board: Board) {
    let each = all.into_iter().map(|config| one(config, chains.clone(), board.clone()));
    futures_util::future::join_all(each).await;
}

async fn one(config: RemoteWrite, chains: watch::Receiver<Vec<Served>>, board: Board) {
    let target = config.target();
    let board = Entry::new(board, KIND, &target);
    let set_up = || -> Result<_, RemoteWriteError> {
        let http = Http::new(&Tls { ca: config.ca.clone(), identity: None })?;
        Ok((http, config.token.as_ref().map(secret::read).transpose()?))
    };
    let (http, token) = match set_up() {
        Ok(ready) => ready,
        Err(error) => {
            tracing::error!(%target, %error, "metrics are not pushed");
            return;
        }
    };
    let queue = Queue::default();
    let request = |body: Bytes| {
        let mut request = Request::post(&config.url)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::CONTENT_ENCODING, "snappy")
            .header(header::USER_AGENT, concat!("palisade-monitor/", env!("CARGO_PKG_VERSION")))
            .header("x-prometheus-remote-write-version", "0.1.0");
        if let Some(token) = &token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        if let Some(tenant) = &config.tenant {
            request = request.header("x-scope-orgid", tenant);
        }
        request.body(Full::new(body))
    };
    let sender = async {
        let mut pause = FIRST_PAUSE;
        loop {
            let next = queue.waiting().front().cloned();
            let Some((body, samples)) = next else {
                queue.came.notified().await;
                continue;
            };
            let Ok(request) = request(body) else {
                tracing::error!(%target, "token or tenant cannot stand in a header; metrics are not pushed");
                return;
            };
            let verdict = match http.send(request, DEADLINE, 64 * 1024).await {
                Ok(answer) => {
                    let after = answer.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
                    let verdict = remote_write::verdict(answer.status, after);
                    if verdict != Verdict::Taken {
                        let words = String::from_utf8_lossy(&answer.body);
                        let words: String = words.chars().filter(|c| !c.is_control()).take(200).collect();
                        tracing::warn!(%target, status = answer.status, %words, "metrics were not taken");
                    }
                    verdict
                }
                Err(error) => {
                    tracing::warn!(%target, %error, "metrics were not pushed, trying again");
                    Verdict::Again(None)
                }
            };
            match verdict {
                Verdict::Taken => {
                    pause = FIRST_PAUSE;
                    board.note(|p| p.sent += samples);
                }
                Verdict::Refused => board.note(|p| p.dropped += samples),
                Verdict::Again(after) => {
                    board.note(|p| p.failed += 1);
                    let wanted = after.map(|s| Duration::from_secs(s.min(LONGEST_PAUSE.as_secs() * 10)));
                    tokio::time::sleep(wanted.unwrap_or(pause).max(pause)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            }
            queue.waiting().pop_front();
            let count = queue.waiting().len() as u64;
            board.note(|p| p.waiting = count);
        }
    };
    let sampler = async {
        let mut seen = Seen::new();
        let mut tick = tokio::time::interval(config.interval);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let snapshots: Vec<_> = chains.borrow().iter().map(Served::snapshot).collect();
            let families = metrics::families(env!("CARGO_PKG_VERSION"), &snapshots);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
            for request in remote_write::requests(&families, &config.labels, now, &mut seen) {
                let Ok(body) = remote_write::body(&request) else { continue };
                let mut waiting = queue.waiting();
                waiting.push_back((body.into(), request.timeseries.len() as u64));
                // Not the first: it may be on its way.
                while waiting.len() > 2
                    && (waiting.len() > WAITING
                        || waiting.iter().map(|(b, _)| b.len()).sum::<usize>() > BYTES)
                {
                    let lost = waiting.remove(1).map_or(0, |(_, samples)| samples);
                    board.note(|p| p.dropped += lost);
                }
                let count = waiting.len() as u64;
                board.note(|p| p.waiting = count);
            }
            queue.came.notify_one();
        }
    };
    tokio::select! {
        () = sender => {}
        () = sampler => {}
    }
}
