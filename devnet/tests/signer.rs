//! Remote signers of different character against the nodes of one seat.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use comet::canonical;
use comet::frame::{self, Decoder, MAX_FROM_NODE};
use comet::key::PrivateKey;
use comet::privval::{
    Message, PingResponse, PubKeyResponse, RemoteSignerError, SignedProposalResponse, SignedVoteResponse,
    Sum, Timestamp,
};
use comet::secret::Driver;
use palisade_devnet::io::{Handle, Options, Remote, start};
use palisade_devnet::seats::Origin;

/// How a signer answers.
#[derive(Clone, Copy, PartialEq)]
enum Character {
    /// One signature for each height, round and step; the old time for a repeated vote.
    Honest,
    /// Signs whatever is asked.
    Careless,
    /// Refuses every precommit.
    Refusing,
    /// Never answers a vote.
    Silent,
}

type Given = BTreeMap<(i64, i32, i32), (Timestamp, [u8; 64])>;

/// One key behind any number of links, as one signer process would have.
struct Signer {
    key: PrivateKey,
    character: Character,
    given: Mutex<Given>,
    pings: AtomicU64,
    stop: AtomicBool,
}

enum Socket {
    Tcp(TcpStream, Box<Driver>),
    Unix(UnixStream),
}

impl Socket {
    fn dial(address: &str) -> std::io::Result<Self> {
        let short = Some(Duration::from_millis(50));
        if let Some(path) = address.strip_prefix("unix://") {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(short)?;
            return Ok(Self::Unix(stream));
        }
        let stream = TcpStream::connect(address.trim_start_matches("tcp://"))?;
        stream.set_read_timeout(short)?;
        let driver = Driver::start(PrivateKey::from_seed(&[3; 32]), [9; 32].into());
        Ok(Self::Tcp(stream, Box::new(driver)))
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream, driver) => {
                if !bytes.is_empty() {
                    driver.send(bytes).map_err(std::io::Error::other)?;
                }
                stream.write_all(&driver.take_outgoing())
            }
        }
    }

    fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut buffer = [0; 4096];
        let stream: &mut dyn Read = match self {
            Self::Unix(stream) => stream,
            Self::Tcp(stream, _) => stream,
        };
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        match self {
            Self::Unix(_) => Ok(buffer[..count].to_vec()),
            Self::Tcp(_, driver) => {
                driver.receive(&buffer[..count]).map_err(std::io::Error::other)?;
                Ok(driver.take_incoming())
            }
        }
    }
}

impl Signer {
    fn new(character: Character) -> Arc<Self> {
        Arc::new(Self {
            key: PrivateKey::from_seed(&[42; 32]),
            character,
            given: Mutex::default(),
            pings: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        })
    }

    fn link(self: &Arc<Self>, address: &str) -> JoinHandle<()> {
        let (signer, address) = (Arc::clone(self), address.to_owned());
        thread::spawn(move || {
            while !signer.stop.load(Ordering::Relaxed) {
                if let Ok(socket) = Socket::dial(&address) {
                    // The node ends connections as it likes.
                    let _ = signer.serve(socket);
                }
                thread::sleep(Duration::from_millis(50));
            }
        })
    }

    fn serve(&self, mut socket: Socket) -> std::io::Result<()> {
        let mut decoder = Decoder::new(MAX_FROM_NODE);
        while !self.stop.load(Ordering::Relaxed) {
            socket.write(&[])?;
            decoder.push(&socket.read()?);
            while let Some(body) = decoder.next().map_err(std::io::Error::other)? {
                let request = Message::from_body(body).map_err(std::io::Error::other)?;
                if let Some(answer) = request.sum.and_then(|sum| self.answer(sum)) {
                    socket.write(&frame::encode(&Message::of(answer)))?;
                }
            }
        }
        Ok(())
    }

