//! What the page is told from its first look on, as server-sent events: `GET /api/events?chain=<id>`.
//!
//! One connection carries all: `overview`, then `summaries` of the chains that changed; with `chain=` also `chain`, then
//! a `delta` per block; and a `ping`, by which the page knows that the monitor is there although nothing happens.

use super::Shared;
use super::hub::{self, Message, Seat};
use axum::Router;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

const PING: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Wanted {
    chain: Option<String>,
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    let events = |State(shared): State<Arc<Shared>>, Query(wanted): Query<Wanted>| async move {
        Sse::new(stream(shared, wanted.chain)).keep_alive(KeepAlive::default())
    };
    Router::new().route("/api/events", get(events))
}

struct Viewer {
    shared: Arc<Shared>,
    wanted: Option<String>,
    overview: Seat,
    chain: Option<Seat>,
    queue: VecDeque<Message>,
}

/// Ends when the daemon stops, so that it can.
fn stream(shared: Arc<Shared>, wanted: Option<String>) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut stopped = shared.stopped.clone();
    let overview = hub::overview(&shared);
    let chain = wanted.as_deref().and_then(|id| hub::chain(&shared, id));
    let mut queue = VecDeque::from([overview.first.clone()]);
    queue.extend(chain.as_ref().map(|seat| seat.first.clone()));
    let viewer = Viewer { shared, wanted, overview, chain, queue };
    let messages = futures_util::stream::unfold(viewer, |mut viewer| async move {
        let message = viewer.next().await;
        Some((Ok(Event::default().event(message.kind).data(&*message.text)), viewer))
    });
    messages.take_until(async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    })
}

impl Viewer {
    async fn next(&mut self) -> Message {
        if let Some(message) = self.queue.pop_front() {
            return message;
        }
        let of_chain = async {
            match &mut self.chain {
                Some(seat) => seat.news.recv().await,
                None => std::future::pending().await,
            }
        };
        // An event without data is not told to the page.
        let ping = || Message { kind: "ping", text: "0".into() };
        let (news, is_chain) = tokio::select! {
            news = of_chain => (news, true),
            news = self.overview.news.recv() => (news, false),
            () = tokio::time::sleep(PING) => return ping(),
        };
        match news {
            Ok(message) => message,
            // Too slow, or the lane was given up: once more from the beginning.
            Err(RecvError::Lagged(_)) if is_chain => self.enter().unwrap_or_else(ping),
            Err(RecvError::Closed) if is_chain => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.enter().unwrap_or_else(ping)
            }
            Err(_) => {
                self.overview = hub::overview(&self.shared);
                self.overview.first.clone()
            }
        }
    }

    fn enter(&mut self) -> Option<Message> {
        self.chain = self.wanted.as_deref().and_then(|id| hub::chain(&self.shared, id));
        self.chain.as_ref().map(|seat| seat.first.clone())
    }
}
