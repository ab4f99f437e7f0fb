//! The whole exposition as a golden file: names, types, labels, and what is absent.

use super::*;
use crate::view::ValidatorView;

fn snapshots() -> Vec<Snapshot> {
    let hostile = ValidatorView {
        valoper: "akashvaloper1aa".into(),
        moniker: "a\"b\\c\n<script>".into(),
        own: true,
        in_set: true,
        bonded: true,
        power: Some(10),
        jailed: Some(false),
        tombstoned: Some(false),
        signed: 98,
        missed: 2,
        nil: 1,
        consecutive_missed: 1,
        proposed: 3,
        window_missed: Some(2),
        window_limit: Some(50),
        blocks_to_jail: Some(49),
        seconds_to_jail: Some(294.5),
        uptime_ratio: Some(0.98),
        ..ValidatorView::default()
    };
    let bare =
        ValidatorView { valoper: "6E3B".into(), in_set: true, bonded: true, ..ValidatorView::default() };
    let chain = ChainView {
        chain_id: "akashnet-2".into(),
        height: Some(101),
        counted_height: Some(100),
        window_source: "store",
        set_size: 1,
        validators: vec![hostile],
        ..ChainView::default()
    };
    let kvstore = ChainView {
        chain_id: "kv".into(),
        window_source: "none",
        validators: vec![bare],
        ..ChainView::default()
    };
    let source = SourceView {
        endpoint: "127.0.0.1:26657".into(),
        transport: "rpc",
        errors_by_class: vec![("timeout", 2)],
        up: true,
        height: Some(101),
        ..SourceView::default()
    };
    vec![
        Snapshot {
            chain: chain.into(),
            sources: vec![source],
            data_age_seconds: Some(0.5),
            history: Some(HistoryView { rows: 100, bytes: 65_536, oldest: Some(1), missing: 7 }),
            ..Snapshot::default()
        },
        Snapshot { chain: kvstore.into(), blind: true, ..Snapshot::default() },
    ]
}

fn board() -> crate::alert::board::Board {
    use crate::alert::board::ChannelView;
    use crate::alert::facts::Probe;
    let mut alert = crate::alert::message::example(crate::alert::Kind::Fired).alert;
    alert.key.chain = "akashnet-2".into();
    let pager = ChannelView {
        name: "pager".into(),
        delivered: 3,
        failed: 1,
        waiting: 2,
        oldest_seconds: 7,
        ..ChannelView::default()
    };
    let unasked = Probe { name: "unasked".into(), ..Probe::default() };
    let signer = Probe { name: "s".into(), up: Some(true), findings: Some(vec![]), error: None };
    let sentry = Probe { name: "w".into(), up: Some(true), findings: Some(vec!["pex".into()]), error: None };
    crate::alert::board::Board {
        evaluated_at: Some(5000),
        alerts: vec![alert],
        channels: vec![pager],
        signers: vec![signer, unasked],
        sentries: vec![sentry],
        ..crate::alert::board::Board::default()
    }
}

#[test]
fn golden() {
    let remote = Pushed {
        kind: "remote_write",
        target: "mimir.example:443".into(),
        sent: 9,
        failed: 1,
        dropped: 2,
        waiting: 3,
        differ: 4,
    };
    let text = exposition("0.1.0", &snapshots()) + &alerts(&board()) + &pushed(&[remote]);
    let golden = include_str!("golden.prom");
    assert!(text == golden, "the exposition changed; if that is wanted, metrics/golden.prom is now:\n{text}");
}

#[test]
fn the_rules_compare_what_is_exposed() {
    use crate::view::{DutyView, ForecastView, ProposalView, UpgradeView};
    let mut all = snapshots();
    let chain = std::sync::Arc::make_mut(&mut all[0].chain);
    chain.block_time_unix = Some(1);
    chain.signed_power_ratio = Some(1.0);
    chain.evidence_time_unix = Some(1);
    chain.proposals = Some(vec![ProposalView { id: 7, ends_unix: 9, ..ProposalView::default() }]);
    chain.upgrade = Some(UpgradeView {
        seconds: Some(1.0),
        halt_expected: true,
        halt_to_unix: Some(2),
        ..UpgradeView::default()
    });
    chain.validators[0].forecast =
        ForecastView { jail_probability_24h: Some(0.5), ..ForecastView::default() };
    chain.validators[0].duty =
        Some(DutyView { balance: Some("5".into()), unvoted: Some(vec![7]), ..DutyView::default() });
    let text = exposition("0.1.0", &all) + &alerts(&board());
    for rule in crate::alert::rule::RULES {
        for name in rule.expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let there = !name.starts_with("palisade_") || text.contains(&format!("# TYPE {name} "));
            assert!(there, "{} compares {name}, which nobody exposes", rule.name);
        }
    }
}

#[test]
fn unknown_is_absent() {
    let text = exposition("0.1.0", &snapshots()) + &alerts(&board());
    for name in [
        "window_missed",
        "window_limit",
        "blocks_to_jail",
        "seconds_to_jail",
        "jailed",
        "tombstoned",
        "uptime",
    ] {
        let family = format!("palisade_monitor_validator_{name}");
        let lines: Vec<_> = text.lines().filter(|l| l.starts_with(&family)).collect();
        assert_eq!(lines.iter().filter(|l| l.contains("\"kv\"")).count(), 0, "{lines:?}");
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
    assert!(!text.contains("chain_height{chain_id=\"kv\"}"));
}

#[test]
fn what_is_scraped_is_what_is_pushed() {
    let mut all = snapshots();
    let chain = Arc::make_mut(&mut all[0].chain);
    for value in [0.0, 1e21, 1e-7, -0.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let mut v = chain.validators[0].clone();
        (v.seconds_to_jail, v.forecast.jail_probability_1h, v.own) = (Some(value), Some(value), value > 0.0);
        chain.validators.push(v);
    }
    assert_eq!(exposition("1.2.3", &all), text(&families("1.2.3", &all)));
}
