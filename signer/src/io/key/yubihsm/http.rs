//! The client's side of a connector: `POST /connector/api`, one connection kept, every step before the deadline.
//!
//! Blocking and by hand, because it is one request of one form, and because no part of it may take longer than allowed: not the
//! connecting, not a server that sends one byte a second. Only a name server can take its time; the device's thread bears that.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use crate::{
    config::Connector,
    io::key::yubihsm::transport::{Transport, TransportError},
    yubihsm::frame::MAX_REPLY,
};

const MAX_HEAD: usize = 4096;

/// A connector, connected when it is needed.
pub(super) struct HttpTransport {
    connector: Connector,
    stream: Option<Stream>,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What goes wrong in an exchange, before it has an address.
enum Fault {
    Io(io::Error),
    Status(u16),
    Garbage(&'static str),
}

// === impl HttpTransport ===

impl HttpTransport {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, stream: None }
    }

    fn attempt(&mut self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, Fault> {
        let mut stream = match self.stream.take() {
            Some(stream) if stream.is_quiet() => stream,
            _ => Stream::connect(&self.connector, deadline)?,
        };
        let host = match &self.connector {
            Connector::Http { host, port } => format!("{host}:{port}"),
            _ => "localhost".into(),
        };
        let mut request = format!(
            "POST /connector/api HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {}\r\n\r\n",
            frame.len()
        )
        .into_bytes();
        request.extend_from_slice(frame);
        stream.write_all(&request, deadline)?;
        let (status, body, keep) = read_response(&mut stream, deadline)?;
        if keep {
            self.stream = Some(stream);
        }
        if status == 200 { Ok(body) } else { Err(Fault::Status(status)) }
    }
}

impl Transport for HttpTransport {
    fn exchange(&mut self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, TransportError> {
        let address = self.connector.to_string();
        self.attempt(frame, deadline).map_err(|fault| match fault {
            Fault::Io(source) if is_timeout(&source) => TransportError::Timeout { address },
            Fault::Io(source) => TransportError::Io { address, source },
            Fault::Status(status) => TransportError::Status { address, status },
            Fault::Garbage(what) => TransportError::Garbage { address, what },
        })
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Status, body, and whether the connection goes on.
fn read_response(stream: &mut Stream, deadline: Instant) -> Result<(u16, Vec<u8>, bool), Fault> {
    let mut bytes = Vec::new();
    let (status, start, length, keep) = loop {
        stream.read_some(&mut bytes, deadline)?;
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&bytes) {
            Ok(httparse::Status::Complete(start)) => {
                let header = |name: &str| {
                    let found =
                        response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
                    std::str::from_utf8(found.value).ok()
                };
                let length = header("content-length").and_then(|length| length.trim().parse::<usize>().ok());
                let chunked = header("transfer-encoding").is_some();
                let length =
                    length.filter(|_| !chunked).ok_or(Fault::Garbage("it does not say how long it is"))?;
                let closes = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                let keep = !closes && response.version == Some(1);
                break (response.code.unwrap_or_default(), start, length, keep);
            }
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => {}
            Ok(httparse::Status::Partial) => return Err(Fault::Garbage("its head is too long")),
            Err(_) => return Err(Fault::Garbage("it is no HTTP")),
        }
    };
    if length > MAX_REPLY {
        return Err(Fault::Garbage("it is longer than any reply of a device"));
    }
    while bytes.len() < start + length {
        stream.read_some(&mut bytes, deadline)?;
    }
    if bytes.len() > start + length {
        return Err(Fault::Garbage("it is longer than it says"));
    }
    Ok((status, bytes.split_off(start), keep))
}

// === impl Stream ===

impl Stream {
    fn connect(connector: &Connector, deadline: Instant) -> Result<Self, Fault> {
        let (host, port) = match connector {
            Connector::Http { host, port } => (host.as_str(), *port),
            Connector::Unix { path } => return Ok(Self::Unix(UnixStream::connect(path)?)),
            Connector::Usb { .. } => return Err(Fault::Garbage("USB is not HTTP")),
        };
        let mut refused = io::Error::from(io::ErrorKind::NotFound);
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, left(deadline)?) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self::Tcp(stream));
                }
                Err(error) => refused = error,
            }
        }
        Err(refused.into())
    }

    /// Nothing to read and no end: a kept connection that is as it was left.
    fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let (set, peeked) = match self {
            Self::Tcp(stream) => (stream.set_nonblocking(true), stream.peek(&mut byte)),
            // There is no stable `peek` for these; a socket on this machine that is closed fails at once when written to.
            Self::Unix(_) => return true,
        };
        let unset = match self {
            Self::Tcp(stream) => stream.set_nonblocking(false),
            Self::Unix(_) => Ok(()),
        };
        set.is_ok() && unset.is_ok() && peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    fn write_all(&mut self, mut bytes: &[u8], deadline: Instant) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let left = Some(left(deadline)?);
            let written = match self {
                Self::Tcp(stream) => stream.set_write_timeout(left).and_then(|()| stream.write(bytes)),
                Self::Unix(stream) => stream.set_write_timeout(left).and_then(|()| stream.write(bytes)),
            }?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    fn read_some(&mut self, into: &mut Vec<u8>, deadline: Instant) -> Result<(), Fault> {
        let mut buffer = [0; 4096];
        let left = Some(left(deadline)?);
        let read = match self {
            Self::Tcp(stream) => stream.set_read_timeout(left).and_then(|()| stream.read(&mut buffer)),
            Self::Unix(stream) => stream.set_read_timeout(left).and_then(|()| stream.read(&mut buffer)),
        }?;
        match read {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            read => {
                into.extend_from_slice(&buffer[..read]);
                Ok(())
            }
        }
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
