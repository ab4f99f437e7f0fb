//! The audit log: 32-byte entries, each with a digest over itself and the digest before, so that none can be taken out unseen.
//!
//! [`follow`] finds out what a page that was just read adds to the entries that are kept already. It goes by digests and not by
//! the 16-bit numbers: those wrap, and the same entry may come twice, after a crash between keeping and freeing it.

use core::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::yubihsm::{command, refusal::Refusal};

/// Bytes of an entry on the wire.
pub const ENTRY: usize = 32;
const DATA: usize = 16;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry([u8; ENTRY]);

/// What `GET LOG ENTRIES` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// Starts that did not fit in a full log.
    pub unlogged_boots: u16,
    /// Authentications that did not fit in a full log.
    pub unlogged_authentications: u16,
    /// The entries that are not freed, oldest first.
    pub entries: Vec<LogEntry>,
}

/// The log is not the continuation of the one that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BrokenChain {
    /// Two neighbours on the device do not fit.
    #[error("entry {number} of the device's audit log does not follow from the one before it")]
    Inside {
        /// The second one's number.
        number: u16,
    },
    /// The first entry does not follow from the last one that was kept.
    #[error(
        "the device's audit log begins with entry {first}, which does not follow from entry {kept}, the last one kept: entries \
         were lost, somebody else frees the log, or the device was reset"
    )]
    Gap {
        /// Number of the last entry kept.
        kept: u16,
        /// Number of the first entry on the device.
        first: u16,
    },
}

// === impl LogEntry ===

impl LogEntry {
    /// An entry from its bytes.
    pub fn from_bytes(bytes: [u8; ENTRY]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> &[u8; ENTRY] {
        &self.0
    }

    /// Number, from 1 on, modulo 2^16.
    pub fn number(&self) -> u16 {
        self.short(0)
    }

    /// Command; 0x00 is a start, 0xff a reset.
    pub fn command(&self) -> u8 {
        self.0[2]
    }

    /// Length of the command's body.
    pub fn length(&self) -> u16 {
        self.short(3)
    }

    /// Id of the authentication key.
    pub fn session_key(&self) -> u16 {
        self.short(5)
    }

    /// Id of the object used.
    pub fn target_key(&self) -> u16 {
        self.short(7)
    }

    /// Id of the second object used.
    pub fn second_key(&self) -> u16 {
        self.short(9)
    }

    /// First byte of the reply: the command with its top bit set, or an error code.
    pub fn result(&self) -> u8 {
        self.0[11]
    }

    /// The device's clock.
    pub fn tick(&self) -> u32 {
        u32::from_be_bytes([self.0[12], self.0[13], self.0[14], self.0[15]])
    }

    /// Its digest.
    pub fn digest(&self) -> &[u8] {
        &self.0[DATA..]
    }

    /// Whether its digest is made of it and of the digest of `before`.
    pub fn follows(&self, before: &Self) -> bool {
        let digest = Sha256::new().chain_update(&self.0[..DATA]).chain_update(before.digest()).finalize();
        digest[..ENTRY - DATA] == *self.digest()
    }

    fn short(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.0[at], self.0[at + 1]])
    }
}

impl fmt::Display for LogEntry {
    /// One line for people: what was done by whom with what, and how it ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} length={}", self.number(), command::name(self.command()), self.length())?;
        let keys =
            [("session", self.session_key()), ("target", self.target_key()), ("second", self.second_key())];
        for (name, key) in keys.into_iter().filter(|(_, key)| *key != 0xffff) {
            write!(f, " {name}={key}")?;
        }
        match self.result() {
            // A boot has the result 0.
            result if result & 0x80 != 0 || result == 0 => write!(f, " ok"),
            result => write!(f, " failed=\"{}\"", Refusal(result).name()),
        }?;
        write!(f, " tick={}", self.tick())
    }
}

// === impl LogPage ===

