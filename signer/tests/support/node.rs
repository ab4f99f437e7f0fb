//! The node's side of a privval link: listens, accepts one signer, asks and reads answers.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test uses its part

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    time::{Duration, Instant},
};

use comet::{
    frame::{self, Decoder},
    key::PrivateKey,
    privval::{Message, PingRequest, RemoteSignerError, Sum, amino},
    secret::{Dialect, Driver},
};
use zeroize::Zeroizing;

/// A test waits this long for anything.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

pub enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// An accepted signer.
pub struct Node {
    socket: Socket,
    dialect: Dialect,
    secret: Option<Driver>,
    frames: Decoder,
}

// === impl Listener ===

impl Listener {
    pub fn tcp() -> Self {
        Self::Tcp(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn unix(path: &Path) -> Self {
        Self::Unix(UnixListener::bind(path).unwrap())
    }

    /// As the configuration writes it.
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => format!("tcp://{}", listener.local_addr().unwrap()),
            Self::Unix(listener) => {
                format!("unix://{}", listener.local_addr().unwrap().as_pathname().unwrap().display())
            }
        }
    }

    /// Hangs up on whoever is waiting.
    pub fn turn_away(&self) {
        let set = |on| match self {
            Self::Tcp(listener) => listener.set_nonblocking(on).unwrap(),
            Self::Unix(listener) => listener.set_nonblocking(on).unwrap(),
        };
        set(true);
        while match self {
            Self::Tcp(listener) => listener.accept().is_ok(),
            Self::Unix(listener) => listener.accept().is_ok(),
        } {}
        set(false);
    }

    /// Accepts a connection and does nothing with it.
    pub fn accept_raw(&self) -> Socket {
        let socket = match self {
            Self::Tcp(listener) => Socket::Tcp(listener.accept().unwrap().0),
            Self::Unix(listener) => Socket::Unix(listener.accept().unwrap().0),
        };
        socket.set_timeout(PATIENCE);
        if let Socket::Tcp(stream) = &socket {
            stream.set_nodelay(true).unwrap();
        }
        socket
    }

    /// Accepts a signer, with the handshake on tcp.
    pub fn accept(&self) -> Node {
        self.accept_in(Dialect::Proto)
    }

    /// The same as a node of Tendermint 0.33, or of a newer line.
    pub fn accept_in(&self, dialect: Dialect) -> Node {
        let mut socket = self.accept_raw();
        let secret = matches!(self, Self::Tcp(_)).then(|| {
            // As real nodes do: a fresh identity at every start.
            let mut driver =
                Driver::start_in(dialect, PrivateKey::from_seed(&[11; 32]), Zeroizing::new(random()));
            let mut buffer = [0; 4096];
            loop {
                socket.write_all(&driver.take_outgoing());
                if driver.is_established() {
                    return driver;
                }
                let got = socket.read(&mut buffer);
                assert!(got > 0, "signer hung up in the handshake");
                driver.receive(&buffer[..got]).unwrap();
            }
        });
        Node { socket, dialect, secret, frames: Decoder::new(frame::MAX_TO_NODE) }
    }
}

fn random() -> [u8; 32] {
    use std::hash::{BuildHasher, Hasher, RandomState};
    std::array::from_fn(|_| RandomState::new().build_hasher().finish().to_le_bytes()[0])
}

// === impl Socket ===

impl Socket {
    pub fn set_timeout(&self, timeout: Duration) {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(Some(timeout)).unwrap(),
            Self::Unix(stream) => stream.set_read_timeout(Some(timeout)).unwrap(),
        }
    }

    pub fn write_all(&mut self, bytes: &[u8]) {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).unwrap(),
            Self::Unix(stream) => stream.write_all(bytes).unwrap(),
        }
    }

    /// False when the signer is gone.
    pub fn try_write_all(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).is_ok(),
            Self::Unix(stream) => stream.write_all(bytes).is_ok(),
        }
    }

    /// 0 when the signer has closed or reset the connection.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let got = match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        };
        match got {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            got => got.expect("the signer answers in time"),
        }
    }

    pub fn close(&self) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

// === impl Node ===

impl Node {
    pub fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Sends bytes as data of the connection, framed or not.
    pub fn send(&mut self, data: &[u8]) {
        match &mut self.secret {
            None => self.socket.write_all(data),
            Some(driver) => {
                driver.send(data).unwrap();
                let sealed = driver.take_outgoing();
                self.socket.write_all(&sealed);
            }
        }
    }

    /// The next answer; `None` when the signer closed the connection.
    pub fn receive(&mut self) -> Option<Sum> {
        let mut buffer = vec![0; 8192];
        loop {
            if let Some(body) = self.frames.next().expect("answers are below 10 KiB") {
                return Some(match self.dialect {
                    Dialect::Proto => Message::from_body(body).unwrap().sum.expect("a known message"),
                    Dialect::Amino => amino::from_body(body).unwrap(),
                });
            }
            let got = self.socket.read(&mut buffer);
            if got == 0 {
                return None;
            }
            match &mut self.secret {
                None => self.frames.push(&buffer[..got]),
                Some(driver) => {
                    driver.receive(&buffer[..got]).unwrap();
                    self.frames.push(&driver.take_incoming());
                }
            }
        }
    }

    pub fn ask(&mut self, sum: Sum) -> Sum {
        self.send(&match self.dialect {
            Dialect::Proto => frame::encode(&Message::of(sum)),
            Dialect::Amino => frame::delimited(&amino::to_body(&sum).unwrap()),
        });
        self.receive().expect("an answer, not a closed connection")
    }

    /// Asks for something that must be refused.
    pub fn refused(&mut self, sum: Sum) -> RemoteSignerError {
        let error = match self.ask(sum) {
            Sum::PubKeyResponse(answer) => answer.error,
            Sum::SignedVoteResponse(answer) => answer.error,
            Sum::SignedProposalResponse(answer) => answer.error,
            Sum::SignBytesResponse(answer) => answer.error,
            other => panic!("{other:?}"),
        };
        error.expect("refused")
    }

    pub fn ping(&mut self) {
        assert!(matches!(self.ask(Sum::PingRequest(PingRequest {})), Sum::PingResponse(_)));
    }

    pub fn close(self) {
        self.socket.close();
    }
}

/// Waits for something to become true.
pub fn eventually(what: &str, mut test: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !test() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
