//! A stand-in for a stranger's node: it listens, counts who comes, and does what its test says.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use comet::frame::{self, Decoder};
use comet::key::{NodeId, PrivateKey};
use comet::p2p::pex::{self, PexMessage};
use comet::p2p::{Event, MAX_NODE_INFO, NetAddress, NodeInfo, Packets, Versions};
use comet::secret::{Dialect::Proto, Driver};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What was seen of the guests.
#[derive(Default)]
struct Log {
    connections: AtomicUsize,
    now: AtomicUsize,
    at_once: AtomicUsize,
    bytes: AtomicUsize,
    hello: Mutex<Option<NodeInfo>>,
}

/// A listening stand-in.
pub(crate) struct Stranger {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
}

/// One connection.
pub(crate) struct Guest {
    pub(crate) tcp: TcpStream,
    log: Arc<Log>,
}

/// The key of every stand-in.
pub(crate) fn key() -> PrivateKey {
    PrivateKey::from_seed(&[9; 32])
}

/// The address of number `n`.
pub(crate) fn address(n: usize) -> NetAddress {
    let mut id = [0; 20];
    id[..8].copy_from_slice(&n.to_le_bytes());
    NetAddress { id: NodeId(id), ip: [203, 0, 113, 7].into(), port: 26656 }
}

/// A node info with this id.
pub(crate) fn info(id: NodeId) -> NodeInfo {
    NodeInfo {
        versions: Versions { p2p: 8, block: 11, app: 0 },
        id,
        listen_addr: "tcp://203.0.113.9:26656".into(),
        network: "stranger-1".into(),
        version: "0.38.25".into(),
        channels: vec![0, 0x20],
        moniker: "stranger".into(),
        tx_index: "on".into(),
        rpc_address: "tcp://127.0.0.1:26657".into(),
    }
}

impl Stranger {
    /// Listens, and handles every guest in a task of its own.
    pub(crate) async fn start<F, Fut>(handle: F) -> Self
    where
        F: Fn(Guest) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, log) = (listener.local_addr().unwrap(), Arc::new(Log::default()));
        let shared = log.clone();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let now = shared.now.fetch_add(1, Ordering::SeqCst) + 1;
                shared.at_once.fetch_max(now, Ordering::SeqCst);
                let handled = handle(Guest { tcp, log: shared.clone() });
                let log = shared.clone();
                tokio::spawn(async move {
                    handled.await;
                    log.now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, log }
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn at_once(&self) -> usize {
        self.log.at_once.load(Ordering::SeqCst)
    }

    pub(crate) fn bytes_heard(&self) -> usize {
        self.log.bytes.load(Ordering::SeqCst)
    }

    pub(crate) fn hello(&self) -> Option<NodeInfo> {
        self.log.hello.lock().unwrap().clone()
    }
}

impl Guest {
    /// Listens until the other side ends.
    pub(crate) async fn listen(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(got) = self.tcp.read(&mut buffer).await {
            if got == 0 {
                return;
            }
            self.log.bytes.fetch_add(got, Ordering::SeqCst);
        }
    }
}

/// A SecretConnection from the listening side.
pub(crate) struct Link {
    guest: Guest,
    driver: Driver,
    packets: Packets,
}

impl Link {
    /// The handshake; `None` if the guest leaves.
    pub(crate) async fn shake(guest: Guest) -> Option<Self> {
        Self::with_damage(guest, |_| ()).await
    }

    /// The handshake with `damage` done to the sealed proof.
    pub(crate) async fn with_damage(guest: Guest, damage: impl Fn(&mut Vec<u8>)) -> Option<Self> {
        let driver = Driver::start(key(), [5; 32].into());
        let mut link = Self { guest, driver, packets: Packets::new(Proto, &[(pex::CHANNEL, 1000)]) };
        let mut first = true;
        loop {
            let mut out = link.driver.take_outgoing();
            if !first && !out.is_empty() {
                damage(&mut out);
            }
            first = false;
            link.guest.tcp.write_all(&out).await.ok()?;
            if link.driver.peer().is_some() {
                break;
            }
            link.read().await?;
        }
        Some(link)
    }

    /// Handshake, node infos both ways, and the first request.
    pub(crate) async fn introduce(guest: Guest) -> Option<Self> {
        let mut link = Self::shake(guest).await?;
        link.send(&info(key().public().node_id()).to_frame()).await;
        let mut decoder = Decoder::new(MAX_NODE_INFO);
        loop {
            decoder.push(&link.driver.take_incoming());
            if let Some(body) = decoder.next().unwrap() {
                *link.guest.log.hello.lock().unwrap() = Some(NodeInfo::decode(body).unwrap());
                break;
            }
            link.read().await?;
        }
        link.packets.push(&decoder.into_rest());
        link.request().await.then_some(link)
    }

    /// Waits for a request; false when the guest leaves.
    pub(crate) async fn request(&mut self) -> bool {
        loop {
            while let Some(event) = self.packets.next().unwrap() {
                if let Event::Message { data, .. } = event {
                    assert_eq!(pex::decode(Proto, &data), Ok(PexMessage::Request));
                    return true;
                }
            }
            if self.read().await.is_none() {
                return false;
            }
            let incoming = self.driver.take_incoming();
            self.packets.push(&incoming);
        }
    }

    /// Sends data; false when the guest is gone.
    pub(crate) async fn send(&mut self, data: &[u8]) -> bool {
        self.driver.send(data).unwrap();
        let out = self.driver.take_outgoing();
        self.guest.tcp.write_all(&out).await.is_ok()
    }

    /// Sends a message as nodes do, 1024 bytes in each packet.
    pub(crate) async fn send_in_pieces(&mut self, channel: u8, data: &[u8]) {
        let last = data.chunks(1024).count() - 1;
        for (i, piece) in data.chunks(1024).enumerate() {
            // {msg {channel, eof, data}} by hand.
            let mut body = vec![0x08, channel];
            if i == last {
                body.extend_from_slice(&[0x10, 1]);
            }
            body.push(0x1a);
            body.extend_from_slice(&frame::delimited(piece));
            self.send(&frame::delimited(&[&[0x1a][..], &frame::delimited(&body)].concat())).await;
        }
    }

    /// Reads and forgets until the guest leaves.
    pub(crate) async fn rest(&mut self) {
        while self.read().await.is_some() {
            self.driver.take_incoming();
        }
    }

    async fn read(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        let got = self.guest.tcp.read(&mut buffer).await.ok().filter(|got| *got > 0)?;
        self.driver.receive(&buffer[..got]).ok()
    }
}