impl LogPage {
    /// Reads the body of the reply to `GET LOG ENTRIES`.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let ([b0, b1, a0, a1, count], rest) = body.split_first_chunk()?;
        let (entries, rest) = rest.as_chunks::<ENTRY>();
        (rest.is_empty() && entries.len() == usize::from(*count)).then(|| Self {
            unlogged_boots: u16::from_be_bytes([*b0, *b1]),
            unlogged_authentications: u16::from_be_bytes([*a0, *a1]),
            entries: entries.iter().copied().map(LogEntry).collect(),
        })
    }
}

/// The entries of a page that come after `kept`, the last entry that was kept. Without one, all are new.
pub fn follow<'a>(kept: Option<&LogEntry>, page: &'a [LogEntry]) -> Result<&'a [LogEntry], BrokenChain> {
    if let Some(pair) = page.windows(2).find(|pair| !pair[1].follows(&pair[0])) {
        return Err(BrokenChain::Inside { number: pair[1].number() });
    }
    let (Some(kept), Some(first)) = (kept, page.first()) else { return Ok(page) };
    match page.iter().position(|entry| entry == kept) {
        Some(at) => Ok(&page[at + 1..]),
        None if first.follows(kept) => Ok(page),
        None => Err(BrokenChain::Gap { kept: kept.number(), first: first.number() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(from: u16, length: u16) -> Vec<LogEntry> {
        let mut entries: Vec<LogEntry> = Vec::new();
        for at in 0..length {
            let mut bytes = [0xab; ENTRY];
            bytes[..2].copy_from_slice(&from.wrapping_add(at).to_be_bytes());
            bytes[2] = command::SIGN_EDDSA;
            if let Some(before) = entries.last() {
                let digest =
                    Sha256::new().chain_update(&bytes[..DATA]).chain_update(before.digest()).finalize();
                bytes[DATA..].copy_from_slice(&digest[..16]);
            }
            entries.push(LogEntry(bytes));
        }
        entries
    }

    #[test]
    fn what_is_new_is_found_at_every_cut() {
        // Over the end of the 16-bit numbers as well.
        let all = chain(65_530, 20);
        for kept in 0..all.len() {
            for first in 0..=kept + 1 {
                let page = &all[first.min(all.len())..];
                assert_eq!(follow(Some(&all[kept]), page), Ok(&all[kept + 1..]), "{kept} {first}");
            }
        }
        assert_eq!(follow(None, &all), Ok(&all[..]));
        assert_eq!(follow(Some(&all[3]), &[]), Ok(&[][..]));
    }

    #[test]
    fn a_missing_or_changed_entry_breaks_the_chain() {
        let all = chain(1, 9);
        assert_eq!(follow(Some(&all[2]), &all[4..]), Err(BrokenChain::Gap { kept: 3, first: 5 }));
        assert_eq!(follow(Some(&all[8]), &chain(1, 2)[..1]), Err(BrokenChain::Gap { kept: 9, first: 1 }));
        for at in 1..all.len() {
            let mut missing = all.clone();
            missing.remove(at);
            assert_eq!(follow(None, &missing).is_err(), at + 1 < all.len(), "{at}");
            for byte in 0..ENTRY {
                let mut changed = all.clone();
                changed[at].0[byte] ^= 1;
                assert!(matches!(follow(None, &changed), Err(BrokenChain::Inside { .. })), "{at} {byte}");
            }
        }
    }

    /// The entry here is the one that a reset leaves.
    #[test]
    fn pages_are_read_whole_or_not_at_all() {
        let mut body = vec![0, 1, 0, 2, 1, 0, 1];
        body.extend_from_slice(&[0xff; 14]);
        body.extend_from_slice(&[7; 16]);
        let page = LogPage::parse(&body).expect("good");
        assert_eq!((page.unlogged_boots, page.unlogged_authentications), (1, 2));
        assert_eq!(page.entries[0].to_string(), "1 reset length=65535 ok tick=4294967295");
        assert_eq!(LogPage::parse(&body[..body.len() - 1]), None);
        body[4] = 2;
        assert_eq!(LogPage::parse(&body), None);
    }
}