    fn answer(&self, request: Sum) -> Option<Sum> {
        match request {
            Sum::PubKeyRequest(_) => Some(Sum::PubKeyResponse(PubKeyResponse::of(&self.key.public().into()))),
            Sum::PingRequest(_) => {
                self.pings.fetch_add(1, Ordering::Relaxed);
                Some(Sum::PingResponse(PingResponse {}))
            }
            Sum::SignVoteRequest(request) => {
                let mut vote = request.vote?;
                if self.character == Character::Silent {
                    return None;
                }
                if self.character == Character::Refusing && vote.r#type == 2 {
                    let error = RemoteSignerError { code: 2, description: "no".into() };
                    return Some(Sum::SignedVoteResponse(SignedVoteResponse {
                        vote: None,
                        error: Some(error),
                    }));
                }
                let slot = (vote.height, vote.round, vote.r#type);
                let fresh = (vote.timestamp?, self.key.sign(&canonical::vote(&request.chain_id, &vote)));
                let (time, signature) = self.decide(slot, fresh);
                vote.timestamp = Some(time);
                vote.signature = signature.to_vec();
                Some(Sum::SignedVoteResponse(SignedVoteResponse { vote: Some(vote), error: None }))
            }
            Sum::SignProposalRequest(request) => {
                let mut proposal = request.proposal?;
                let slot = (proposal.height, proposal.round, proposal.r#type);
                let fresh =
                    (proposal.timestamp?, self.key.sign(&canonical::proposal(&request.chain_id, &proposal)));
                let (time, signature) = self.decide(slot, fresh);
                proposal.timestamp = Some(time);
                proposal.signature = signature.to_vec();
                Some(Sum::SignedProposalResponse(SignedProposalResponse {
                    proposal: Some(proposal),
                    error: None,
                }))
            }
            _ => None,
        }
    }

    fn decide(&self, slot: (i64, i32, i32), fresh: (Timestamp, [u8; 64])) -> (Timestamp, [u8; 64]) {
        if self.character == Character::Careless {
            return fresh;
        }
        *self.given.lock().expect("no test panics with it").entry(slot).or_insert(fresh)
    }
}

async fn devnet(addresses: &[String], block_time: Duration) -> Handle {
    let remote = Remote { seat: 0, addresses: addresses.to_vec(), key: None };
    let origin = Origin::akashnet_1().with_seats(8);
    start(Options { origin, block_time, remote: Some(remote), ..Options::default() })
        .await
        .expect("free ports")
}

async fn finish(handle: Handle, signer: &Signer, links: Vec<JoinHandle<()>>) {
    handle.stop().await;
    signer.stop.store(true, Ordering::Relaxed);
    for link in links {
        link.join().expect("the signer's thread ends well");
    }
}

#[tokio::test]
async fn two_nodes_one_honest_signer() {
    let dir = tempfile::tempdir().unwrap();
    let addresses = ["tcp://127.0.0.1:0".to_owned(), format!("unix://{}/n.sock", dir.path().display())];
    let handle = devnet(&addresses, Duration::ZERO).await;
    let signer = Signer::new(Character::Honest);
    let links: Vec<_> = handle.privval_addrs().iter().map(|a| signer.link(a)).collect();
    // The second node's signer may come a few blocks later.
    while handle.signer_stats().0.iter().filter(|n| n.signed > 80).count() < 2 {
        let next = handle.height() + 20;
        assert!(next < 5_000, "{:?}", handle.signer_stats());
        handle.wait_height(next).await.unwrap();
    }
    let truth = handle.truth().unwrap();
    let (nodes, slots) = handle.signer_stats();
    let own = &truth.validators[0];
    assert_eq!(own.address, signer.key.public().address().to_string());
    assert_eq!((own.missed, own.nil), (0, 0));
    assert!(own.proposed >= 5, "{} of {}", own.proposed, truth.height);
    assert_eq!(handle.double_signs(), []);
    assert!(nodes.iter().all(|n| n.invalid == 0 && n.connections == 1), "{nodes:?}");
    assert!(slots >= 80, "{slots}: a prevote and a precommit for each block");
    finish(handle, &signer, links).await;
}

#[tokio::test]
async fn a_careless_signer_is_found_out() {
    let addresses = ["tcp://127.0.0.1:0".to_owned(), "tcp://127.0.0.1:0".to_owned()];
    let handle = devnet(&addresses, Duration::ZERO).await;
    let signer = Signer::new(Character::Careless);
    let links: Vec<_> = handle.privval_addrs().iter().map(|a| signer.link(a)).collect();
    handle.wait_height(20).await.unwrap();
    // The nodes' clocks differ, so one signer that does not remember gives two signatures for one vote.
    let doubles = handle.double_signs();
    assert!(!doubles.is_empty());
    assert_eq!(doubles[0].signatures.len(), 2);
    assert_ne!(doubles[0].signatures[0].node, doubles[0].signatures[1].node);
    finish(handle, &signer, links).await;
}

#[tokio::test]
async fn a_refusal_is_a_miss_and_the_chain_goes_on() {
    let handle = devnet(&["tcp://127.0.0.1:0".to_owned()], Duration::ZERO).await;
    let signer = Signer::new(Character::Refusing);
    let links: Vec<_> = handle.privval_addrs().iter().map(|a| signer.link(a)).collect();
    handle.wait_height(20).await.unwrap();
    let truth = handle.truth().unwrap();
    assert_eq!(truth.validators[0].signed, 0);
    assert_eq!(truth.validators[0].missed, u64::try_from(truth.signed_height).unwrap());
    let (nodes, _) = handle.signer_stats();
    assert_eq!(nodes[0].connections, 1, "a refusal does not end the connection");
    assert!(nodes[0].refused >= 19);
    finish(handle, &signer, links).await;
}

#[tokio::test]
async fn a_silent_signer_delays_but_does_not_stop_the_chain() {
    let handle = devnet(&["tcp://127.0.0.1:0".to_owned()], Duration::ZERO).await;
    let signer = Signer::new(Character::Silent);
    let links: Vec<_> = handle.privval_addrs().iter().map(|a| signer.link(a)).collect();
    let begun = std::time::Instant::now();
    handle.wait_height(4).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "a round waits half a second at most");
    let truth = handle.truth().unwrap();
    assert_eq!(truth.validators[0].signed, 0);
    finish(handle, &signer, links).await;
}

