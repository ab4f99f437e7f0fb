//! What `model.rs` is about: a store, signers with their files, and what is on the way between them.
#![allow(unreachable_pub)]

use std::collections::BTreeSet;

pub type Place = u8;
pub type Block = u8;
/// Place 0 is nothing yet. A floor has no block.
pub type Mark = (Place, Option<Block>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub store: Store,
    pub backup: Option<Store>,
    pub restored: bool,
    pub crashes: u8,
    pub signers: Vec<Signer>,
    /// Requests are never taken out: each may be delivered again at any time, or not at all. An answer that comes twice changes
    /// nothing the second time, so it is taken out.
    pub network: BTreeSet<Message>,
    /// Everything that was ever signed.
    pub signed: BTreeSet<(Place, Block)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    pub revision: u8,
    pub mark: Mark,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signer {
    pub file: File,
    /// What the guard goes by.
    pub mark: Mark,
    /// What it believes to be in the store.
    pub known: Mark,
    pub revision: u8,
    /// Whether the file has what it is asking for.
    pub written: bool,
    pub doing: Doing,
}

/// What survives crashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct File {
    pub mark: Mark,
    /// Nobody has seen it in the store yet.
    pub wanted: bool,
    /// What the store was seen to hold when this was written.
    pub settled: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doing {
    /// Has to read the store before anything else.
    Opening,
    Nothing,
    /// Has sent a compare-and-swap.
    Waiting(Place, Block),
    /// Got no answer to it and reads.
    InDoubt(Place, Block),
    /// Knows that the store holds it.
    Reserved(Place, Block),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    Swap { from: usize, expected: Option<u8>, to: (Place, Block) },
    Done { to: usize, revision: u8, mark: (Place, Block) },
    Lost { to: usize, asked: (Place, Block), revision: u8, holds: Mark },
}

impl File {
    /// The lowest that a store may hold that was not rolled back. What was only wanted need not be there.
    pub fn least(&self) -> Place {
        if self.wanted { self.settled } else { self.mark.0 }
    }

    /// What it is worth by itself.
    pub fn standing(&self) -> Mark {
        (self.mark.0, self.mark.1.filter(|_| !self.wanted))
    }

    /// What holds where the store has `there`.
    pub fn beside(&self, there: Mark, wanted_is_mine: bool) -> Mark {
        let own = if wanted_is_mine { self.mark } else { self.standing() };
        match own.0.cmp(&there.0) {
            _ if self.mark == there => there,
            std::cmp::Ordering::Greater => own,
            std::cmp::Ordering::Less => there,
            std::cmp::Ordering::Equal => (own.0, None),
        }
    }

    pub fn follow(&mut self, mark: Mark) {
        if mark.0 >= self.mark.0 {
            *self = Self { mark, wanted: false, settled: mark.0 };
        }
    }
}

impl Signer {
    /// Another signer's mark.
    pub fn adopt(&mut self, mark: Mark) {
        if mark.0 > self.mark.0 {
            self.mark = mark;
        }
        self.file.follow(mark);
    }
}

impl World {
    /// `guard::check`, and what the signer does about it.
    pub fn judge(&mut self, i: usize, place: Place, block: Block) {
        let signer = &mut self.signers[i];
        signer.doing = match place.cmp(&signer.mark.0) {
            std::cmp::Ordering::Greater => {
                let (expected, to) = (Some(signer.revision), (place, block));
                self.network.insert(Message::Swap { from: i, expected, to });
                signer.written = false;
                Doing::Waiting(place, block)
            }
            // The same again is signed again; the mark is durable.
            std::cmp::Ordering::Equal if signer.mark.1 == Some(block) => {
                signer.written = true;
                Doing::Reserved(place, block)
            }
            _ => Doing::Nothing,
        };
    }

    pub fn deliver(&mut self, message: &Message) {
        if !matches!(message, Message::Swap { .. }) {
            self.network.remove(message);
        }
        match *message {
            Message::Swap { from, expected, to } => {
                let mine = expected.is_none_or(|expected| expected == self.store.revision);
                let answer = if mine {
                    self.store = Store { revision: self.store.revision + 1, mark: (to.0, Some(to.1)) };
                    Message::Done { to: from, revision: self.store.revision, mark: to }
                } else {
                    let Store { revision, mark: holds } = self.store;
                    Message::Lost { to: from, asked: to, revision, holds }
                };
                // Nobody listens to the others.
                if self.signers[from].doing == Doing::Waiting(to.0, to.1) {
                    self.network.insert(answer);
                }
            }
            Message::Done { to, revision, mark: (place, block) } => {
                let signer = &mut self.signers[to];
                if signer.doing == Doing::Waiting(place, block) && revision > signer.revision {
                    (signer.known, signer.revision) = ((place, Some(block)), revision);
                    signer.doing = Doing::Reserved(place, block);
                }
            }
            Message::Lost { to, asked: (place, block), revision, holds } => {
                let signer = &mut self.signers[to];
                if signer.doing == Doing::Waiting(place, block) && revision > signer.revision {
                    if holds.0 < signer.known.0 {
                        signer.doing = Doing::Nothing;
                        return;
                    }
                    (signer.known, signer.revision) = (holds, revision);
                    signer.adopt(holds);
                    self.judge(to, place, block);
                }
            }
        }
    }
}
