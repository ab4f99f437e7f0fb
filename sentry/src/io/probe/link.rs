//! A SecretConnection to a stranger: bounded in time from its first byte to its last, and in bytes.

use std::net::SocketAddr;

use comet::key::PublicKey;
use comet::secret::{Dialect, Driver, HandshakeError};
use rand_core::{OsRng, RngCore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::Options;
use super::way::Stream;
use crate::live::State;

/// Bytes that one connection may bring: two answers of 64,000 bytes in sealed frames, a node info, and as much again.
const BYTES: usize = 512 * 1024;

/// An open link.
pub(super) struct Link {
    stream: Stream,
    driver: Driver,
    until: Instant,
    left: usize,
}

/// Why there is none, or no more of it.
#[derive(Debug)]
pub(super) enum Lost {
    /// No connection.
    Never(State),
    /// Time is up.
    Late,
    /// The peer has ended it.
    Ended,
    /// More bytes than anybody honest has to say.
    Flood,
    /// The peer breaks the protocol.
    Broken(HandshakeError),
}

/// How far a handshake came that failed.
pub(super) enum Failed {
    /// Before the peer had sent a byte.
    Unheard(Lost),
    /// After.
    Heard(Lost),
}

impl Link {
    /// Connects and shakes hands, in the dialect of whoever is there.
    pub(super) async fn open(
        to: SocketAddr,
        options: &Options,
    ) -> Result<(Self, PublicKey, Dialect), Failed> {
        let connected = options.way.connect(to, options.connect).await;
        let stream = connected.map_err(|state| Failed::Unheard(Lost::Never(state)))?;
        let mut ephemeral = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *ephemeral);
        let mut link = Self {
            stream,
            driver: Driver::follow(options.key(), ephemeral),
            until: Instant::now() + options.talk,
            left: BYTES,
        };
        loop {
            if let Some(peer) = link.driver.peer().copied() {
                let dialect = link.driver.dialect().unwrap_or(Dialect::Proto);
                link.flush().await.map_err(Failed::Heard)?;
                return Ok((link, peer, dialect));
            }
            let step = match link.flush().await {
                Ok(()) => link.step().await,
                lost => lost,
            };
            step.map_err(
                |lost| if link.left == BYTES { Failed::Unheard(lost) } else { Failed::Heard(lost) },
            )?;
        }
    }

    /// Sends data.
    pub(super) async fn send(&mut self, data: &[u8]) -> Result<(), Lost> {
        self.driver.send(data).map_err(Lost::Broken)?;
        self.flush().await
    }

    /// Data that arrived; waits for some.
    pub(super) async fn receive(&mut self) -> Result<Vec<u8>, Lost> {
        loop {
            let data = self.driver.take_incoming();
            if !data.is_empty() {
                return Ok(data);
            }
            self.step().await?;
        }
    }

    /// Ends it politely, so that the node sees a FIN and not a reset.
    pub(super) async fn close(mut self) {
        let _ = timeout_at(self.until, self.stream.shutdown()).await;
    }

    async fn step(&mut self) -> Result<(), Lost> {
        let mut buffer = [0; 8 * 1024];
        let got = match timeout_at(self.until, self.stream.read(&mut buffer)).await {
            Err(_) => return Err(Lost::Late),
            Ok(Err(_) | Ok(0)) => return Err(Lost::Ended),
            Ok(Ok(got)) => got,
        };
        self.left = self.left.checked_sub(got).ok_or(Lost::Flood)?;
        self.driver.receive(&buffer[..got]).map_err(Lost::Broken)
    }

    async fn flush(&mut self) -> Result<(), Lost> {
        let bytes = self.driver.take_outgoing();
        if bytes.is_empty() {
            return Ok(());
        }
        match timeout_at(self.until, self.stream.write_all(&bytes)).await {
            Err(_) => Err(Lost::Late),
            Ok(Err(_)) => Err(Lost::Ended),
            Ok(Ok(())) => Ok(()),
        }
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Never(state) => write!(f, "no connection ({})", state.word()),
            Self::Late => f.write_str("it took too long"),
            Self::Ended => f.write_str("it ended the connection"),
            Self::Flood => write!(f, "it sent more than {BYTES} bytes"),
            Self::Broken(error) => error.fmt(f),
        }
    }
}
