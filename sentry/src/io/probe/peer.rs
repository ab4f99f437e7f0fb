//! A P2P port: who answers, what it says about itself, and what it hands out of its address book.
//!
//! The probe never enters that book: it says that it listens on 0.0.0.0, which no book takes (spec p2p.md §3.4), and
//! offers peer exchange alone. It asks twice on a connection, which is what a node answers at once, and then reconnects.

use std::net::SocketAddr;
use std::time::Duration;

use comet::frame::Decoder;
use comet::p2p::pex::{self, Addresses, PexMessage};
use comet::p2p::{Event, MAX_NODE_INFO, NodeInfo, Packets, pong};
use comet::secret::Dialect;
use tokio::time::sleep;

use super::Options;
use super::link::{Failed, Link, Lost};
use crate::census::Census;
use crate::live::{Node, P2p, Pex, State};
use crate::peer::NodeId;

/// Requests that a node answers on one connection without waiting (spec p2p.md §3.5 R9).
const AT_ONCE: u32 = 2;
/// Connections in a row without an answer, after which the probe gives up.
const PATIENCE: u32 = 3;
/// An entry missed with this probability is as good as seen.
const SURE: f64 = 1e-6;

/// A link whose other side has said who it is.
struct Met {
    link: Link,
    decoder: Decoder,
    dialect: Dialect,
    id: comet::key::NodeId,
    info: NodeInfo,
}

/// How the port met the probe, and who is there.
pub(super) async fn ask(to: SocketAddr, options: &Options) -> (State, Option<P2p>) {
    let mut last = (State::Filtered, None);
    for attempt in 0..PATIENCE {
        if attempt > 0 {
            sleep(wait(options, attempt)).await;
        }
        match meet(to, options).await {
            Ok(met) => {
                let node = read(to, met, options).await;
                return (State::Open, Some(P2p::Node(Box::new(node))));
            }
            // Nobody there, or not this protocol: asking again tells nothing new. Silence and cuts may pass.
            Err((state @ (State::Closed | State::NoRoute | State::Unknown(_)), p2p)) => return (state, p2p),
            Err((state, Some(p2p @ (P2p::Broken(_) | P2p::Nameless(..))))) => return (state, Some(p2p)),
            Err(again) => last = again,
        }
    }
    last
}

/// Before the next connection: a node forgets the last one in milliseconds as a rule, and one that does not is given more.
fn wait(options: &Options, in_vain: u32) -> Duration {
    options.pause * 8u32.saturating_pow(in_vain)
}

async fn meet(to: SocketAddr, options: &Options) -> Result<Met, (State, Option<P2p>)> {
    let open = |p2p| (State::Open, Some(p2p));
    let (mut link, peer, dialect) = match Link::open(to, options).await {
        Ok(opened) => opened,
        Err(Failed::Unheard(Lost::Never(state))) => return Err((state, None)),
        Err(Failed::Unheard(Lost::Late)) => return Err(open(P2p::Silent)),
        Err(Failed::Unheard(_)) => return Err(open(P2p::Dropped)),
        Err(Failed::Heard(lost)) => return Err(open(P2p::Broken(lost.to_string()))),
    };
    let id = peer.node_id();
    let nameless = |why: String| open(P2p::Nameless(ours(id), why));
    let mut decoder = Decoder::new(MAX_NODE_INFO);
    let body = loop {
        match decoder.next() {
            Ok(Some(body)) => break body.to_vec(),
            Ok(None) => {}
            Err(error) => return Err(nameless(error.to_string())),
        }
        match link.receive().await {
            Ok(data) => decoder.push(&data),
            Err(lost) => return Err(nameless(lost.to_string())),
        }
    };
    let info = NodeInfo::decode(&body).map_err(|error| nameless(error.to_string()))?;
    if info.id != id {
        return Err(nameless(format!("its node info names {}, its key is another's", info.id)));
    }
    Ok(Met { link, decoder, dialect, id, info })
}

