//! What the page is told from its first look on, as server-sent events.

use super::Shared;
use axum::Router;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures_util::{Stream, StreamExt as _};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// At most four updates a second, and one every five seconds for the age of the data.
const PAUSE: Duration = Duration::from_millis(250);
const HEARTBEAT: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Router<Arc<Shared>> {
    let events = |State(shared): State<Arc<Shared>>| async move {
        Sse::new(updates(shared)).keep_alive(KeepAlive::default())
    };
    Router::new().route("/api/events", get(events))
}

/// All chains at once, whenever one of them changes. Ends when the daemon stops, so that it can.
fn updates(shared: Arc<Shared>) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut stopped = shared.stopped.clone();
    let mut seen: Vec<_> = shared.served().into_iter().map(|c| c.published).collect();
    seen.iter_mut().for_each(watch::Receiver::mark_changed);
    let updates = futures_util::stream::unfold((shared, seen), |(shared, mut seen)| async move {
        let changed = futures_util::future::select_all(seen.iter_mut().map(|r| Box::pin(r.changed())));
        let _ = tokio::time::timeout(HEARTBEAT, changed).await;
        for receiver in &mut seen {
            receiver.mark_unchanged();
        }
        let event = Event::default().event("chains").json_data(shared.snapshots());
        tokio::time::sleep(PAUSE).await;
        Some((Ok(event.unwrap_or_default()), (shared, seen)))
    });
    updates.take_until(async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    })
}
