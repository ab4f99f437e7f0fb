//! The proof by the chain itself: final commits in which the key is missing.

use serde::{Deserialize, Serialize};

use super::{Order, Place};

/// What the nodes of one chain show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainView {
    /// The newest height of any node that answered; 0 where none did.
    pub tip: i64,
    /// Final commits from the height asked for, in order and without gaps: height, and the round in which the key signed it.
    pub commits: Vec<(i64, Option<i32>)>,
}

/// How far the proof has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Final heights in a row that the key missed.
    pub missed: u32,
    /// The last height that was judged.
    pub judged: i64,
    /// The newest height seen.
    pub tip: i64,
    /// How often the chain was asked since it moved.
    pub asked: u32,
}

/// What one more look at the chain means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Again(Proof),
    Proved,
    /// The key signed above its mark.
    Signed(i64),
    Halted,
}

impl Proof {
    /// Where to go on reading: from the mark's own height, which a later round could have signed again.
    pub fn next_height(self, mark: i64) -> i64 {
        if self.judged == 0 { mark.max(1) } else { self.judged + 1 }
    }

    /// Nobody answered; `None` when that has lasted.
    pub(super) fn unanswered(self, patience: u32) -> Option<Self> {
        (self.asked < patience).then_some(Self { asked: self.asked + 1, ..self })
    }

    pub(super) fn judge(mut self, view: &ChainView, mark: Place, order: &Order, patience: u32) -> Judged {
        for (height, signed) in &view.commits {
            match signed {
                Some(round) if (*height, *round) > (mark.height, mark.round) => {
                    return Judged::Signed(*height);
                }
                // The mark's own height, or one below a floor.
                Some(_) => self.missed = 0,
                None if *height > mark.height => self.missed += 1,
                None => {}
            }
            self.judged = *height;
        }
        if view.tip > self.tip {
            (self.tip, self.asked) = (view.tip, 0);
        }
        self.asked += 1;
        match () {
            // One more than asked for: its commit is final when the next block holds it.
            () if self.missed > order.missed_blocks => Judged::Proved,
            () if self.asked <= patience => Judged::Again(self),
            () if order.halts_without => Judged::Proved,
            () => Judged::Halted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Place = Place { height: 10, round: 0, step: 3 };

    fn order(halts_without: bool) -> Order {
        Order { from: "a".into(), to: "b".into(), chains: vec![], missed_blocks: 2, halts_without }
    }

    fn view(tip: i64, commits: &[(i64, Option<i32>)]) -> ChainView {
        ChainView { tip, commits: commits.to_vec() }
    }

    #[test]
    fn three_final_commits_without_the_key_are_the_proof() {
        let first = Proof::default().judge(&view(12, &[(10, Some(0)), (11, None)]), MARK, &order(false), 9);
        let Judged::Again(proof) = first else { panic!("{first:?}") };
        assert_eq!((proof.missed, proof.next_height(10)), (1, 12));
        let then = proof.judge(&view(14, &[(12, None), (13, None)]), MARK, &order(false), 9);
        assert_eq!(then, Judged::Proved);
    }

    #[test]
    fn a_signature_above_the_mark_is_another_signer() {
        for commit in [(11, Some(0)), (10, Some(1))] {
            let judged = Proof::default().judge(&view(12, &[commit]), MARK, &order(false), 9);
            assert_eq!(judged, Judged::Signed(commit.0));
        }
    }

    #[test]
    fn a_chain_that_stands_still_proves_nothing_unless_that_was_said() {
        for (halts, end) in [(false, Judged::Halted), (true, Judged::Proved)] {
            let mut proof = Proof::default();
            let judged = loop {
                match proof.judge(&view(10, &[]), MARK, &order(halts), 5) {
                    Judged::Again(next) => proof = next,
                    other => break other,
                }
            };
            assert_eq!(judged, end);
            assert_eq!(proof.asked, 5);
        }
    }
}
