//! The page, the API, the metrics and the probes, over HTTP. This file only puts the rooms together.
//!
//! - [`assets`]: the page's own files; [`api`], [`past`]: what it asks once; [`events`]: what it is told from then on
//! - [`hub`]: what of it is worked out once for all viewers
//! - [`probes`]: for Prometheus and for whoever restarts containers
//! - [`accept`], [`door`]: connections, TLS and tokens; [`session`], [`guard`]: who may do what, headers of every answer
//!
//! - [`alerts`]: what fires, for viewers; orders about it, for [`guard::admins`]

mod accept;
pub mod alerts;
mod api;
mod assets;
mod door;
mod events;
mod guard;
mod hub;
mod past;
mod probes;
mod session;

pub use door::{Door, DoorError};

use super::alert::Desk;
use super::follow::{Published, Question};
use super::pool::Pool;
use crate::metrics::{Compat, Pushed, Snapshot};
use crate::view::Summary;
use axum::Router;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// No news for this long is blindness, unless the chain is slow.
const BLIND: f64 = 30.0;

/// One chain, as the server sees it.
#[derive(Clone, Debug)]
pub struct Served {
    /// What its task published last.
    pub published: watch::Receiver<Published>,
    /// Its endpoints.
    pub pool: Arc<Pool>,
    /// Where its task takes questions.
    pub ask: mpsc::Sender<Question>,
    /// Since when it is watched.
    pub started: Instant,
    /// Other monitors whose metric names are served as well.
    pub compat: BTreeSet<Compat>,
    /// Where its history lies.
    pub directory: PathBuf,
}

impl Served {
    /// What is known of it now.
    pub fn snapshot(&self) -> Snapshot {
        let Published { view, feed, received, history } = self.published.borrow().clone();
        let age = received.map(|at| at.elapsed().as_secs_f64());
        let patience = BLIND.max(10.0 * view.block_seconds.unwrap_or(0.0));
        Snapshot {
            blind: age.unwrap_or(self.started.elapsed().as_secs_f64()) > patience,
            chain: view,
            sources: self.pool.view(),
            source_forked: self.pool.disputed(),
            source_below: self.pool.below().map(|(tip, _)| tip),
            feed,
            history,
            data_age_seconds: age,
            compat: self.compat.clone(),
        }
    }
}

/// What every room reads. Chains come and go with the configuration.
#[derive(Debug)]
struct Shared {
    chains: watch::Receiver<Vec<Served>>,
    door: watch::Receiver<Arc<Door>>,
    sessions: session::Sessions,
    hub: hub::Hub,
    /// What services have pushed to others.
    pushed: watch::Receiver<Vec<Pushed>>,
    /// Turns true when the daemon stops: streams end then, or it could not.
    stopped: watch::Receiver<bool>,
    desk: Arc<Desk>,
}

impl Shared {
    fn served(&self) -> Vec<Served> {
        self.chains.borrow().clone()
    }

    /// The chain of that name.
    fn find(&self, id: &str) -> Option<Served> {
        self.chains.borrow().iter().find(|served| served.published.borrow().view.chain_id == id).cloned()
    }

    fn summaries(&self) -> Vec<Summary> {
        self.served().iter().map(|served| Summary::of(&served.snapshot())).collect()
    }

    fn snapshots(&self) -> Vec<Snapshot> {
        self.served().iter().map(Served::snapshot).collect()
    }
}

/// Serves until `stop` is ready. Chains, certificates and tokens may change meanwhile.
pub async fn serve(
    listener: TcpListener,
    chains: watch::Receiver<Vec<Served>>,
    desk: Arc<Desk>,
    door: watch::Receiver<Arc<Door>>,
    pushed: watch::Receiver<Vec<Pushed>>,
    stop: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(false);
    let shared = Arc::new(Shared {
        chains,
        door: door.clone(),
        sessions: session::Sessions::default(),
        hub: hub::Hub::default(),
        pushed,
        stopped,
        desk,
    });
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    accept::run(listener, door, router(&shared), stop).await;
}

fn router(shared: &Arc<Shared>) -> Router {
    let seen = Router::new()
        .merge(api::routes())
        .merge(events::routes())
        .merge(probes::metrics())
        .merge(alerts::routes(shared.desk.clone()));
    Router::new()
        .merge(guard::viewers(seen, shared))
        .merge(assets::routes())
        .merge(session::routes())
        .merge(probes::routes())
        .merge(guard::admins(alerts::changes(shared.desk.clone()), shared))
        .layer(axum::middleware::map_response(guard::headers))
        .with_state(shared.clone())
}
