//! Moving a key from one signer host to another: which step comes next, and when to stop, as a function of what was seen.
//!
//! ```text
//! look at both, and the chain ── mask, stop old ── confirm ── carry each mark away ── prove missed blocks ── confirm
//!     ── raise the mark on new ── confirm ── start new ── watch the first signature above the carried mark
//! ```
//!
//! The old host is masked before it is stopped, and its state is put aside when the mark leaves it: from then on no signer starts
//! there by a reboot, by Ansible or by habit. Any doubt ends the move with the old host masked; missed blocks cost less than a
//! tombstone. Whoever performs the [`Action`]s writes the [`Move`] down before each, so a move that was cut goes on where it was.
//! Deliberately absent: any way to go on with an old host that does not answer.

mod abort;
mod chain;
mod facts;
mod order;
mod watch;

pub use abort::{Abort, Doubt};
pub use chain::{ChainView, Proof};
pub use facts::{Facts, FactsError, SCRIPT as FACTS_SCRIPT, Unit};
pub use order::{ChainOrder, Order, OrderError, order};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often a host may be asked again whether it has stopped.
const STOP_PATIENCE: u32 = 20;
/// How often the chain may be asked for another block before it counts as standing still.
const CHAIN_PATIENCE: u32 = 60;
/// How often the new host may be asked for its first signature.
const SIGN_PATIENCE: u32 = 120;

/// One of the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Gives the key away.
    Old,
    /// Gets it.
    New,
}

/// Height, round and step of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Height.
    pub height: i64,
    /// Round; 2147483647 closes the whole height.
    pub round: i32,
    /// 1 propose, 2 prevote, 3 precommit.
    pub step: u8,
}

/// A mark under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Where it stands.
    pub at: Place,
    /// The file of `palisade-signer state export`, as it was.
    pub text: String,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read a host's facts; changes nothing.
    Look(Side),
    /// Ask the chain's nodes for their newest commits, from this height on.
    Chain(String, Option<i64>),
    /// Old: no start by anybody any more (unit put aside, disabled, masked).
    Mask,
    /// Old: stop the signer.
    Stop,
    /// Old: export the mark of this chain and put the state aside.
    Export(String),
    /// New: raise the mark of this chain to what this file says.
    Import(String, String),
    /// New: unmask, enable, start.
    Start,
    /// New: stop and mask, because the old one lives.
    StopNew,
    /// Nothing more: [`Move::end`] says how it went.
    End,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Of [`Action::Look`].
    Facts(Facts),
    /// Of [`Action::Chain`].
    Chain(ChainView),
    /// Of [`Action::Export`].
    Exported(Carried),
    /// Of [`Action::Import`]: the mark that is there now.
    Imported(Place),
    /// It was done.
    Done,
    /// It was not done, or nobody knows: a connection that broke, a command that failed.
    Failed(String),
}

/// Where a move stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before anything was touched: the old host.
    LookOld,
    /// The same: the new host.
    LookNew,
    /// The same: the chain of this number answers.
    LookChain(usize),
    /// The old host is to be masked.
    Mask,
    /// And stopped.
    Stop,
    /// Is it stopped? Asked so often.
    Confirm(u32),
    /// Carry the mark of the chain of this number.
    Export(usize),
    /// The chain must go on without this key.
    Prove(usize, Proof),
    /// Still stopped?
    ConfirmBeforeImport,
    /// Raise the mark of the chain of this number.
    Import(usize),
    /// Still stopped, right before the start?
    ConfirmBeforeStart,
    /// Start.
    Start,
    /// The old host is asked while the new one signs.
    WatchOld(u32),
    /// The new host is asked for its first signature; and whether the old one was seen silent just before.
    WatchNew(u32, bool),
    /// The old one lives: the new one must stop.
    StopNew(Doubt),
    /// Over, and good.
    Done,
    /// Over.
    Aborted(Abort),
}

/// A move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// What was asked for.
    pub order: Order,
    /// Where it stands.
    pub stage: Stage,
    /// Marks that were carried away, by chain.
    pub carried: BTreeMap<String, Carried>,
    /// The address of the old host's key, by chain, in hex.
    pub keys: BTreeMap<String, String>,
    /// Whether the old host has been masked, as far as anybody knows.
    pub masked: bool,
    /// Whether the new host may have been started.
    pub started: bool,
}

impl Move {
    /// A move that has not begun.
    pub fn new(order: Order) -> Self {
        let (carried, keys) = (BTreeMap::new(), BTreeMap::new());
        Self { order, stage: Stage::LookOld, carried, keys, masked: false, started: false }
    }