/// Reads the address book of a node as far as it lets itself be read.
async fn read(to: SocketAddr, met: Met, options: &Options) -> Node {
    let (id, info, dialect) = (met.id, met.info.clone(), met.dialect);
    let node = |pex| Node { id: ours(id), info, amino: dialect == Dialect::Amino, pex };
    if !met.info.speaks(pex::CHANNEL) {
        met.link.close().await;
        return node(Pex::Off);
    }
    let (mut census, mut in_vain, mut end) = (Census::default(), 0, None);
    let mut next = Some(met);
    while census.answers() < options.requests && (census.answers() == 0 || census.miss() > SURE) {
        let met = match next.take() {
            Some(met) => Ok(met),
            None => {
                sleep(wait(options, in_vain)).await;
                meet(to, options).await.map_err(|(state, _)| format!("no new connection ({})", state.word()))
            }
        };
        let before = census.answers();
        let stopped = match met {
            Ok(met) if met.id == id => exchange(met, options, &mut census).await,
            Ok(_) => Err("another node answered the next connection".to_owned()),
            Err(why) => Err(why),
        };
        match stopped {
            _ if census.answers() > before => in_vain = 0,
            Ok(()) => in_vain += 1,
            Err(why) => {
                in_vain += 1;
                end = Some(why);
            }
        }
        if in_vain >= PATIENCE {
            break;
        }
    }
    let whole = census.answers() >= options.requests || census.miss() <= SURE;
    match census.answers() {
        0 if end.is_none() => node(Pex::Refused),
        _ => node(Pex::Read(census, end.filter(|_| !whole))),
    }
}

/// Two questions on one connection. An error is what the peer did wrong; an early end is not wrong, seeds do it.
async fn exchange(met: Met, options: &Options, census: &mut Census) -> Result<(), String> {
    let Met { mut link, decoder, dialect, info, .. } = met;
    let hello = NodeInfo {
        // 0.0.0.0 is stored by no address book; the block version and the network must be the peer's own.
        listen_addr: "tcp://0.0.0.0:26656".to_owned(),
        id: options.key().public().node_id(),
        moniker: "palisade-sentry".to_owned(),
        channels: vec![pex::CHANNEL],
        tx_index: "off".to_owned(),
        rpc_address: String::new(),
        ..info
    };
    let mut packets = Packets::new(dialect, &[(pex::CHANNEL, pex::MAX_MESSAGE)]);
    packets.push(&decoder.into_rest());
    let Ok(()) = link.send(&hello.to_frame()).await else { return Ok(()) };
    for _ in 0..AT_ONCE {
        let Ok(()) = link.send(&pex::request(dialect)).await else { return Ok(()) };
        match answer(&mut link, &mut packets, dialect).await {
            Ok(addresses) => census.add(&addresses.valid, addresses.invalid),
            Err(Wrong::Lost(Lost::Ended)) => return Ok(()),
            Err(wrong) => return Err(wrong.to_string()),
        }
    }
    link.close().await;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("{0}")]
    Lost(Lost),
    #[error(transparent)]
    Packet(#[from] comet::p2p::PacketError),
    #[error(transparent)]
    Pex(#[from] pex::PexError),
}

async fn answer(link: &mut Link, packets: &mut Packets, dialect: Dialect) -> Result<Addresses, Wrong> {
    loop {
        while let Some(event) = packets.next()? {
            match event {
                Event::Ping => link.send(&pong(dialect)).await.map_err(Wrong::Lost)?,
                Event::Pong => {}
                Event::Message { data, .. } => match pex::decode(dialect, &data)? {
                    PexMessage::Addresses(addresses) => return Ok(addresses),
                    // It asks us back; we know nobody, and say nothing.
                    PexMessage::Request => {}
                },
            }
        }
        packets.push(&link.receive().await.map_err(Wrong::Lost)?);
    }
}

fn ours(id: comet::key::NodeId) -> NodeId {
    id.to_string().parse().expect("an id is written in 40 lower-case hex digits")
}
