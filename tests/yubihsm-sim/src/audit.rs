//! The log store: sixty-two entries in a ring, each with a hash over itself and the one before.
//!
//! Where forced auditing is on and the ring is full, an audited command is refused instead of overwriting the oldest
//! entry. Boots and authentications cannot be refused; they are counted. Which command belongs to which key is said by
//! the caller.

use crate::wire::code;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;

/// Entries the device can hold.
pub const CAPACITY: usize = 62;

/// Option value: off.
pub const OFF: u8 = 0;
/// Option value: on.
pub const ON: u8 = 1;
/// Option value: on until the device is reset.
pub const FIXED: u8 = 2;

/// Every command that has an audit setting, in the order in which firmware 2.4 lists them.
const AUDITABLE: [u8; 65] = [
    0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x09, 0x08, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x55,
    0x56, 0x48, 0x49, 0x57, 0x4a, 0x4b, 0x4c, 0x4d, 0x67, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x58,
    0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x68, 0x69, 0x6a,
    0x6b, 0x6c, 0x0a, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77,
];

/// One entry, without its digest: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The command.
    pub command: u8,
    /// Length of its data.
    pub length: u16,
    /// The authentication key of the session, `0xffff` outside of one.
    pub session_key: u16,
    /// The object it was about.
    pub target: u16,
    /// A second object.
    pub second: u16,
    /// Code of the answer, or the error.
    pub result: u8,
    /// Milliseconds since the device was powered.
    pub tick: u32,
}

/// A record with its place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts up, wraps after `0xffff`.
    pub number: u16,
    /// What happened.
    pub record: Record,
    /// First 16 bytes of SHA-256 over the record and the digest before.
    pub digest: [u8; 16],
}

impl Entry {
    /// The entry that follows `previous`.
    pub fn chain(number: u16, record: Record, previous: &[u8; 16]) -> Self {
        let hash = Sha256::new().chain_update(head(number, &record)).chain_update(previous).finalize();
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash[..16]);
        Self { number, record, digest }
    }

    /// 32 bytes as on the wire.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&head(self.number, &self.record));
        bytes[16..].copy_from_slice(&self.digest);
        bytes
    }
}

fn head(number: u16, record: &Record) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    bytes[2] = record.command;
    bytes[3..5].copy_from_slice(&record.length.to_be_bytes());
    bytes[5..7].copy_from_slice(&record.session_key.to_be_bytes());
    bytes[7..9].copy_from_slice(&record.target.to_be_bytes());
    bytes[9..11].copy_from_slice(&record.second.to_be_bytes());
    bytes[11] = record.result;
    bytes[12..].copy_from_slice(&record.tick.to_be_bytes());
    bytes
}

/// The log store and its two options.
#[derive(Clone, Debug)]
pub struct Log {
    entries: VecDeque<Entry>,
    last: u16,
    digest: [u8; 16],
    force: u8,
    commands: Vec<(u8, u8)>,
    /// Boots that found the store full under forced audit.
    pub unlogged_boots: u16,
    /// Authentications likewise.
    pub unlogged_auths: u16,
}

impl Log {
    /// The store of a device that was just reset: one entry of `0xff`. `seed` is what the first digest hangs on.
    /// `audited` says whether commands are audited from the start (firmware before 2.3.1) or not.
    pub fn fresh(seed: &[u8; 16], audited: bool) -> Self {
        let never = [code::ECHO, code::SESSION_MESSAGE, code::DEVICE_INFO, code::GET_LOG_ENTRIES];
        let commands = AUDITABLE
            .iter()
            .map(|code| (*code, if audited && !never.contains(code) { ON } else { OFF }))
            .collect();
        let mut log = Self {
            entries: VecDeque::new(),
            last: 0,
            digest: *seed,
            force: OFF,
            commands,
            unlogged_boots: 0,
            unlogged_auths: 0,
        };
        log.push(Record {
            command: 0xff,
            length: 0xffff,
            session_key: 0xffff,
            target: 0xffff,
            second: 0xffff,
            result: 0xff,
            tick: 0xffff_ffff,
        });
        log
    }

