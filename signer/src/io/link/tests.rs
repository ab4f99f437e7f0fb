//! A disk that hangs in the middle of a signature: its node hears "timeout" in time, keeps its connection, and never gets the
//! late signature.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../tests/support/node.rs"]
mod node;
#[path = "../../../tests/support/requests.rs"]
mod requests;

use std::sync::Condvar;
use std::sync::Mutex;

use comet::{
    consensus::{SecretKey, Signature},
    key::PrivateKey,
    privval::{Message, PRECOMMIT, PREVOTE, SignedVoteResponse},
};
use node::{Listener, eventually};

use super::*;
use crate::{
    guard::NewMark,
    io::{identity::LinkIdentity, status::View, ward::Ward},
    io::{status::Status, systemd::Notifier},
    keeper::Keeper,
    key::{Key, KeyError},
    mark::{Hrs, Mark},
    store::{ExtensionPermit, Permit, PersistError, Storage, Store},
};

/// A disk whose flush returns when somebody says so.
#[derive(Clone, Default)]
struct Disk(Arc<(Mutex<bool>, Condvar)>);

struct AnyKey(SecretKey);

fn key() -> SecretKey {
    PrivateKey::from_seed(&[7; 32]).into()
}

impl Disk {
    fn hang(&self, hangs: bool) {
        *self.0.0.lock().unwrap() = hangs;
        self.0.1.notify_all();
    }
}

impl Storage for Disk {
    fn persist(&mut self, _: &NewMark) -> Result<(), PersistError> {
        let hangs = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(hangs, |hangs| *hangs).unwrap());
        Ok(())
    }

    fn keep(&mut self, _: &Mark, _: &Signature) -> Result<(), PersistError> {
        Ok(())
    }
}

impl Key for AnyKey {
    fn public_key(&self) -> &PublicKey {
        self.0.public()
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        Ok(self.0.sign(permit.sign_bytes()))
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        Ok(self.0.sign(permit.sign_bytes()))
    }
}

fn answer(sum: Option<Sum>) -> SignedVoteResponse {
    let Some(Sum::SignedVoteResponse(answer)) = sum else { panic!("no vote: {sum:?}") };
    answer
}

#[test]
fn a_hung_disk_costs_neither_the_connection_nor_the_order_of_answers() {
    for tcp in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let listener = if tcp { Listener::tcp() } else { Listener::unix(&dir.path().join("n.sock")) };
        let node = match &listener {
            Listener::Tcp(it) => NodeAddr::Tcp(it.local_addr().unwrap().to_string()),
            Listener::Unix(_) => NodeAddr::Unix(dir.path().join("n.sock")),
        };
        let disk = Disk::default();
        let store = Store::new(Mark::floor(Hrs::whole_height(0)), Box::new(disk.clone()) as Box<dyn Storage>);
        let desk = Arc::new(Desk::new(Keeper::new(Box::new(AnyKey(key())), vec![store])));
        let metrics = Arc::new(Metrics::new("test"));
        let link = Link {
            dialect: Dialect::Proto,
            raw_bytes: crate::raw_bytes::RawBytes::Refused,
            node,
            public_key: key().public().clone(),
            chain: 0,
            desk: Arc::clone(&desk),
            gate: crate::io::doppelganger::Gate::not_guarded(),
            identity: LinkIdentity::of(&PrivateKey::from_seed(&[3; 32])),
            status: LinkStatus::new(requests::CHAIN.into(), "n".into()),
            metrics: Arc::clone(&metrics),
            audit: None,
            stop: Stop::default(),
            parked: Parking::default(),
        };
        let link = Arc::new(LinkHandle::start(link, 0).unwrap());
        let status = Arc::new(Status::new(Arc::clone(&metrics)));
        status.show(View {
            backends: Vec::new(),
            healths: vec![],
            keys: vec![("k".into(), Arc::clone(&desk))],
            chains: vec![],
            links: vec![Arc::clone(&link)],
            clusters: vec![],
            gates: vec![],
        });
        let _ward = Ward::start(status, Arc::new(Notifier::from_env())).unwrap();
        let mut node = listener.accept();
        let vote = |r#type, height| {
            frame::encode(&Message::of(Sum::SignVoteRequest(requests::vote(r#type, height, 0, 1, 0))))
        };
        let error_of = |answer: SignedVoteResponse| {
            assert!(answer.vote.is_none_or(|vote| vote.signature.is_empty()), "no signature with an error");
            answer.error.unwrap().description
        };

        node.send(&vote(PREVOTE, 1));
        assert_eq!(answer(node.receive()).error, None);
        disk.hang(true);
        // Two requests at once: one that hangs in the disk, one behind it for its turn; and a ping in between is answered.
        node.send(&vote(PREVOTE, 2));
        let start = Instant::now();
        let said = error_of(answer(node.receive()));
        assert!(said.starts_with("timeout"), "{said}");
        assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
        node.ping();
        node.send(&vote(PRECOMMIT, 2));
        let said = error_of(answer(node.receive()));
        assert!(said.starts_with("timeout: the key was busy"), "{said}");
        assert!(desk.busy_for() > Duration::from_secs(4));

        // The disk comes back. The late prevote goes nowhere: what is answered next is what is asked next.
        disk.hang(false);
        eventually("the late one is done", || desk.busy_for().is_zero());
        node.ping();
        node.send(&vote(PRECOMMIT, 2));
        let late = answer(node.receive());
        let vote_of = late.vote.unwrap();
        assert_eq!((late.error, vote_of.r#type, vote_of.signature.len()), (None, PRECOMMIT, 64));
        // Its mark is durable all the same: the same height and step is taken.
        let mut other = requests::vote(PREVOTE, 2, 0, 2, 0);
        other.chain_id = requests::CHAIN.into();
        let refused = node.refused(Sum::SignVoteRequest(other)).description;
        assert!(refused.contains("regression") || refused.contains("double sign"), "{refused}");
        let text = metrics.text();
        let counted =
            "requests_total{chain_id=\"test-1\",reason=\"timeout\",result=\"failed\",type=\"prevote\"} 1";
        assert!(text.contains(counted), "{text}");
        link.ask_to_stop();
        eventually("both threads end", || link.is_finished());
    }
}
