//! What can go wrong on the way to a device and back, as a script that a test writes.

use std::time::Duration;

/// One thing that goes wrong, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is taken and never executed; the connection stays open without an answer until the test releases it.
    HangBefore,
    /// The request is executed, and the answer never comes.
    HangAfter,
    /// The request waits, is executed, and answered.
    Delay(Duration),
    /// The connection is closed and nothing was executed.
    DropBefore,
    /// The request is executed, and the connection closed instead of an answer.
    DropAfter,
    /// The connector answers with this HTTP status; nothing was executed.
    Status(u16),
    /// The connector answers 200 with these bytes; nothing was executed.
    Answer(Vec<u8>),
    /// The request is executed, and one bit of the answer is wrong. The bit is counted from the end.
    FlipBit(usize),
    /// The request is executed, and only so many bytes of the answer come.
    Truncate(usize),
    /// The device loses power before the request: sessions are gone, objects and log stay.
    RebootBefore,
    /// The device loses power right after it executed the request; the connection is closed without an answer.
    RebootAfter,
    /// The device forgets its sessions before the request.
    LoseSessions,
    /// The device is reset to the factory's state before the request.
    WipeBefore,
}

/// A fault, and the request that it strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Only a request with this command (the inner one, where there is a session); any, if none.
    pub command: Option<u8>,
    /// So many fitting requests pass first.
    pub after: usize,
    /// What happens.
    pub fault: Fault,
}

/// The faults still to come, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Script(Vec<Strike>);

impl Script {
    pub(crate) fn add(&mut self, strike: Strike) {
        self.0.push(strike);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The fault that strikes this request, if any; only the first fitting strike counts or is used up.
    pub(crate) fn take(&mut self, command: Option<u8>) -> Option<Fault> {
        let at = self.0.iter().position(|strike| strike.command.is_none() || strike.command == command)?;
        if self.0[at].after > 0 {
            self.0[at].after -= 1;
            return None;
        }
        Some(self.0.remove(at).fault)
    }
}
