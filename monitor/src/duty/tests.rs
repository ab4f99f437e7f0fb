//! What is known stays known, and nothing unknown becomes a "no".

use super::*;
use comet::sdk::gov::ParamChange;
use comet::sdk::slashing;

#[test]
fn an_account_is_the_operators_own() {
    let valoper = bech32::encode("akashvaloper", &[7; 20]).unwrap();
    assert_eq!(account(&valoper), bech32::encode("akash", &[7; 20]).ok());
    assert_eq!(account(&bech32::encode("akashvalcons", &[7; 20]).unwrap()), None);
    assert_eq!(account("6E3B"), None);
}

#[test]
fn failures_forget_nothing_but_a_no() {
    let votes = BTreeMap::from([(1, Vote::Yes), (2, Vote::No)]);
    let operator = Operator { account: "a".into(), balance: Some(5), votes, ..Operator::default() };
    let known = Duties {
        seats: Some(100),
        proposals: Some(vec![Proposal { id: 1, ..Proposal::default() }]),
        plan: Some(Some(Plan { name: "v2".into(), height: 9 })),
        operators: BTreeMap::from([("v".into(), operator)]),
        ..Duties::default()
    };
    let silent = Duties {
        operators: BTreeMap::from([("v".into(), Operator { account: "a".into(), ..Operator::default() })]),
        ..Duties::default()
    };
    let after = known.clone().updated(silent);
    assert_eq!((after.seats, &after.plan, &after.proposals), (known.seats, &known.plan, &known.proposals));
    assert_eq!(after.operators["v"].balance, Some(5));
    assert_eq!(after.operators["v"].votes, BTreeMap::from([(1, Vote::Yes), (2, Vote::Unknown)]));
    let none = known.updated(Duties { plan: Some(None), ..Duties::default() });
    assert_eq!(none.plan, Some(None), "the chain said that there is none");
}

#[test]
fn parameters_of_both_kinds_of_proposals() {
    let now = Params {
        window: 100,
        min_signed: "0.5".parse().unwrap(),
        jail_duration: 60,
        slash_downtime: "0.01".parse().unwrap(),
    };
    let change = |key: &str, value: &str| ParamChange {
        subspace: "slashing".into(),
        key: key.into(),
        value: value.into(),
    };
    let some = SlashingChange::Some(vec![
        change("SignedBlocksWindow", "\"40\""),
        change("MinSignedPerWindow", "\"0.100000000000000000\""),
        change("DowntimeJailDuration", "\"600000000000\""),
    ]);
    let then = changed(&now, &some).unwrap();
    assert_eq!((then.window, then.max_missed(), then.jail_duration), (40, Some(36), 600_000_000_000));
    assert_eq!(then.slash_downtime, now.slash_downtime);
    assert_eq!(changed(&now, &SlashingChange::Some(vec![change("SignedBlocksWindow", "x")])), None);
    let all = slashing::Params {
        signed_blocks_window: 50,
        min_signed_per_window: "0.2".parse::<Dec>().unwrap().to_wire(),
        downtime_jail_duration: Some(comet::sdk::Duration { seconds: 7, nanos: 1 }),
        slash_fraction_downtime: "0.02".parse::<Dec>().unwrap().to_wire(),
        ..slashing::Params::default()
    };
    let then = changed(&now, &SlashingChange::All(all.clone())).unwrap();
    assert_eq!((then.window, then.max_missed(), then.jail_duration), (50, Some(40), 7_000_000_001));
    let zero = slashing::Params { signed_blocks_window: 0, ..all };
    assert_eq!(changed(&now, &SlashingChange::All(zero)), None);
}

#[test]
fn launchpad_answers() {
    let json = br#"[{"content":{"type":"cosmos-sdk/ParameterChangeProposal","value":{"title":"Small\u202ewindow",
        "description":"","changes":[{"subspace":"slashing","key":"SignedBlocksWindow","value":"\"50\""}]}},
        "id":"7","proposal_status":"VotingPeriod","voting_end_time":"2026-11-21T10:00:00Z"},
        {"content":{"type":"cosmos-sdk/SoftwareUpgradeProposal","value":{"title":"v2","plan":{"name":"v2",
        "time":"0001-01-01T00:00:00Z","height":"900","info":""}}},"id":"8","voting_end_time":"2026-11-21T10:00:00Z"}]"#;
    let found = legacy::proposals(json).unwrap();
    assert_eq!((found[0].id, found[0].title.as_str(), found[0].upgrade.is_none()), (7, "Smallwindow", true));
    assert!(matches!(&found[0].slashing, Some(SlashingChange::Some(c)) if c[0].value == "\"50\""));
    assert_eq!(found[1].upgrade, Some(("v2".into(), 900)));
    assert_eq!(legacy::proposals(b"null"), Some(vec![]));
    assert_eq!(legacy::proposals(b"{}"), None);
    assert_eq!(legacy::voted(br#"{"proposal_id":"0","voter":"","option":""}"#, 7, "a"), Some(false));
    assert_eq!(legacy::voted(br#"{"proposal_id":"7","voter":"a","option":"Yes"}"#, 7, "a"), Some(true));
    assert_eq!(legacy::voted(br#"{"proposal_id":"9","voter":"a","option":"Yes"}"#, 7, "a"), None);
    assert_eq!(legacy::plan(b""), Some(None));
    assert_eq!(
        legacy::plan(br#"{"name":"v2","time":"0001-01-01T00:00:00Z","height":"9","info":""}"#),
        Some(Some(Plan { name: "v2".into(), height: 9 }))
    );
    assert_eq!(legacy::plan(b"x"), None);
    assert_eq!(legacy::balance(br#"[{"denom":"stake","amount":"5"}]"#, "stake"), Some(5));
    assert_eq!(legacy::balance(b"[]", "stake"), Some(0));
    assert_eq!(legacy::balance(b"{}", "stake"), None);
}
