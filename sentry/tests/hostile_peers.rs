//! Peers that lie, drip, flood or stay silent: each costs bounded time and is reported as what it is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "peers/stranger.rs"]
mod stranger;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use comet::frame;
use comet::p2p::{NetAddress, message, pex, ping};
use comet::secret::Dialect::Proto;
use palisade_sentry::Subject;
use palisade_sentry::io::probe::{Options, probe};
use palisade_sentry::live::{Answer, Node, P2p, Part, Pex, Service, State, named};
use stranger::{Guest, Link, Stranger, address, info, key};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// No peer may cost more than this, whatever it does: three attempts of a second, pauses, and a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn options() -> Options {
    Options {
        connect: Duration::from_millis(500),
        talk: Duration::from_secs(1),
        pause: Duration::from_millis(20),
        ..Options::default()
    }
}

/// How the P2P port at `to` met the probe.
async fn ask(to: SocketAddr) -> (State, Option<P2p>) {
    let id = key().public().node_id().to_string().parse().unwrap();
    let mut wanted = named(Part::Outsider, Subject::host("stranger"), id, to.ip(), to.port());
    wanted.ports.retain(|port| port.service == Service::P2p);
    let start = Instant::now();
    let live = tokio::time::timeout(PATIENCE, probe(vec![wanted], vec![], &options())).await;
    let mut live = live.unwrap_or_else(|_| panic!("still at it after {:?}", start.elapsed()));
    let port = live.targets.remove(0).ports.remove(0);
    match port.answer {
        Some(Answer::P2p(p2p)) => (port.state, Some(p2p)),
        None => (port.state, None),
        other => panic!("{other:?}"),
    }
}

async fn met(stranger: &Stranger) -> P2p {
    let (state, p2p) = ask(stranger.address).await;
    assert_eq!(state, State::Open);
    p2p.expect("an answer")
}

fn node(p2p: P2p) -> Node {
    match p2p {
        P2p::Node(node) => *node,
        other => panic!("{other}"),
    }
}

