//! One privval connection, from either end: whole messages over tcp (SecretConnection) or over a unix socket (plain).

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use comet::frame::{self, Decoder};
use comet::key::PrivateKey;
use comet::privval::Message;
use comet::secret::Driver;
use rand_core::{OsRng, RngCore};

/// The largest message either side may send.
const MAX_MESSAGE: usize = 2 << 20;

enum Socket {
    Tcp(TcpStream, Box<Driver>),
    Unix(UnixStream),
}

/// One end of a connection between a node and its signer.
pub struct Wire {
    socket: Socket,
    frames: Decoder,
}

impl Wire {
    /// Over tcp, after a SecretConnection handshake under a fresh identity.
    pub fn tcp(stream: TcpStream, limit: Duration) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limit))?;
        let mut ephemeral = [0; 32];
        OsRng.fill_bytes(&mut ephemeral);
        let driver = Driver::start(PrivateKey::generate(&mut OsRng), ephemeral.into());
        let mut wire =
            Self { socket: Socket::Tcp(stream, Box::new(driver)), frames: Decoder::new(MAX_MESSAGE) };
        while !wire.is_established() {
            wire.flush()?;
            wire.fill().context("handshake")?;
        }
        wire.flush()?;
        Ok(wire)
    }

    /// Over a unix socket, with no encryption at all, as CometBFT does it.
    pub fn unix(stream: UnixStream, limit: Duration) -> Result<Self> {
        stream.set_read_timeout(Some(limit))?;
        Ok(Self { socket: Socket::Unix(stream), frames: Decoder::new(MAX_MESSAGE) })
    }

    /// The next message; fails when the peer is gone, or silent for longer than the limit.
    pub fn receive(&mut self) -> Result<Message> {
        loop {
            if let Some(body) = self.frames.next()? {
                return Ok(<Message as prost::Message>::decode(body)?);
            }
            self.fill()?;
        }
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Message) -> Result<()> {
        let bytes = frame::encode(message);
        match &mut self.socket {
            Socket::Tcp(_, driver) => driver.send(&bytes)?,
            Socket::Unix(stream) => stream.write_all(&bytes)?,
        }
        self.flush()
    }

    fn is_established(&self) -> bool {
        match &self.socket {
            Socket::Tcp(_, driver) => driver.is_established(),
            Socket::Unix(_) => true,
        }
    }

    fn flush(&mut self) -> Result<()> {
        if let Socket::Tcp(stream, driver) = &mut self.socket {
            stream.write_all(&driver.take_outgoing())?;
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        let read = match &mut self.socket {
            Socket::Tcp(stream, _) => stream.read(&mut buffer),
            Socket::Unix(stream) => stream.read(&mut buffer),
        };
        let count = match read {
            Ok(0) => bail!("the peer closed the connection"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        match &mut self.socket {
            Socket::Tcp(_, driver) => {
                driver.receive(&buffer[..count])?;
                self.frames.push(&driver.take_incoming());
            }
            Socket::Unix(_) => self.frames.push(&buffer[..count]),
        }
        Ok(())
    }
}
