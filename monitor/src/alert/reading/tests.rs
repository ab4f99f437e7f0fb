//! Facts of the kind that are met at night, and which rules hold.

use super::super::board::ChannelView;
use super::super::engine::{State, evaluate};
use super::super::policy::{Matcher, Override};
use super::*;
use crate::view::ChainView;
use std::sync::Arc;

const NOW: i64 = 1_800_000_000;

fn own(n: u8) -> ValidatorView {
    ValidatorView {
        valoper: format!("cvaloper{n}"),
        moniker: format!("own {n}"),
        address: comet::key::Address([n; 20]).to_string(),
        own: true,
        in_set: true,
        bonded: true,
        jailed: Some(false),
        tombstoned: Some(false),
        window_missed: Some(0),
        window_limit: Some(500),
        blocks_to_jail: Some(501),
        seconds_to_jail: Some(3006.0),
        exact: true,
        ..ValidatorView::default()
    }
}

fn source(up: bool, height: i64) -> SourceView {
    SourceView {
        endpoint: "a:26657".into(),
        up,
        height: Some(height),
        age_seconds: Some(1.0),
        ..SourceView::default()
    }
}

fn chain(validators: Vec<ValidatorView>) -> ChainFacts {
    let watch = validators.iter().filter(|v| v.own).map(|v| v.valoper.clone()).collect();
    let view = ChainView {
        chain_id: "c-1".into(),
        height: Some(100),
        block_time_unix: Some(NOW - 3),
        block_seconds: Some(6.0),
        signed_power_ratio: Some(0.99),
        validators,
        ..ChainView::default()
    };
    ChainFacts { view: Arc::new(view), sources: vec![source(true, 100)], watch, ..ChainFacts::default() }
}

fn facts(chain: ChainFacts) -> Facts {
    Facts { now: NOW, chains: vec![chain], ..Facts::default() }
}

/// Rules that hold and are not hidden, with their subject.
fn said(facts: &Facts) -> Vec<String> {
    let readings = read(facts, &Policy::default());
    let said = readings.list.iter().filter(|r| r.holds == Holds::Yes && !r.hidden);
    said.map(|r| format!("{} {}", r.key.rule.trim_start_matches("Palisade"), r.key.subject)).collect()
}

#[test]
fn a_healthy_chain_says_nothing_even_where_jail_is_minutes_away() {
    assert!(said(&facts(chain(vec![own(1), own(2)]))).is_empty());
}

#[test]
fn the_ways_down() {
    let down = |missed, seconds| ValidatorView {
        consecutive_missed: missed,
        seconds_to_jail: Some(seconds),
        ..own(1)
    };
    for (validator, expected) in [
        (down(2, 100.0), vec![]),
        (down(5, 9000.0), vec!["ValidatorMissing cvaloper1"]),
        (down(20, 9000.0), vec!["ValidatorDown cvaloper1"]),
        (down(3, 7199.0), vec!["JailNear cvaloper1"]),
        (down(20, 1799.0), vec!["JailImminent cvaloper1", "ValidatorDown cvaloper1"]),
        (
            ValidatorView { window_missed: Some(251), seconds_to_jail: Some(1000.0), ..own(1) },
            vec!["JailImminent cvaloper1"],
        ),
        (
            ValidatorView {
                jailed: Some(true),
                bonded: false,
                in_set: false,
                consecutive_missed: 501,
                ..own(1)
            },
            vec!["ValidatorJailed cvaloper1"],
        ),
        (
            ValidatorView {
                jailed: Some(true),
                tombstoned: Some(true),
                bonded: false,
                in_set: false,
                ..own(1)
            },
            vec!["ValidatorTombstoned cvaloper1"],
        ),
        (ValidatorView { bonded: false, in_set: false, ..own(1) }, vec!["ValidatorOutside cvaloper1"]),
        (ValidatorView { own: false, consecutive_missed: 50, ..own(1) }, vec![]),
    ] {
        assert_eq!(said(&facts(chain(vec![validator.clone()]))), expected, "{validator:?}");
    }
}

