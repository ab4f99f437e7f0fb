//! Connecting to a node's privval listener.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::config::NodeAddr;

/// How long one attempt may take.
pub const CONNECT: Duration = Duration::from_secs(2);
/// How long sent bytes may stay unacknowledged.
const USER_TIMEOUT_MS: u32 = 10_000;
/// How long a write may block on a node that does not read.
const WRITE: Duration = Duration::from_secs(5);

/// A connected socket.
pub enum Stream {
    /// To `tcp://`.
    Tcp(TcpStream),
    /// To `unix://`.
    Unix(UnixStream),
}

/// Connects to a node.
pub fn dial(node: &NodeAddr) -> io::Result<Stream> {
    match node {
        NodeAddr::Tcp(address) | NodeAddr::Noise { address, .. } => tcp(address).map(Stream::Tcp),
        NodeAddr::Unix(path) => unix(path).map(Stream::Unix),
    }
}

fn tcp(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            // Dialling a local port that nobody listens on can end at oneself.
            Ok(stream) if stream.local_addr()? == stream.peer_addr()? => {
                last = io::ErrorKind::ConnectionRefused.into();
            }
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(WRITE))?;
                sockopt::set_socket_keepalive(&stream, true)?;
                sockopt::set_tcp_keepidle(&stream, Duration::from_secs(5))?;
                sockopt::set_tcp_keepintvl(&stream, Duration::from_secs(2))?;
                sockopt::set_tcp_user_timeout(&stream, USER_TIMEOUT_MS)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects to a socket file.
pub(crate) fn unix(path: &Path) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // A listener whose backlog is full would block connect for ever; on Linux the send timeout bounds it.
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(CONNECT))?;
    rustix::net::connect(&socket, &address)?;
    let stream = UnixStream::from(socket);
    stream.set_write_timeout(Some(WRITE))?;
    Ok(stream)
}

// === impl Stream ===

impl Stream {
    /// Bounds every read from now on.
    pub fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        // Zero would mean none.
        let timeout = Some(timeout.max(Duration::from_millis(1)));
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(timeout),
            Self::Unix(stream) => stream.set_read_timeout(timeout),
        }
    }

    /// Another handle on the same socket.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    /// Ends waiting reads as if the peer had closed; what is being written still goes out.
    pub fn stop_reading(&self) {
        // Fails only when the socket is closed already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Read),
            Self::Unix(stream) => stream.shutdown(Shutdown::Read),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Unix(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