    /// One that was cut or aborted, and goes on: what was true then is looked at again.
    pub fn resumed(mut self) -> Self {
        let before = |stage: &Stage| matches!(stage, Stage::LookOld | Stage::LookNew | Stage::LookChain(_));
        self.stage = match self.stage {
            Stage::Done => Stage::Done,
            Stage::WatchOld(_) | Stage::WatchNew(..) => Stage::WatchOld(0),
            Stage::Aborted(Abort { doubt: Doubt::NoSignature | Doubt::OldUnreachable, .. })
                if self.started =>
            {
                Stage::WatchOld(0)
            }
            stage if before(&stage) => Stage::LookOld,
            // Everything up to the start was done, so the new host's own signatures are what a proof would find now.
            _ if self.started => Stage::ConfirmBeforeStart,
            // Masking and stopping once more does no harm, and everything after is confirmed again.
            _ if self.masked => Stage::Mask,
            _ => Stage::LookOld,
        };
        self
    }

    /// What to do next.
    pub fn next(&self) -> Action {
        let chain = |index: usize| self.order.chains[index].id.clone();
        match &self.stage {
            Stage::LookOld
            | Stage::Confirm(_)
            | Stage::ConfirmBeforeImport
            | Stage::ConfirmBeforeStart
            | Stage::WatchOld(_) => Action::Look(Side::Old),
            Stage::LookNew | Stage::WatchNew(..) => Action::Look(Side::New),
            Stage::LookChain(index) => Action::Chain(chain(*index), None),
            Stage::Mask => Action::Mask,
            Stage::Stop => Action::Stop,
            Stage::Export(index) => Action::Export(chain(*index)),
            Stage::Prove(index, proof) => {
                let mark = self.carried.get(&self.order.chains[*index].id).map(|carried| carried.at.height);
                Action::Chain(chain(*index), Some(proof.next_height(mark.unwrap_or(0))))
            }
            Stage::Import(index) => {
                let id = chain(*index);
                let text = self.carried.get(&id).map(|carried| carried.text.clone()).unwrap_or_default();
                Action::Import(id, text)
            }
            Stage::Start => Action::Start,
            Stage::StopNew(_) => Action::StopNew,
            Stage::Done | Stage::Aborted(_) => Action::End,
        }
    }

    /// How it went, once it is over.
    pub fn end(&self) -> Option<Result<(), &Abort>> {
        match &self.stage {
            Stage::Done => Some(Ok(())),
            Stage::Aborted(abort) => Some(Err(abort)),
            _ => None,
        }
    }

    /// Whether the next action should wait a second first: the same question again.
    pub fn waits(&self) -> bool {
        match &self.stage {
            Stage::Confirm(asked) | Stage::WatchOld(asked) => *asked > 0,
            Stage::Prove(_, proof) => proof.asked > 0,
            _ => false,
        }
    }