    /// What the device writes when it is powered.
    pub fn boot(&mut self) {
        let record =
            Record { command: 0, length: 0, session_key: 0xffff, target: 0, second: 0, result: 0, tick: 0 };
        if self.is_stuck() {
            self.unlogged_boots = self.unlogged_boots.saturating_add(1);
        } else {
            self.push(record);
        }
    }

    /// Whether the next audited command has to be refused.
    pub fn is_stuck(&self) -> bool {
        self.force != OFF && self.entries.len() >= CAPACITY
    }

    /// Whether this command is to be logged.
    pub fn audits(&self, command: u8) -> bool {
        self.commands.iter().any(|(code, setting)| *code == command && *setting != OFF)
    }

    /// Appends an entry; the oldest falls out of a full ring.
    pub fn push(&mut self, record: Record) {
        if self.entries.len() >= CAPACITY {
            self.entries.pop_front();
        }
        self.last = self.last.wrapping_add(1);
        let entry = Entry::chain(self.last, record, &self.digest);
        self.digest = entry.digest;
        self.entries.push_back(entry);
    }

    /// Entries not yet consumed, oldest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Forgets everything up to `number`, which has to be in the store.
    pub fn consume(&mut self, number: u16) -> bool {
        let Some(at) = self.entries.iter().position(|entry| entry.number == number) else {
            return false;
        };
        self.entries.drain(..=at);
        self.unlogged_boots = 0;
        self.unlogged_auths = 0;
        true
    }

    /// The forced-audit option.
    pub fn force(&self) -> u8 {
        self.force
    }

    /// Sets it; a fixed one stays.
    pub fn set_force(&mut self, value: u8) -> bool {
        let allowed = value <= FIXED && (self.force != FIXED || value == FIXED);
        if allowed {
            self.force = value;
        }
        allowed
    }

    /// The audit setting of each command, in the device's order.
    pub fn commands(&self) -> &[(u8, u8)] {
        &self.commands
    }

    /// Sets one; an unknown command and the loosening of a fixed one are refused.
    pub fn set_command(&mut self, command: u8, value: u8) -> bool {
        let Some((_, setting)) = self.commands.iter_mut().find(|(code, _)| *code == command) else {
            return false;
        };
        let allowed = value <= FIXED && (*setting != FIXED || value == FIXED);
        if allowed {
            *setting = value;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> [u8; 16] {
        u128::from_str_radix(text, 16).expect("32 hex digits").to_be_bytes()
    }

    #[test]
    fn the_chain_is_the_one_of_a_real_device() {
        // Entries 46 to 51 of the vendor's own example of a log (command reference, GET LOG ENTRIES).
        let rows = [
            (47, 0x4c, 77, 1, 0xaff7, 0xffff, 0xcc, 351_714, "5496a60d478c2b9c801d8d32ca66b554"),
            (48, 0x00, 0, 0xffff, 0, 0, 0, 0, "14ac7747ba9bbb243cfc70befeb5349b"),
            (49, 0x03, 10, 0xffff, 1, 0xffff, 0x83, 139, "b20a8f25c025e693a8e869b433294a20"),
            (50, 0x04, 17, 0xffff, 1, 0xffff, 0x84, 139, "ebfae425c319ac7a0afbb8b92597de7c"),
            (51, 0x67, 2, 1, 0xffff, 0xffff, 0xe7, 697, "2e395d1b706668737e1d2215813db47e"),
        ];
        let mut previous = digest("415f51f1f035a1b713e730e4464e4033");
        for (number, command, length, session_key, target, second, result, tick, text) in rows {
            let record = Record { command, length, session_key, target, second, result, tick };
            previous = Entry::chain(number, record, &previous).digest;
            assert_eq!(previous, digest(text), "entry {number}");
        }
    }
}
