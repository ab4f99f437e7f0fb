//! The double-sign rule as data: what was signed last, what is asked, what must come of it (spec/signer.md §3.7).
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/requests.rs"]
mod requests;

use palisade_signer::{
    guard::{self, Reason, Verdict},
    mark::{Hrs, Mark, Step},
    request::Request,
};
use requests::{precommit, prevote, prevote_033, proposal, proposal_033, timestamp};

/// The expected verdict.
#[derive(Debug, PartialEq)]
enum Expect {
    Advance,
    /// With this second in the stored timestamp.
    Repeat(i64),
    Refuse(Reason),
}

struct Case {
    rule: &'static str,
    last: Mark,
    asked: Request,
    expect: Expect,
}

fn signed(request: &Request) -> Mark {
    Mark { hrs: request.hrs(), sign_bytes: request.sign_bytes().into() }
}

fn floor(height: i64, round: i32, step: Step) -> Mark {
    Mark::floor(Hrs { height, round, step })
}

fn case(rule: &'static str, last: Mark, asked: Request, expect: Expect) -> Case {
    Case { rule, last, asked, expect }
}

fn cases() -> Vec<Case> {
    use Expect::{Advance, Refuse, Repeat};
    let fresh = || Mark::floor(Hrs::whole_height(0));
    vec![
        // Lines 2 and 3: anything higher, whatever block.
        case("first_proposal", fresh(), proposal(1, 0, 1, 0), Advance),
        case("first_prevote", fresh(), prevote(1, 0, 1, 0), Advance),
        case("higher_height", signed(&precommit(5, 3, 1, 0)), proposal(6, 0, 2, 0), Advance),
        case(
            "higher_height_lower_round_and_step",
            signed(&precommit(5, 3, 1, 0)),
            prevote(6, 0, 2, 0),
            Advance,
        ),
        case("higher_round_lower_step", signed(&precommit(5, 0, 1, 0)), proposal(5, 1, 2, 0), Advance),
        case("higher_step_same_block", signed(&prevote(5, 0, 1, 0)), precommit(5, 0, 1, 0), Advance),
        case("higher_step_nil", signed(&prevote(5, 0, 1, 0)), precommit(5, 0, 0, 0), Advance),
        case("higher_step_other_block", signed(&prevote(5, 0, 1, 0)), precommit(5, 0, 2, 0), Advance),
        case(
            "prevote_other_block_than_own_proposal",
            signed(&proposal(5, 0, 1, 0)),
            prevote(5, 0, 2, 0),
            Advance,
        ),
        case("far_ahead", signed(&prevote(5, 0, 1, 0)), prevote(i64::MAX, i32::MAX, 1, 0), Advance),
        // Line 1: anything lower.
        case(
            "height_regression",
            signed(&prevote(5, 0, 1, 0)),
            precommit(4, 9, 1, 0),
            Refuse(Reason::HeightRegression),
        ),
        case(
            "round_regression",
            signed(&prevote(5, 2, 1, 0)),
            precommit(5, 1, 1, 0),
            Refuse(Reason::RoundRegression),
        ),
        case(
            "step_regression",
            signed(&precommit(5, 2, 1, 0)),
            prevote(5, 2, 1, 0),
            Refuse(Reason::StepRegression),
        ),
        case(
            "proposal_after_own_prevote",
            signed(&prevote(5, 2, 1, 0)),
            proposal(5, 2, 1, 0),
            Refuse(Reason::StepRegression),
        ),
        case(
            "proposal_after_own_precommit",
            signed(&precommit(5, 2, 1, 0)),
            proposal(5, 2, 1, 0),
            Refuse(Reason::StepRegression),
        ),
        // Line 4: the same question.
        case("same_prevote", signed(&prevote(5, 0, 1, 7)), prevote(5, 0, 1, 7), Repeat(7)),
        case("same_precommit", signed(&precommit(5, 0, 1, 7)), precommit(5, 0, 1, 7), Repeat(7)),
        case("same_nil_prevote", signed(&prevote(5, 0, 0, 7)), prevote(5, 0, 0, 7), Repeat(7)),
        case("same_proposal", signed(&proposal(5, 0, 1, 7)), proposal(5, 0, 1, 7), Repeat(7)),
        // Line 5: a vote with another timestamp gets the old one.
        case("prevote_later", signed(&prevote(5, 0, 1, 7)), prevote(5, 0, 1, 9), Repeat(7)),
        case("precommit_earlier", signed(&precommit(5, 0, 1, 7)), precommit(5, 0, 1, 3), Repeat(7)),
        case("nil_precommit_later", signed(&precommit(5, 0, 0, 7)), precommit(5, 0, 0, 9), Repeat(7)),
        // Line 6: a proposal with another timestamp gets none.
        case(
            "proposal_later",
            signed(&proposal(5, 0, 1, 7)),
            proposal(5, 0, 1, 9),
            Refuse(Reason::ConflictingProposalTimestamp),
        ),
        // Line 7: another block, or nil.
        case(
            "prevote_other_block",
            signed(&prevote(5, 0, 1, 7)),
            prevote(5, 0, 2, 7),
            Refuse(Reason::ConflictingBlock),
        ),
        case(
            "prevote_other_block_later",
            signed(&prevote(5, 0, 1, 7)),
            prevote(5, 0, 2, 9),
            Refuse(Reason::ConflictingBlock),
        ),
        case(
            "prevote_nil_after_block",
            signed(&prevote(5, 0, 1, 7)),
            prevote(5, 0, 0, 7),
            Refuse(Reason::ConflictingBlock),
        ),
        case(
            "precommit_block_after_nil",
            signed(&precommit(5, 0, 0, 7)),
            precommit(5, 0, 1, 7),
            Refuse(Reason::ConflictingBlock),
        ),
        case(
            "proposal_other_block",
            signed(&proposal(5, 0, 1, 7)),
            proposal(5, 0, 2, 7),
            Refuse(Reason::ConflictingBlock),
        ),
        // Line 8: a floor.
        case("floor_same_step", floor(5, 0, Step::Prevote), prevote(5, 0, 1, 7), Refuse(Reason::NoSignBytes)),
        case("floor_next_step", floor(5, 0, Step::Prevote), precommit(5, 0, 1, 7), Advance),
        case(
            "floor_lower_step",
            floor(5, 0, Step::Prevote),
            proposal(5, 0, 1, 7),
            Refuse(Reason::StepRegression),
        ),
        case(
            "floor_of_whole_height",
            Mark::floor(Hrs::whole_height(5)),
            precommit(5, 9, 1, 7),
            Refuse(Reason::RoundRegression),
        ),
        // Tendermint 0.33: the same rules on other bytes.
        case("same_prevote_033", signed(&prevote_033(5, 0, 1, 7)), prevote_033(5, 0, 1, 7), Repeat(7)),
        case("prevote_later_033", signed(&prevote_033(5, 0, 1, 7)), prevote_033(5, 0, 1, 9), Repeat(7)),
        case(
            "prevote_other_block_033",
            signed(&prevote_033(5, 0, 1, 7)),
            prevote_033(5, 0, 2, 7),
            Refuse(Reason::ConflictingBlock),
        ),
        case(
            "proposal_later_033",
            signed(&proposal_033(5, 0, 1, 7)),
            proposal_033(5, 0, 1, 9),
            Refuse(Reason::ConflictingProposalTimestamp),
        ),
        // Both at one height: another signature for the same vote would be a second one, so it is refused.
        case(
            "prevote_033_then_newer",
            signed(&prevote_033(5, 0, 1, 7)),
            prevote(5, 0, 1, 7),
            Refuse(Reason::ConflictingBlock),
        ),
        case(
            "prevote_newer_then_033_later",
            signed(&prevote(5, 0, 1, 7)),
            prevote_033(5, 0, 1, 9),
            Refuse(Reason::ConflictingBlock),
        ),
        case(
            "proposal_033_then_newer",
            signed(&proposal_033(5, 0, 1, 7)),
            proposal(5, 0, 1, 7),
            Refuse(Reason::ConflictingBlock),
        ),
        case("nil_is_the_same_in_both", signed(&prevote_033(5, 0, 0, 7)), prevote(5, 0, 0, 9), Repeat(7)),
        case("above_floor_of_whole_height", Mark::floor(Hrs::whole_height(5)), prevote(6, 0, 1, 7), Advance),
    ]
}