#[test]
fn a_halt_of_64_is_one_alert() {
    let mut halted = chain((1..=64).map(|n| ValidatorView { consecutive_missed: 30, ..own(n) }).collect());
    Arc::make_mut(&mut halted.view).block_time_unix = Some(NOW - 600);
    Arc::make_mut(&mut halted.view).signed_power_ratio = Some(0.5);
    halted.blind = true;
    assert_eq!(said(&facts(halted.clone())), ["ChainStalled "]);
    let (_, out) =
        evaluate(State::default(), read(&facts(halted), &Policy::default()), &Policy::default(), NOW * 1000);
    assert_eq!(out.len(), 1, "{:?}", out.iter().map(|t| t.alert.key.clone()).collect::<Vec<_>>());
}

#[test]
fn a_network_event_is_told_once_and_a_jailing_all_the_same() {
    let mut event = chain(
        (1..=5)
            .map(|n| ValidatorView { consecutive_missed: 9, seconds_to_jail: Some(9e9), ..own(n) })
            .collect(),
    );
    Arc::make_mut(&mut event.view).signed_power_ratio = Some(0.7);
    assert_eq!(said(&facts(event.clone())), ["NetworkEvent "]);
    Arc::make_mut(&mut event.view).validators[0].seconds_to_jail = Some(60.0);
    assert_eq!(said(&facts(event)), ["JailImminent cvaloper1", "NetworkEvent "]);
}

#[test]
fn the_blind_know_nothing() {
    let mut blind = chain(vec![ValidatorView { consecutive_missed: 50, ..own(1) }]);
    blind.blind = true;
    blind.sources = vec![source(false, 100)];
    let readings = read(&facts(blind.clone()), &Policy::default());
    for r in &readings.list {
        let about_data =
            r.key.rule.starts_with("PalisadeValidator") || r.key.rule.starts_with("PalisadeJail");
        assert!(!about_data || r.holds == Holds::Unknown, "{:?}", r.key);
    }
    assert_eq!(said(&facts(blind.clone())), ["MonitorBlind "], "not its endpoints one by one");
    // An endpoint that is ahead of us, and no block comes: blind as well.
    blind.sources = vec![source(true, 200)];
    assert_eq!(said(&facts(blind)), ["MonitorBlind "]);
}

#[test]
fn before_anything_is_read_nothing_is_over() {
    let mut start = chain(vec![]);
    start.watch = vec!["cvaloper1".into()];
    let readings = read(&facts(start), &Policy::default());
    let down = readings.list.iter().find(|r| r.key.rule == "PalisadeValidatorDown").unwrap();
    assert_eq!((down.holds, down.key.subject.as_str()), (Holds::Unknown, "cvaloper1"));
}

#[test]
fn thresholds_of_a_chain_and_of_a_validator() {
    let mut both = chain(vec![own(1), own(2)]);
    for v in &mut Arc::make_mut(&mut both.view).validators {
        (v.consecutive_missed, v.seconds_to_jail) = (10, Some(9e9));
    }
    let set = |chain: Option<&str>, subject: Option<&str>, threshold| Override {
        matcher: Matcher {
            rule: Some("PalisadeValidatorMissing".into()),
            chain: chain.map(Into::into),
            subject: subject.map(Into::into),
        },
        threshold: Some(threshold),
        ..Override::default()
    };
    let policy = Policy {
        overrides: vec![
            set(Some("c-1"), None, 15.0),
            set(None, Some("own 2"), 8.0),
            set(Some("d"), None, 0.0),
        ],
        ..Policy::default()
    };
    let readings = read(&facts(both), &policy);
    let said: Vec<_> =
        readings.list.iter().filter(|r| r.holds == Holds::Yes).map(|r| r.key.subject.as_str()).collect();
    assert_eq!(said, ["cvaloper2"]);
    let off = Policy {
        overrides: vec![Override {
            matcher: Matcher { rule: Some("PalisadeValidatorMissing".into()), ..Matcher::default() },
            enabled: Some(false),
            ..Override::default()
        }],
        ..Policy::default()
    };
    let readings = read(&facts(chain(vec![own(1)])), &off);
    assert!(readings.list.iter().all(|r| r.key.rule != "PalisadeValidatorMissing"));
}