    /// The move after its next action came to this.
    #[must_use]
    pub fn seen(mut self, seen: Seen) -> Self {
        self.stage = match (self.stage.clone(), seen) {
            (Stage::LookOld, Seen::Facts(facts)) => self.old_can_give(&facts),
            (Stage::LookNew, Seen::Facts(facts)) => self.new_can_take(&facts),
            (Stage::LookChain(index), Seen::Chain(view)) if view.tip > 0 => {
                if index + 1 < self.order.chains.len() { Stage::LookChain(index + 1) } else { Stage::Mask }
            }
            (Stage::Mask, Seen::Done) => {
                self.masked = true;
                Stage::Stop
            }
            (Stage::Stop, Seen::Done) => Stage::Confirm(0),
            (Stage::Confirm(asked), Seen::Facts(facts)) => match self.silent(&facts) {
                Ok(()) => {
                    // A state that is there (again) counts, not what an earlier run carried away.
                    self.carried.retain(|chain, _| !facts.marks.contains_key(chain));
                    self.next_export()
                }
                Err(_) if asked < STOP_PATIENCE => Stage::Confirm(asked + 1),
                Err(doubt) => self.abort(doubt),
            },
            (Stage::Export(index), Seen::Exported(carried)) => {
                self.carried.insert(self.order.chains[index].id.clone(), carried);
                self.next_export()
            }
            (Stage::Prove(index, proof), Seen::Chain(view)) => self.prove(index, proof, &view),
            (Stage::ConfirmBeforeImport, Seen::Facts(facts)) => self.confirmed(&facts, Stage::Import(0)),
            (Stage::Import(index), Seen::Imported(at)) => {
                match self.carried.get(&self.order.chains[index].id) {
                    Some(carried) if at >= carried.at && index + 1 < self.order.chains.len() => {
                        Stage::Import(index + 1)
                    }
                    Some(carried) if at >= carried.at => Stage::ConfirmBeforeStart,
                    _ => self.abort(Doubt::MarkLower),
                }
            }
            (Stage::ConfirmBeforeStart, Seen::Facts(facts)) => self.confirmed(&facts, Stage::Start),
            (Stage::Start, Seen::Done) => Stage::WatchOld(0),
            (Stage::WatchOld(asked), Seen::Facts(facts)) => match self.silent(&facts) {
                Ok(()) => Stage::WatchNew(asked, true),
                Err(doubt) => Stage::StopNew(doubt),
            },
            // It was silent, masked and without a state right before the start: a lost answer is no sign of life. It must be seen
            // silent once more before the move counts as done.
            (Stage::WatchOld(asked), Seen::Failed(_)) => Stage::WatchNew(asked, false),
            (Stage::WatchNew(asked, silent), Seen::Facts(facts)) => {
                self.first_signature(asked, silent, &facts)
            }
            (Stage::WatchNew(asked, _), Seen::Failed(_)) if asked < SIGN_PATIENCE => {
                Stage::WatchOld(asked + 1)
            }
            (Stage::StopNew(doubt), Seen::Done) => {
                self.started = false;
                self.abort(doubt)
            }
            (Stage::StopNew(doubt), Seen::Failed(why)) => self.abort(Doubt::BothMayRun(Box::new(doubt), why)),
            (Stage::LookOld, Seen::Failed(_)) => self.abort(Doubt::OldUnreachable),
            (Stage::Prove(index, proof), Seen::Failed(why)) => {
                let id = self.order.chains[index].id.clone();
                match proof.unanswered(CHAIN_PATIENCE) {
                    Some(again) => Stage::Prove(index, again),
                    None => self.abort(Doubt::NoRpc(id, why)),
                }
            }
            (Stage::Confirm(asked), Seen::Failed(_)) if asked < STOP_PATIENCE => Stage::Confirm(asked + 1),
            (Stage::Confirm(_) | Stage::ConfirmBeforeImport | Stage::ConfirmBeforeStart, Seen::Failed(_)) => {
                self.abort(Doubt::OldUnreachable)
            }
            (stage @ (Stage::Done | Stage::Aborted(_)), _) => stage,
            (stage, Seen::Failed(why)) => self.abort(Doubt::Failed(format!("{stage:?}"), why)),
            (stage, other) => {
                self.abort(Doubt::Failed(format!("{stage:?}"), format!("unexpected answer: {other:?}")))
            }
        };
        self
    }

    /// The old host is asked once more before something that cannot be taken back.
    fn confirmed(&mut self, facts: &Facts, then: Stage) -> Stage {
        if let Err(doubt) = self.silent(facts) {
            return self.abort(doubt);
        }
        // Somebody brought a state back: what was carried may be old, so it is carried again.
        if self.order.chains.iter().any(|chain| facts.marks.contains_key(&chain.id)) {
            self.started = false;
            return Stage::Confirm(0);
        }
        self.started = then == Stage::Start;
        then
    }

    fn abort(&self, doubt: Doubt) -> Stage {
        Stage::Aborted(Abort::new(self, doubt))
    }

    /// The next mark to carry; once all are, the proof. Marks that an earlier run carried are with us already.
    fn next_export(&self) -> Stage {
        let missing = self.order.chains.iter().position(|chain| !self.carried.contains_key(&chain.id));
        missing.map_or(Stage::Prove(0, Proof::default()), Stage::Export)
    }

    fn prove(&self, index: usize, proof: Proof, view: &ChainView) -> Stage {
        let chain = &self.order.chains[index];
        let mark = self.carried.get(&chain.id).map(|carried| carried.at);
        let Some(mark) = mark else { return self.abort(Doubt::MarkLower) };
        match proof.judge(view, mark, &self.order, CHAIN_PATIENCE) {
            chain::Judged::Again(proof) => Stage::Prove(index, proof),
            chain::Judged::Proved if index + 1 < self.order.chains.len() => {
                Stage::Prove(index + 1, Proof::default())
            }
            chain::Judged::Proved => Stage::ConfirmBeforeImport,
            chain::Judged::Signed(height) => self.abort(Doubt::StillSigning(chain.id.clone(), height)),
            chain::Judged::Halted => self.abort(Doubt::Halted(chain.id.clone())),
        }
    }
}
