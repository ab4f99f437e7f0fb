//! What everybody in this process shares who talks to one device: which sessions are the signer's, its audit log, and the USB
//! handle, which only one can have.
//!
//! Several keys may live in one device, and the operator's command line comes in by [`super::connector`]. Lanes are found by
//! the connector's address in a table of the process, because the thing that they stand for exists once in the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::{config::Connector, io::key::yubihsm::audit::AuditFile};

static LANES: Mutex<BTreeMap<String, Weak<Lane>>> = Mutex::new(BTreeMap::new());

/// One device, as this process knows it.
pub struct Lane {
    connector: Connector,
    sessions: Mutex<BTreeSet<u8>>,
    /// Open once the first worker has seen the device.
    pub(super) audit: Mutex<Option<AuditFile>>,
    #[cfg(feature = "usb")]
    pub(super) usb: super::usb::Slot,
}

// === impl Lane ===

impl Lane {
    /// The lane of a connector.
    pub fn of(connector: &Connector) -> Arc<Self> {
        let mut lanes = lock(&LANES);
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let name = connector.to_string();
        if let Some(lane) = lanes.get(&name).and_then(Weak::upgrade) {
            return lane;
        }
        let lane = Arc::new(Self {
            connector: connector.clone(),
            sessions: Mutex::default(),
            audit: Mutex::default(),
            #[cfg(feature = "usb")]
            usb: super::usb::Slot::default(),
        });
        lanes.insert(name, Arc::downgrade(&lane));
        lane
    }

    /// Where it leads.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Notes a session of the signer's own, which nobody may use from outside.
    pub(super) fn reserve(&self, session: u8) {
        lock(&self.sessions).insert(session);
    }

    /// The session is over.
    pub(super) fn release(&self, session: u8) {
        lock(&self.sessions).remove(&session);
    }

    /// Whether a session is the signer's own.
    pub(super) fn is_reserved(&self, session: u8) -> bool {
        lock(&self.sessions).contains(&session)
    }
}

/// What these locks guard is whole at every point, also where its holder panicked.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
