//! The daemon: starts what the configuration says, serves until it is told to stop, and follows a new configuration
//! without disturbing what did not change.

use super::alert::store::StoreError;
use super::alert::{self, Desk, Plan, socket};
use super::board::Board;
use super::http::{Http, Tls, TlsError};
use super::postgres::{self, Mirrored};
use super::remote_write;
use super::server::{self, Door, DoorError};
use super::supervise::{Chains, Service, StartError};
use crate::config::{Config, RemoteWrite};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// Why the daemon could not start, or will not follow a new configuration.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The page's address is taken.
    #[error("cannot listen on {address}: {source}\ntry: another listen = \"…\", or stop what uses it")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A chain cannot be watched.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Alerts cannot be kept.
    #[error(transparent)]
    Alerts(#[from] StoreError),
    /// Nobody could give orders.
    #[error(
        "cannot listen on monitor.sock in data_dir: {0}\ntry: a data_dir of a shorter path, on a local disk"
    )]
    Socket(std::io::Error),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The page's certificates or tokens cannot be used.
    #[error(transparent)]
    Door(#[from] DoorError),
}

/// Runs until `stop` is ready. `bound` is told `http` or `https`, and the address that is really listened on; what
/// comes over `reloads` is followed.
pub async fn run(
    config: Config,
    mut reloads: mpsc::Receiver<Config>,
    bound: impl FnOnce(&str, SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let listen = |source| RunError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let (door, doors) = watch::channel(Arc::new(open(&config)?));
    let mut chains = Chains::new();
    let http = Http::new(&Tls::default())?;
    chains.apply(&config).await?;
    let board: Board = Arc::new(watch::channel(Vec::new()).0);
    let mut writes = Service::new("remote_write");
    let mut mirror = Service::new("postgres");
    // Services go here, each as `let mut x = Service::new("x")` with an `x.apply(…)` below and at a reload: one starts
    // again only when its own section has changed.
    let desk = Arc::new(Desk::open(&config.data_dir)?);
    let orders = socket::listen(&config.data_dir).map_err(RunError::Socket)?;
    let orders = tokio::spawn(socket::serve(orders, desk.clone()));
    let mut alerts = Service::new("alerts");
    let served = chains.served();
    let alerting = |plan: Plan| alert::run(plan, desk.clone(), served.clone(), http.clone());
    alerts.apply(Some(&Plan::new(&config)), alerting).await;
    let push = |all| remote_write::run(all, chains.served(), board.clone());
    writes.apply(wanted_writes(&config).as_ref(), push).await;
    mirror.apply(wanted_mirror(&config).as_ref(), |mirrored| postgres::run(mirrored, board.clone())).await;
    tracing::info!(%address, chains = config.chains.len(), "monitor runs");
    bound(door.borrow().scheme(), address);
    let server = server::serve(listener, chains.served(), desk.clone(), doors, board.subscribe(), stop);
    tokio::pin!(server);
    let mut running = config;
    loop {
        tokio::select! {
            () = &mut server => break,
            Some(config) = reloads.recv() => {
                if config.listen != running.listen || config.data_dir != running.data_dir {
                    tracing::error!("listen and data_dir only change at a restart, the old configuration stays");
                    continue;
                }
                // Certificates are read again even where the configuration is the same: they are renewed in place.
                let renewed = match open(&config) {
                    Ok(renewed) => renewed,
                    Err(error) => {
                        tracing::error!(%error, "the new configuration is refused, the old one stays");
                        continue;
                    }
                };
                match chains.apply(&config).await {
                    Ok(0) if config == running => tracing::info!("configuration read again, nothing changed"),
                    Ok(changed) => tracing::info!(changed, chains = config.chains.len(), "configuration read again"),
                    Err(error) => {
                        tracing::error!(%error, "the new configuration is refused, the old one stays");
                        continue;
                    }
                }
                door.send_replace(Arc::new(renewed));
                let push = |all| remote_write::run(all, chains.served(), board.clone());
                writes.apply(wanted_writes(&config).as_ref(), push).await;
                let follow = |mirrored| postgres::run(mirrored, board.clone());
                mirror.apply(wanted_mirror(&config).as_ref(), follow).await;
                alerts.apply(Some(&Plan::new(&config)), alerting).await;
                running = config;
            }
        }
    }
    writes.stop().await;
    mirror.stop().await;
    orders.abort();
    alerts.stop().await;
    chains.stop().await;
    tracing::info!("monitor stopped");
    Ok(())
}

fn open(config: &Config) -> Result<Door, DoorError> {
    for warning in config.page.warnings(config.listen) {
        tracing::warn!("{warning}");
    }
    Door::open(&config.page)
}

fn wanted_writes(config: &Config) -> Option<Vec<RemoteWrite>> {
    (!config.remote_write.is_empty()).then(|| config.remote_write.clone())
}

fn wanted_mirror(config: &Config) -> Option<Mirrored> {
    let chains = config.chains.iter().map(|c| c.id.clone()).collect();
    let postgres = config.postgres.clone()?;
    Some(Mirrored { postgres, data_dir: config.data_dir.clone(), chains })
}
