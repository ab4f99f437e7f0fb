//! Mirrors the histories into a PostgreSQL that several monitors and analysts share.
//!
//! It follows the local files by a cursor that lies in the database, in bounded batches, each one transaction: rows and
//! cursor, so that nothing is lost and nothing is told twice. What another monitor has written before is not overwritten;
//! where it says something else, that is noted in `palisade.difference`, logged and counted. The local file stays the
//! truth of this monitor: without the database nothing is missed here.

pub mod batch;
mod schema;
mod tls;
mod upsert;

use super::board::{Board, Entry};
use super::http::{Tls, TlsError, client_config};
use super::secret::{self, SecretError};
use crate::config::{Postgres, TlsMode};
use batch::{Batch, Cursor};
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

const CONNECT: Duration = Duration::from_secs(10);
/// Between two looks when there was nothing new.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why nothing can be mirrored now.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The database's words.
    #[error("{}", words(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// Its password.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Its authorities.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The local file.
    #[error(transparent)]
    History(#[from] super::history::HistoryError),
    /// The tables are of another version.
    #[error(
        "the schema palisade is of version {found}, not {expected}\ntry: the palisade-monitor that made it, or another database"
    )]
    Version {
        /// Theirs.
        found: i32,
        /// Ours.
        expected: i32,
    },
    /// A batch could not be read.
    #[error("reading the history was given up")]
    Reader,
}

/// With the cause, without which "db error" says nothing.
fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{}: {}", db.severity(), db.message()),
        None => {
            std::error::Error::source(error).map_or(error.to_string(), |cause| format!("{error}: {cause}"))
        }
    }
}

/// What is mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// Where to.
    pub postgres: Postgres,
    /// Where the histories lie.
    pub data_dir: PathBuf,
    /// Of which chains.
    pub chains: Vec<String>,
}

/// A connection, and the task that carries it.
#[derive(Debug)]
pub struct Connected {
    /// To ask.
    pub client: Client,
    task: JoinHandle<()>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects, and makes the tables where there are none.
pub async fn connect(postgres: &Postgres) -> Result<Connected, MirrorError> {
    let mut config = tokio_postgres::Config::new();
    config.host(&postgres.host).port(postgres.port).dbname(&postgres.database).user(&postgres.user);
    config.connect_timeout(CONNECT).application_name("palisade-monitor");
    // A database that hangs must not hold a batch for ever.
    config.options("-c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000");
    config.tcp_user_timeout(Duration::from_secs(60));
    if let Some(source) = &postgres.password {
        config.password(secret::read(source)?.expose());
    }
    let carried = |result: Result<(), tokio_postgres::Error>| {
        if let Err(error) = result {
            tracing::debug!(error = words(&error), "connection to PostgreSQL ended");
        }
    };
    let (client, task) = match postgres.tls {
        TlsMode::Off => {
            config.ssl_mode(tokio_postgres::config::SslMode::Disable);
            let (client, connection) = config.connect(NoTls).await?;
            (client, tokio::spawn(async move { carried(connection.await) }))
        }
        TlsMode::Verify => {
            config.ssl_mode(tokio_postgres::config::SslMode::Require);
            let rustls = client_config(&Tls { ca: postgres.ca.clone(), identity: None })?;
            let (client, connection) = config.connect(tls::Connector::new(rustls)).await?;
            (client, tokio::spawn(async move { carried(connection.await) }))
        }
    };
    let mut connected = Connected { client, task };
    schema::make(&mut connected.client).await?;
    Ok(connected)
}

/// Runs until it is dropped.
pub async fn run(mirrored: Mirrored, board: Board) {
    let target = format!("{}:{}", mirrored.postgres.host, mirrored.postgres.port);
    let board = Entry::new(board, "postgres", &target);
    let mut pause = PAUSE;
    loop {
        match follow(&mirrored, &board, &mut pause).await {
            Ok(never) => match never {},
            Err(error) => {
                board.note(|p| p.failed += 1);
                tracing::warn!(%target, %error, "history is not mirrored, trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn follow(
    mirrored: &Mirrored,
    board: &Entry,
    pause: &mut Duration,
) -> Result<std::convert::Infallible, MirrorError> {
    let mut connected = connect(&mirrored.postgres).await?;
    tracing::info!(host = %mirrored.postgres.host, "mirroring to PostgreSQL");
    loop {
        let (mut more, mut behind) = (false, 0);
        for chain in &mirrored.chains {
            let done = step(&mut connected.client, mirrored, chain).await?;
            *pause = PAUSE;
            more |= done.more;
            behind += done.behind;
            if let Some(first) = done.differ.first() {
                let heights = done.differ.len();
                tracing::error!(%chain, heights, first, "another monitor has written something else for these heights");
            }
            let (sent, differ) = (done.rows, done.differ.len() as u64);
            board.note(|p| (p.sent, p.differ) = (p.sent + sent, p.differ + differ));
        }
        board.note(|p| p.waiting = behind);
        if !more {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What one batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Heights that are in the database now.
    pub rows: u64,
    /// Heights at which it has something else.
    pub differ: Vec<i64>,
    /// There is more to send at once.
    pub more: bool,
    /// Heights that are still to be sent.
    pub behind: u64,
}

/// Sends the next batch of one chain.
pub async fn step(client: &mut Client, mirrored: &Mirrored, chain: &str) -> Result<Done, MirrorError> {
    let writer = mirrored.postgres.writer.as_str();
    let cursor = upsert::cursor(client, chain, writer).await?;
    let (directory, id) = (mirrored.data_dir.clone(), chain.to_owned());
    let read = tokio::task::spawn_blocking(move || batch::read(&directory, &id, cursor));
    let batch: Batch = match read.await {
        Ok(Ok(batch)) => batch,
        Ok(Err(super::history::HistoryError::Missing { .. })) => return Ok(Done::default()),
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => return Err(MirrorError::Reader),
    };
    let Cursor { height, .. } = batch.next;
    let behind = u64::try_from(batch.newest.unwrap_or(height) - height).unwrap_or(0);
    let differ = upsert::write(client, chain, writer, &batch).await?;
    Ok(Done { rows: batch.rows.len() as u64, differ, more: batch.more, behind })
}
