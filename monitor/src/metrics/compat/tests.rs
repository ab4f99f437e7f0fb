//! The aliases as a golden file: names, types and labels of the originals, and what is absent.

use super::*;
use crate::metrics::{SourceView, exposition};
use crate::view::{
    ChainView, DutyView, HealthView, ProposalView, SeatsView, StakeView, UpgradeView, WindowView,
};
use std::sync::Arc;

fn snapshot() -> Snapshot {
    let own = |n: u8| {
        let mut v = ValidatorView {
            valoper: format!("akashvaloper1zzzzz{n}"),
            moniker: "same".into(),
            address: format!("{n}{n}").repeat(20),
            own: true,
            in_set: true,
            bonded: true,
            jailed: Some(false),
            signed: 90 + u64::from(n),
            missed: 2,
            consecutive_missed: 1,
            proposed: 3,
            window_missed: Some(2),
            ..ValidatorView::default()
        };
        v.diagnosis.solo_missed = 1;
        v.diagnosis.empty_proposed = 2;
        v.stake = StakeView { tokens: Some("5000000".into()), rank: Some(7), ..StakeView::default() };
        v
    };
    let mut first = own(1);
    first.duty = Some(DutyView {
        unvoted: Some(vec![4]),
        vote_unknown: Some(vec![5]),
        unclaimed_commission: Some("17".into()),
        ..DutyView::default()
    });
    let proposal = |id| ProposalView { id, ends_unix: 1_800_000_000, ..ProposalView::default() };
    let stranger = ValidatorView { valoper: "x".into(), ..ValidatorView::default() };
    let chain = ChainView {
        chain_id: "akashnet-2".into(),
        height: Some(101),
        block_seconds: Some(6.0),
        set_size: 3,
        unknown_heights: 1,
        window: Some(WindowView {
            blocks: 10_000,
            limit: Some(9500),
            min_signed: "0.050000000000000000".into(),
            jail_seconds: 600,
            slash_downtime: "0.000100000000000000".into(),
        }),
        seats: SeatsView {
            denom: Some("uakt".into()),
            price: Some("4000000".into()),
            ..SeatsView::default()
        },
        proposals: Some(vec![proposal(3), proposal(4), proposal(5)]),
        upgrade: Some(UpgradeView { name: "v2".into(), height: 200, blocks: 99, ..UpgradeView::default() }),
        health: HealthView { heights: 100, transactions: 40, ..HealthView::default() },
        validators: vec![first, own(2), stranger],
        ..ChainView::default()
    };
    let source = |endpoint: &str, up, lag| SourceView {
        endpoint: endpoint.into(),
        up,
        height: Some(101 - lag),
        lag: Some(lag),
        age_seconds: Some(40.0),
        ..SourceView::default()
    };
    Snapshot {
        chain: Arc::new(chain),
        sources: vec![source("a:26657", true, 0), source("b:26657", false, 2)],
        data_age_seconds: Some(0.5),
        compat: BTreeSet::from([Compat::Tenderduty, Compat::CosmosValidatorWatcher]),
        ..Snapshot::default()
    }
}

fn aliases(text: &str) -> String {
    let kept = text.lines().filter(|line| !line.contains("palisade_monitor_"));
    kept.map(|line| format!("{line}\n")).collect()
}

#[test]
fn golden() {
    let text = aliases(&exposition("0.1.0", &[snapshot()]));
    let golden = include_str!("golden.prom");
    assert!(
        text == golden,
        "the aliases changed; if that is wanted, metrics/compat/golden.prom is now:\n{text}"
    );
}

#[test]
fn nothing_unless_wanted_and_never_a_series_twice() {
    let plain = Snapshot { compat: BTreeSet::new(), ..snapshot() };
    assert_eq!(aliases(&exposition("0.1.0", &[plain])), "");
    let text = aliases(&exposition("0.1.0", &[snapshot()]));
    let mut series: Vec<_> =
        text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.rsplit_once(' ')).collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup_by_key(|(name, _)| *name);
    assert_eq!(series.len(), all, "two validators of one name are told apart");
    assert!(!text.contains("proposal_id=\"5\"} 0"), "a vote that is not known is not a no");
}