#[test]
fn every_rule() {
    for Case { rule, last, asked, expect } in cases() {
        let verdict = match guard::check(&last, &asked) {
            Verdict::Advance(new) => {
                assert_eq!((new.hrs(), new.sign_bytes()), (asked.hrs(), asked.sign_bytes()), "{rule}");
                Expect::Advance
            }
            Verdict::Repeat(repeat) => {
                let seconds = repeat.timestamp().seconds - timestamp(0).expect("some").seconds;
                Expect::Repeat(seconds)
            }
            Verdict::Refuse(refusal) => {
                assert_eq!((refusal.last, refusal.asked), (last.hrs, asked.hrs()), "{rule}: evidence");
                Expect::Refuse(refusal.reason)
            }
        };
        assert_eq!(verdict, expect, "{rule}");
    }
}

#[test]
fn damaged_sign_bytes_never_make_a_repeat() {
    let asked = prevote(5, 0, 1, 9);
    let mut mark = signed(&prevote(5, 0, 1, 7));
    for at in 0..mark.sign_bytes.len() {
        mark.sign_bytes[at] ^= 1;
        // A flipped bit inside the timestamp is another timestamp; anywhere else it is another vote.
        if let Verdict::Repeat(repeat) = guard::check(&mark, &asked) {
            assert_ne!(repeat.timestamp(), asked.timestamp());
        }
        mark.sign_bytes[at] ^= 1;
    }
}

#[test]
fn imports_only_raise() {
    let mark = signed(&prevote(5, 0, 1, 0));
    assert_eq!(guard::raise(&mark, Mark::floor(mark.hrs)), None);
    assert_eq!(guard::raise(&mark, floor(4, 9, Step::Precommit)), None);
    assert!(guard::raise(&mark, floor(5, 0, Step::Precommit)).is_some());
}
