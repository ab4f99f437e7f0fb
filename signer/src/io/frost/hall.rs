//! The cosigner's door: which signers may come in, and who is inside.
//!
//! The list of signers can be changed while it is open. Whoever is no longer among them is hung up on, also one whose handshake is
//! under way.

use std::{
    collections::BTreeMap,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use comet::key::PublicKey;
use rustls::ServerConfig;

use crate::io::frost::tls::{self, Identity, TlsError};

/// Connections at once. Who is not a pinned signer is out after the handshake.
const CONNECTIONS: usize = 32;

/// The door and who is inside.
pub(super) struct Hall {
    pub(super) listener: TcpListener,
    closed: AtomicBool,
    identity: Identity,
    door: Mutex<Door>,
    guests: Mutex<BTreeMap<u64, Guest>>,
}

struct Door {
    signers: Vec<PublicKey>,
    tls: Arc<ServerConfig>,
}

struct Guest {
    stream: TcpStream,
    /// Once the handshake is over.
    pin: Option<PublicKey>,
}

// === impl Hall ===

impl Hall {
    pub(super) fn new(
        listener: TcpListener,
        identity: Identity,
        signers: &[PublicKey],
    ) -> Result<Self, TlsError> {
        let door = Door { signers: signers.to_vec(), tls: tls::server(&identity, signers)? };
        let (closed, guests) = (AtomicBool::new(false), Mutex::default());
        Ok(Self { listener, closed, identity, door: Mutex::new(door), guests })
    }

    /// From now on these may come in and nobody else.
    pub(super) fn admit(&self, signers: &[PublicKey]) -> Result<(), TlsError> {
        let tls = tls::server(&self.identity, signers)?;
        let mut door = self.door();
        *door = Door { signers: signers.to_vec(), tls };
        for guest in self.guests().values() {
            if !guest.pin.is_some_and(|pin| signers.contains(&pin)) {
                let _ = guest.stream.shutdown(Shutdown::Both);
            }
        }
        Ok(())
    }

    /// What a handshake is made with.
    pub(super) fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.door().tls)
    }

    /// Somebody at the door; whether there is room.
    pub(super) fn enter(&self, number: u64, stream: &TcpStream) -> bool {
        let mut guests = self.guests();
        let Ok(stream) = stream.try_clone() else { return false };
        let room = guests.len() < CONNECTIONS;
        if room {
            guests.insert(number, Guest { stream, pin: None });
        }
        room
    }

    /// Says who it is; whether that one may stay.
    pub(super) fn recognise(&self, number: u64, pin: PublicKey) -> bool {
        let door = self.door();
        if let Some(guest) = self.guests().get_mut(&number) {
            guest.pin = Some(pin);
        }
        door.signers.contains(&pin)
    }

    pub(super) fn leave(&self, number: u64) {
        self.guests().remove(&number);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Nobody comes in any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the one that accepts; connecting to it would need leave of landlock.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }

    /// Hangs up on everybody.
    pub(super) fn empty(&self) {
        for guest in self.guests().values() {
            let _ = guest.stream.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.guests().is_empty()
    }

    // The door before the guests, where both are wanted.
    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guests(&self) -> MutexGuard<'_, BTreeMap<u64, Guest>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