#[test]
fn daemons_beside_us_and_channels() {
    let probe = |up, findings: Option<Vec<String>>| Probe { name: "p".into(), up, findings, error: None };
    let all = Facts {
        signers: vec![
            probe(Some(false), None),
            Probe { name: "q".into(), ..probe(Some(true), Some(vec!["x".into()])) },
        ],
        sentries: vec![probe(Some(true), Some(vec!["a".into(), "b".into()])), probe(None, None)],
        channels: vec![ChannelView {
            name: "pager".into(),
            failures: 2,
            oldest_seconds: 121,
            ..ChannelView::default()
        }],
        ..Facts::default()
    };
    assert_eq!(
        said(&all),
        ["SignerUnreachable p", "SignerNotReady q", "SentryFindings p", "ChannelFailing pager"]
    );
}

/// A change to a healthy chain of one own validator, and what is said of it.
type Case = (&'static str, fn(&mut ChainView), &'static [&'static str]);

#[test]
fn what_is_owed_what_is_coming_and_what_endpoints_do() {
    let table: &[Case] = &[
        (
            "P24h above 1 %",
            |c| c.validators[0].forecast.jail_probability_24h = Some(0.011),
            &["JailLikely cvaloper1"],
        ),
        ("P24h of 1 %", |c| c.validators[0].forecast.jail_probability_24h = Some(0.01), &[]),
        ("a vote owed, two days left", |c| owes(c, 172_799), &["ProposalUnvoted cvaloper1"]),
        ("a vote owed, more than two days left", |c| owes(c, 172_801), &[]),
        (
            "a vote of which nothing is known",
            |c| {
                owes(c, 60);
                c.validators[0].duty.as_mut().unwrap().unvoted = None;
            },
            &[],
        ),
        ("no coins", |c| c.validators[0].duty = Some(holding("0")), &["BalanceLow cvaloper1"]),
        ("one coin", |c| c.validators[0].duty = Some(holding("1")), &[]),
        ("evidence in this hour", |c| c.evidence_time_unix = Some(NOW - 3_599), &["Evidence "]),
        ("evidence long ago", |c| c.evidence_time_unix = Some(NOW - 3_601), &[]),
        ("an upgrade tomorrow", |c| c.upgrade = Some(upgrade(86_000.0)), &["UpgradeNear "]),
        ("an upgrade next week", |c| c.upgrade = Some(upgrade(600_000.0)), &[]),
    ];
    for (name, change, expected) in table {
        let mut chain = chain(vec![own(1)]);
        change(Arc::get_mut(&mut chain.view).unwrap());
        assert_eq!(said(&facts(chain)), *expected, "{name}");
    }
    let disputed = ChainFacts { disputed: true, ..chain(vec![own(1)]) };
    assert_eq!(said(&facts(disputed)), ["SourcesDisagree "]);
    let rewound = ChainFacts { rewound: true, ..chain(vec![own(1)]) };
    assert_eq!(said(&facts(rewound)), ["SourcesRewound "]);
}

fn holding(balance: &str) -> view::DutyView {
    view::DutyView { balance: Some(balance.into()), ..view::DutyView::default() }
}

fn owes(chain: &mut ChainView, seconds: i64) {
    chain.proposals =
        Some(vec![view::ProposalView { id: 7, ends_unix: NOW + seconds, ..Default::default() }]);
    chain.validators[0].duty = Some(view::DutyView { unvoted: Some(vec![7]), ..holding("5") });
}

fn upgrade(seconds: f64) -> view::UpgradeView {
    view::UpgradeView { seconds: Some(seconds), ..view::UpgradeView::default() }
}

#[test]
fn a_chain_that_stands_longer_than_its_upgrade_takes_did_not_resume() {
    let halted = |until: i64| {
        let mut chain = chain(vec![own(1)]);
        let view = Arc::get_mut(&mut chain.view).unwrap();
        view.upgrade =
            Some(view::UpgradeView { halt_expected: true, halt_to_unix: Some(until), ..upgrade(-600.0) });
        view.block_time_unix = Some(NOW - 600);
        chain.sources = vec![source(false, 100)];
        chain.blind = true;
        said(&facts(chain))
    };
    assert_eq!(halted(NOW - 1), ["UpgradeNear ", "DidNotResume "]);
    assert_eq!(halted(NOW + 60), ["UpgradeNear "], "as planned");
}
