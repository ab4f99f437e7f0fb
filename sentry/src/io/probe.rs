//! Looks at a fleet from outside: every declared address, every port that could give something away.
//!
//! ```text
//! Wanted ── one task a host, its addresses and ports one after the other ──> Target with what was met
//!              │
//!              ├─ way      TCP from here, or through a jump host
//!              ├─ peer     SecretConnection, node info, PEX      ├─ page   one HTTP GET
//!              ├─ grpc, certificate (TLS), genesis, quic, ssh    └─ privval ports: connect and close, nothing said
//! ```
//!
//! A host never has more than one connection of ours. Every answer is bounded in time and bytes, whoever gives it.

mod certificate;
mod genesis;
mod grpc;
mod identify;
mod link;
mod page;
mod peer;
mod quic;
mod ssh;
mod way;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use comet::key::PrivateKey;
use tokio::task::JoinSet;

use crate::live::{Answer, Hidden, Live, Page, Service, State, Target, Wanted, is_privval};

pub use way::Way;

/// What is asked of RPC. `/dial_peers` without peers dials nobody; it is there or it is not found.
const RPC: &[&str] = &["/status", "/net_info", "/dump_consensus_state", "/dial_peers", "/genesis"];
/// What is asked of REST, in the spelling of today and of before SDK 0.40.
const REST: &[&str] = &["/cosmos/base/tendermint/v1beta1/node_info", "/node_info"];

/// How to look.
#[derive(Clone, Debug)]
pub struct Options {
    /// From where.
    pub way: Way,
    /// Until a connection stands.
    pub connect: Duration,
    /// For everything that is said on one connection.
    pub talk: Duration,
    /// PEX requests to one node, two for each connection.
    pub requests: u32,
    /// Between two connections to one node, which must have forgotten the last one; eight times as long after each in vain.
    pub pause: Duration,
    /// Seed of the key that the probe shows, so that operators can recognise it.
    pub identity: [u8; 32],
    /// Hosts looked at in parallel.
    pub parallel: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            way: Way::Direct,
            connect: Duration::from_secs(5),
            talk: Duration::from_secs(15),
            requests: 30,
            pause: Duration::from_millis(20),
            // Everybody may know it: it authenticates nothing, it is recognised.
            identity: *b"palisade-sentry leak audit probe",
            parallel: 32,
        }
    }
}

impl Options {
    fn key(&self) -> PrivateKey {
        PrivateKey::from_seed(&self.identity)
    }
}

/// Looks at everything that is wanted.
pub async fn probe(wanted: Vec<Wanted>, hidden: Vec<Hidden>, options: &Options) -> Live {
    let mut hosts: BTreeMap<String, Vec<(usize, Wanted)>> = BTreeMap::new();
    for (place, target) in wanted.into_iter().enumerate() {
        let host = target.subject.host.clone().unwrap_or_else(|| target.ip.to_string());
        hosts.entry(host).or_default().push((place, target));
    }
    let hidden: Arc<[Hidden]> = hidden.into();
    let mut waiting = hosts.into_values();
    let mut running = JoinSet::new();
    let mut done = Vec::new();
    loop {
        while running.len() < options.parallel.max(1) {
            let Some(targets) = waiting.next() else { break };
            let (options, hidden) = (options.clone(), hidden.clone());
            running.spawn(async move { host(targets, &options, &hidden).await });
        }
        match running.join_next().await {
            Some(Ok(targets)) => done.extend(targets),
            // A bug in one host's probe must not hide the others; its targets are missing and the report is short of them.
            Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            None => break,
        }
    }
    done.sort_by_key(|(place, _)| *place);
    Live { hidden: hidden.to_vec(), targets: done.into_iter().map(|(_, target)| target).collect() }
}

/// One host, one connection at a time.
async fn host(targets: Vec<(usize, Wanted)>, options: &Options, hidden: &[Hidden]) -> Vec<(usize, Target)> {
    let mut done = Vec::new();
    for (place, mut target) in targets {
        let privval: Vec<u16> =
            target.ports.iter().filter(|p| p.service == Service::Privval).map(|p| p.number).collect();
        for i in 0..target.ports.len() {
            let (number, service) = (target.ports[i].number, target.ports[i].service);
            let address = SocketAddr::new(target.ip, number);
            let silent = service != Service::Privval && (privval.contains(&number) || is_privval(number));
            let (state, answer) = if silent {
                let why = format!("{number} may be a port where a node waits for its signer: not spoken to");
                (State::Unknown(why), None)
            } else {
                port(service, address, options, hidden).await
            };
            target.ports[i].state = state;
            target.ports[i].answer = answer;
        }
        done.push((place, target));
    }
    done
}

async fn port(
    service: Service,
    address: SocketAddr,
    options: &Options,
    hidden: &[Hidden],
) -> (State, Option<Answer>) {
    match service {
        Service::P2p => {
            let (state, answer) = peer::ask(address, options).await;
            (state, answer.map(Answer::P2p))
        }
        Service::Quic => quic::ask(address, options).await,
        // Never a handshake: the node would take us for its signer.
        Service::Privval => match options.way.connect(address, options.connect).await {
            Ok(_) => (State::Open, None),
            Err(state) => (state, None),
        },
        Service::Grpc => grpc::ask(address, options).await,
        Service::Https => certificate::ask(address, options, hidden).await,
        Service::Ssh => ssh::ask(address, options).await,
        Service::Rpc => rpc(address, options, hidden).await,
        Service::Evm => page::ask_evm(address, options, hidden).await,
        Service::Metrics => page::ask(address, &["/metrics"], options, hidden).await,
        Service::Pprof => page::ask(address, &["/debug/pprof/cmdline"], options, hidden).await,
        Service::Rest => page::ask(address, REST, options, hidden).await,
    }
}

/// RPC in the clear or else over TLS, and the genesis in chunks where one page does not hold it.
async fn rpc(address: SocketAddr, options: &Options, hidden: &[Hidden]) -> (State, Option<Answer>) {
    let (state, answer) = page::ask(address, RPC, options, hidden).await;
    let Some(Answer::Pages(mut pages)) = answer else {
        return if state == State::Open {
            certificate::ask(address, options, hidden).await
        } else {
            (state, answer)
        };
    };
    // Go's server tells a client without TLS so, with 400 to every path.
    if pages.iter().all(|page| page.status == 400) {
        return match certificate::ask(address, options, hidden).await {
            (State::Open, Some(answer)) => (State::Open, Some(answer)),
            _ => (state, Some(Answer::Pages(pages))),
        };
    }
    let whole = |page: &Page| page.path == "/genesis" && page.status == 200 && !page.cut;
    let serves = pages.iter().any(|page| page.path == "/status" && page.status == 200);
    if serves && !pages.iter().any(whole) {
        pages.extend(genesis::walk(address, options, hidden).await);
    }
    (state, Some(Answer::Pages(pages)))
}
