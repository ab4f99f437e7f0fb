//! Works out once for all viewers of a chain what has changed, and hands it to each through a queue that does not grow:
//! who cannot follow is told everything anew. A chain that nobody looks at costs nothing.

use super::{Served, Shared};
use crate::delta::{Image, Told};
use crate::metrics::Snapshot;
use crate::view::Summary;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::Instant;

/// Messages kept for a slow viewer.
const QUEUE: usize = 16;
/// At most four updates a second.
const PAUSE: Duration = Duration::from_millis(250);
/// Without news the age of data and endpoints is looked at this often, and fractions are told this often.
const SLOW: Duration = Duration::from_secs(5);

/// One server-sent event.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// `overview`, `summaries`, `chain` or `delta`.
    pub kind: &'static str,
    /// JSON.
    pub text: Arc<str>,
}

fn message(kind: &'static str, value: &serde_json::Value) -> Message {
    Message { kind, text: value.to_string().into() }
}

/// What a viewer gets on entering: the whole, and everything after it.
pub(super) struct Seat {
    pub first: Message,
    pub news: broadcast::Receiver<Message>,
}

type Lane<T> = Arc<Mutex<T>>;

#[derive(Debug)]
struct ChainLane {
    image: Image,
    last: Snapshot,
    out: broadcast::Sender<Message>,
}

#[derive(Debug)]
struct OverviewLane {
    known: Vec<Summary>,
    out: broadcast::Sender<Message>,
}

/// All lanes that somebody looks at.
#[derive(Debug, Default)]
pub(super) struct Hub {
    chains: Mutex<HashMap<String, Lane<ChainLane>>>,
    overview: Mutex<Option<Lane<OverviewLane>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A seat at a chain; `None` when it is not watched.
pub(super) fn chain(shared: &Arc<Shared>, id: &str) -> Option<Seat> {
    let served = shared.find(id)?;
    let mut lanes = lock(&shared.hub.chains);
    let lane = lanes.entry(id.into()).or_insert_with(|| {
        let last = served.snapshot();
        let (out, _) = broadcast::channel(QUEUE);
        let lane = Arc::new(Mutex::new(ChainLane { image: Image::new(&last), last, out }));
        tokio::spawn(drive_chain(shared.clone(), served, id.into(), lane.clone()));
        lane
    });
    let lane = lock(lane);
    let first = message("chain", &lane.image.whole(&lane.last));
    Some(Seat { first, news: lane.out.subscribe() })
}

/// A seat at the overview of all chains.
pub(super) fn overview(shared: &Arc<Shared>) -> Seat {
    let mut slot = lock(&shared.hub.overview);
    let lane = slot.get_or_insert_with(|| {
        let (out, _) = broadcast::channel(QUEUE);
        let lane = Arc::new(Mutex::new(OverviewLane { known: shared.summaries(), out }));
        tokio::spawn(drive_overview(shared.clone(), lane.clone()));
        lane
    });
    let lane = lock(lane);
    Seat { first: message("overview", &json!(lane.known)), news: lane.out.subscribe() }
}

async fn drive_chain(shared: Arc<Shared>, mut served: Served, id: String, lane: Lane<ChainLane>) {
    let mut told = Instant::now();
    loop {
        let gone = matches!(tokio::time::timeout(SLOW, served.published.changed()).await, Ok(Err(_)));
        {
            let mut lanes = lock(&shared.hub.chains);
            let mut lane = lock(&lane);
            if gone || lane.out.receiver_count() == 0 {
                lanes.remove(&id);
                return;
            }
            let slow = told.elapsed() >= SLOW;
            if slow {
                told = Instant::now();
            }
            lane.last = served.snapshot();
            let last = lane.last.clone();
            let message = match lane.image.advance(&last, slow) {
                Told::Delta(delta) => message("delta", &delta),
                Told::All => message("chain", &lane.image.whole(&last)),
            };
            let _ = lane.out.send(message);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn drive_overview(shared: Arc<Shared>, lane: Lane<OverviewLane>) {
    let mut chains = shared.chains.clone();
    loop {
        let mut news: Vec<_> = shared.served().into_iter().map(|served| served.published).collect();
        let changed = news.iter_mut().map(|published| Box::pin(published.changed()));
        let any = async {
            match changed.len() {
                0 => std::future::pending().await,
                _ => drop(futures_util::future::select_all(changed).await),
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(SLOW, any) => {}
            _ = chains.changed() => {}
        }
        {
            let mut slot = lock(&shared.hub.overview);
            let mut lane = lock(&lane);
            if lane.out.receiver_count() == 0 {
                *slot = None;
                return;
            }
            let now = shared.summaries();
            let same = now.len() == lane.known.len()
                && now.iter().zip(&lane.known).all(|(a, b)| a.chain_id == b.chain_id);
            let message = if same {
                let changed: Vec<_> =
                    now.iter().zip(&lane.known).filter(|(a, b)| a.differs(b)).map(|(a, _)| a).collect();
                (!changed.is_empty()).then(|| message("summaries", &json!(changed)))
            } else {
                Some(message("overview", &json!(now)))
            };
            lane.known = now;
            message.map(|message| lane.out.send(message));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
