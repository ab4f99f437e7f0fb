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
            ..Snapshot::default()
        },
        Snapshot { chain: kvstore.into(), blind: true, ..Snapshot::default() },
    ]
}

#[test]
fn golden() {
    let text = exposition("0.1.0", &snapshots());
    let golden = include_str!("golden.prom");
    assert!(text == golden, "the exposition changed; if that is wanted, metrics/golden.prom is now:\n{text}");
}

#[test]
fn unknown_is_absent() {
    let text = exposition("0.1.0", &snapshots());
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