fn broken(p2p: &P2p) -> &str {
    match p2p {
        P2p::Broken(how) | P2p::Nameless(_, how) => how,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn nobody_there_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(matches!(ask(address).await, (State::Closed, None)));
}

#[tokio::test]
async fn silence_is_full_or_filtered_and_not_closed() {
    let stranger = Stranger::start(|mut stream: Guest| async move {
        stream.listen().await;
    })
    .await;
    assert!(matches!(met(&stranger).await, P2p::Silent));
    assert_eq!(stranger.connections(), 3, "silence may pass, so it is tried again");
}

#[tokio::test]
async fn a_cut_at_once_is_a_filter() {
    let stranger = Stranger::start(|guest: Guest| async move { drop(guest) }).await;
    assert!(matches!(met(&stranger).await, P2p::Dropped));
}

#[tokio::test]
async fn another_protocol_is_none() {
    let stranger = Stranger::start(|mut stream: Guest| async move {
        let _ = stream.tcp.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
        stream.listen().await;
    })
    .await;
    let p2p = met(&stranger).await;
    assert!(broken(&p2p).contains("hello"), "{p2p}");
    assert_eq!(stranger.connections(), 1, "asking again tells nothing new");
}

#[tokio::test]
async fn endless_bytes_without_a_handshake() {
    let stranger = Stranger::start(|mut stream: Guest| async move {
        // The hello of a low-order point, and then a flood.
        let mut hello = vec![0x22, 0x0a, 0x20];
        hello.extend_from_slice(&[0; 32]);
        while stream.tcp.write_all(&hello).await.is_ok() {
            hello = vec![0xff; 64 * 1024];
        }
    })
    .await;
    let p2p = met(&stranger).await;
    assert!(broken(&p2p).contains("low order"), "{p2p}");
}

#[tokio::test]
async fn a_wrong_key_is_no_handshake() {
    let stranger = Stranger::start(|stream: Guest| async move {
        let _ = Link::with_damage(stream, |frame| frame[500] ^= 1).await;
    })
    .await;
    let p2p = met(&stranger).await;
    assert!(broken(&p2p).contains("authenticate"), "{p2p}");
}

#[tokio::test]
async fn a_giant_node_info_is_refused_by_its_length() {
    let stranger = Stranger::start(|stream: Guest| async move {
        let Some(mut link) = Link::shake(stream).await else { return };
        // 1 GiB is announced, and begun.
        link.send(&[0x80, 0x80, 0x80, 0x80, 0x04]).await;
        while link.send(&[7; 8192]).await {}
    })
    .await;
    let p2p = met(&stranger).await;
    assert!(broken(&p2p).contains("1073741824"), "{p2p}");
}

#[tokio::test]
async fn a_drip_is_cut_off_in_time() {
    let stranger = Stranger::start(|stream: Guest| async move {
        let Some(mut link) = Link::shake(stream).await else { return };
        let frame = info(key().public().node_id()).to_frame();
        for byte in frame {
            if !link.send(&[byte]).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let p2p = met(&stranger).await;
    assert!(broken(&p2p).contains("too long"), "{p2p}");
}

#[tokio::test]
async fn an_id_that_is_not_the_keys_is_a_lie() {
    let stranger = Stranger::start(|stream: Guest| async move {
        let Some(mut link) = Link::shake(stream).await else { return };
        link.send(&info(comet::key::NodeId([7; 20])).to_frame()).await;
        link.rest().await;
    })
    .await;
    let p2p = met(&stranger).await;
    assert!(broken(&p2p).contains("another's"), "{p2p}");
}

/// Says who it is, and answers the first request with these bytes.
async fn says(bytes: Vec<u8>) -> Stranger {
    Stranger::start(move |stream: Guest| {
        let bytes = bytes.clone();
        async move {
            let Some(mut link) = Link::introduce(stream).await else { return };
            link.send(&bytes).await;
            link.rest().await;
        }
    })
    .await
}

async fn ended(stranger: &Stranger) -> String {
    match node(met(stranger).await).pex {
        Pex::Read(_, Some(end)) => end,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn answers_that_no_node_gives_are_told() {
    let many: Vec<NetAddress> = (0..251).map(address).collect();
    let pieces = pex::answer(Proto, &many);
    let end = ended(&says(message(Proto, pex::CHANNEL, &pieces)).await).await;
    assert!(end.contains("251 addresses"), "{end}");
    let end = ended(&says(message(Proto, pex::CHANNEL, &[0xff; 40])).await).await;
    assert!(end.contains("none of peer exchange"), "{end}");
    let end = ended(&says(message(Proto, 0x20, b"a vote")).await).await;
    assert!(end.contains("0x20"), "{end}");
    let end = ended(&says(frame::delimited(&[0xff; 40])).await).await;
    assert!(end.contains("does not decode"), "{end}");
}

#[tokio::test]
async fn a_message_without_end_and_pings_without_end() {
    let stranger = Stranger::start(|stream: Guest| async move {
        let Some(mut link) = Link::introduce(stream).await else { return };
        // {msg {data: 1000 bytes}}, never the last piece.
        let piece = [&[0x1a, 0xeb, 0x07, 0x1a, 0xe8, 0x07][..], &[7; 1000]].concat();
        while link.send(&frame::delimited(&piece)).await {}
    })
    .await;
    let end = ended(&stranger).await;
    assert!(end.contains("exceeds 64000"), "{end}");

    let stranger = Stranger::start(|stream: Guest| async move {
        let Some(mut link) = Link::introduce(stream).await else { return };
        while link.send(&ping(Proto)).await {}
    })
    .await;
    let end = ended(&stranger).await;
    assert!(end.contains("bytes") || end.contains("too long"), "{end}");
}

#[tokio::test]
async fn entries_that_are_no_addresses_are_counted_and_not_believed() {
    let good = address(1);
    let mut data = pex::answer(Proto, &[good]);
    data.extend_from_slice(&[0x0a, 0x00]); // one more entry, of nothing
    data[1] += 2;
    let stranger = says(message(Proto, pex::CHANNEL, &data)).await;
    match node(met(&stranger).await).pex {
        Pex::Read(census, _) => {
            assert_eq!((census.distinct(), census.invalid()), (1, 1));
            assert_eq!(census.addresses().collect::<Vec<_>>(), [&good]);
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_honest_node_is_asked_politely() {
    let stranger = Stranger::start(|stream: Guest| async move {
        let Some(mut link) = Link::introduce(stream).await else { return };
        // A book of 5000 gives 250 of them, one packet after the other.
        for round in 0.. {
            let book: Vec<NetAddress> = (0..250).map(|i| address(round * 250 + i)).collect();
            link.send_in_pieces(pex::CHANNEL, &pex::answer(Proto, &book)).await;
            if !link.request().await {
                return;
            }
        }
    })
    .await;
    let node = node(met(&stranger).await);
    let Pex::Read(census, None) = &node.pex else { panic!("{}", node.pex) };
    assert_eq!(census.answers(), 30);
    assert_eq!(stranger.connections(), 15, "two requests on a connection");
    assert_eq!(stranger.at_once(), 1, "never two connections");
    let hello = stranger.hello().expect("it said who it is");
    assert_eq!(hello.listen_addr, "tcp://0.0.0.0:26656", "what no address book takes");
    assert_eq!(hello.channels, [pex::CHANNEL]);
    assert_eq!(hello.id, hello_id(), "operators recognise it");
}

fn hello_id() -> comet::key::NodeId {
    comet::key::PrivateKey::from_seed(&Options::default().identity).public().node_id()
}

#[tokio::test]
async fn a_port_of_signers_is_not_spoken_to() {
    let stranger = Stranger::start(|mut stream: Guest| async move {
        stream.listen().await;
    })
    .await;
    let id = key().public().node_id().to_string().parse().unwrap();
    let mut wanted =
        named(Part::Sentry, Subject::host("node"), id, stranger.address.ip(), stranger.address.port());
    wanted.ports.retain(|port| port.service == Service::P2p);
    // The same number, once as the port of the signer and once as that of P2P: the first forbids the second.
    wanted.ports.push(wanted.ports[0].clone());
    wanted.ports[1].service = Service::Privval;
    let live = probe(vec![wanted], vec![], &options()).await;
    let ports = &live.targets[0].ports;
    assert!(matches!(ports[0].state, State::Unknown(_)), "{:?}", ports[0].state);
    assert_eq!(ports[1].state, State::Open);
    assert_eq!((stranger.connections(), stranger.bytes_heard()), (1, 0));
}