#[tokio::test]
async fn a_signer_that_comes_back_signs_again() {
    let handle = devnet(&["tcp://127.0.0.1:0".to_owned()], Duration::from_millis(100)).await;
    let first = Signer::new(Character::Honest);
    let link = first.link(&handle.privval_addrs()[0]);
    handle.wait_height(5).await.unwrap();
    first.stop.store(true, Ordering::Relaxed);
    link.join().unwrap();
    let gone = handle.height();
    handle.wait_height(gone + 5).await.unwrap();
    let missed = handle.truth().unwrap().validators[0].missed;
    assert!(missed >= 2, "{missed}");
    let second = Signer::new(Character::Honest);
    let links = vec![second.link(&handle.privval_addrs()[0])];
    // The node notices after 3.3 s at most, the chain goes on all the while.
    let mut blocks = handle.subscribe().await.unwrap();
    let address = handle.address_of(0).unwrap();
    let back = async {
        loop {
            let block = blocks.recv().await.unwrap();
            let index = block.rotation.set().index_of(&address).unwrap();
            if !block.commit.signatures[index].is_absent() {
                return block.draft.height;
            }
        }
    };
    let back = tokio::time::timeout(Duration::from_secs(10), back).await.unwrap();
    assert!(back > gone);
    finish(handle, &second, links).await;
}

#[tokio::test]
async fn an_idle_node_pings() {
    let handle = devnet(&["tcp://127.0.0.1:0".to_owned()], Duration::from_secs(60)).await;
    let signer = Signer::new(Character::Honest);
    let links: Vec<_> = handle.privval_addrs().iter().map(|a| signer.link(a)).collect();
    handle.wait_height(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3_800)).await;
    assert_eq!(signer.pings.load(Ordering::Relaxed), 1);
    finish(handle, &signer, links).await;
}
