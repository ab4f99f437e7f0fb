//! Bytes to and from a node: through a SecretConnection on `tcp://`, plain on `unix://`.

use std::{
    io::{self, Read as _, Write as _},
    time::{Duration, Instant},
};

use comet::{
    key::PrivateKey,
    secret::{Dialect, Driver, HandshakeError},
};
use rand_core::{OsRng, RngCore};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::io::dial::Stream;

/// How long the whole handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(5);
/// Silence after which a node counts as gone; it pings every 3.3 s.
pub const SILENCE: Duration = Duration::from_secs(12);
/// Bytes read at once; a request with its frame around it has about 1,044.
const BUFFER: usize = 16 * 1024;

/// An open connection.
pub struct Wire {
    stream: Stream,
    secret: Option<Driver>,
    buffer: Box<[u8]>,
}

/// Why a connection ended.
#[derive(Debug, Error)]
pub enum WireError {
    /// The node closed it.
    #[error("closed by the node")]
    Closed,
    /// Nothing came for too long.
    #[error("the node is silent")]
    Silent,
    /// The socket failed.
    #[error(transparent)]
    Io(io::Error),
    /// The node is of another line than the configuration says.
    #[error("the node speaks {}; try: {}", .0.spoken_by(), match .0 {
        Dialect::Amino => "protocol = \"0.33\" beside its addr in nodes",
        Dialect::Proto => "its address in nodes without protocol = \"0.33\"",
    })]
    OtherDialect(Dialect),
    /// Handshake or encryption failed.
    #[error(transparent)]
    Secret(HandshakeError),
}

// === impl Wire ===

impl Wire {
    /// A connection without encryption.
    pub fn plain(stream: Stream) -> Result<Self, WireError> {
        stream.set_read_timeout(SILENCE)?;
        Ok(Self { stream, secret: None, buffer: vec![0; BUFFER].into() })
    }

    /// Runs the handshake as `identity`, all of it within [`HANDSHAKE`].
    pub fn secret(stream: Stream, dialect: Dialect, identity: PrivateKey) -> Result<Self, WireError> {
        let deadline = Instant::now() + HANDSHAKE;
        let mut ephemeral = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *ephemeral);
        let mut driver = Driver::start_in(dialect, identity, ephemeral);
        let mut wire = Self { stream, secret: None, buffer: vec![0; BUFFER].into() };
        loop {
            wire.stream.write_all(&driver.take_outgoing())?;
            if driver.is_established() {
                break;
            }
            let left = deadline.checked_duration_since(Instant::now()).ok_or(WireError::Silent)?;
            wire.stream.set_read_timeout(left)?;
            let got = wire.read()?;
            driver.receive(&wire.buffer[..got])?;
        }
        wire.stream.set_read_timeout(SILENCE)?;
        wire.secret = Some(driver);
        Ok(wire)
    }

    /// Waits for data and hands it to `take`, at most [`SILENCE`] long.
    pub fn receive(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), WireError> {
        loop {
            if let Some(driver) = &mut self.secret {
                // Also what came along with the handshake.
                let data = driver.take_incoming();
                if !data.is_empty() {
                    take(&data);
                    return Ok(());
                }
            }
            let got = self.read()?;
            match &mut self.secret {
                Some(driver) => driver.receive(&self.buffer[..got])?,
                None => {
                    take(&self.buffer[..got]);
                    return Ok(());
                }
            }
        }
    }

    /// Sends data in one write.
    pub fn send(&mut self, data: &[u8]) -> Result<(), WireError> {
        match &mut self.secret {
            None => self.stream.write_all(data)?,
            Some(driver) => {
                driver.send(data)?;
                self.stream.write_all(&driver.take_outgoing())?;
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<usize, WireError> {
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(WireError::Closed),
                Ok(got) => return Ok(got),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

// === impl WireError ===

impl From<HandshakeError> for WireError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Dialect { peer, .. } => Self::OtherDialect(peer),
            error => Self::Secret(error),
        }
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Silent,
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}
