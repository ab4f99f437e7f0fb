//! The page, the API, the metrics and the probes, over HTTP. This file only puts the rooms together.
//!
//! - [`assets`]: the page's own files; [`api`]: what it asks once; [`events`]: what it is told from then on
//! - [`probes`]: for Prometheus and for whoever restarts containers
//! - [`guard`]: headers of every answer
//!
//! What changes something (alerts: acknowledge, silence) is a room of its own, merged in [`router`].

mod api;
mod assets;
mod events;
mod guard;
mod probes;

use super::follow::Published;
use super::pool::Pool;
use crate::metrics::Snapshot;
use axum::Router;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
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
    /// Since when it is watched.
    pub started: Instant,
}

/// What every room reads. Chains come and go with the configuration.
#[derive(Debug)]
struct Shared {
    chains: watch::Receiver<Vec<Served>>,
    /// Turns true when the daemon stops: streams end then, or it could not.
    stopped: watch::Receiver<bool>,
}

impl Shared {
    fn served(&self) -> Vec<Served> {
        self.chains.borrow().clone()
    }

    fn snapshots(&self) -> Vec<Snapshot> {
        self.served().iter().map(Self::snapshot).collect()
    }

    fn snapshot(served: &Served) -> Snapshot {
        let Published { view, feed, received } = served.published.borrow().clone();
        let age = received.map(|at| at.elapsed().as_secs_f64());
        let patience = BLIND.max(10.0 * view.block_seconds.unwrap_or(0.0));
        Snapshot {
            blind: age.unwrap_or(served.started.elapsed().as_secs_f64()) > patience,
            chain: view,
            sources: served.pool.view(),
            feed,
            data_age_seconds: age,
        }
    }
}

/// Serves until `stop` is ready. `chains` may change meanwhile.
pub async fn serve(
    listener: TcpListener,
    chains: watch::Receiver<Vec<Served>>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (stopping, stopped) = watch::channel(false);
    let shared = Arc::new(Shared { chains, stopped });
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    axum::serve(listener, router(shared)).with_graceful_shutdown(stop).await
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(assets::routes())
        .merge(api::routes())
        .merge(events::routes())
        .merge(probes::routes())
        .layer(axum::middleware::map_response(guard::headers))
        .with_state(shared)
}
