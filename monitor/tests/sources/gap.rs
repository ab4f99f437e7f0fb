//! Heights that nobody had, and an endpoint has later: first a gap in the history, then as if it had never been one.

use super::fake_node::{App, CHAIN, Mood, Node, address, flag, proposer};
use super::{Daemon, agrees};
use comet::key::Address;
use palisade_monitor::history::{HOUR, span_of};
use palisade_monitor::io::history::{History, Reader, read};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

fn gaps(dir: &Path) -> Vec<RangeInclusive<i64>> {
    read::gaps(Reader::open(&dir.join("data"), CHAIN).unwrap().connection()).unwrap()
}

#[tokio::test]
async fn a_gap_is_filled_as_soon_as_an_endpoint_has_its_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(50, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[node.url()]).await;
    agrees(&daemon.until("at 50", |c| c["height"] == 50).await, 1, 49);
    daemon.stop().await;

    node.grow(250);
    node.prune(190);
    let daemon = Daemon::start(dir.path(), &[node.url()]).await;
    let chain = daemon.until("at 300", |c| c["height"] == 300).await;
    assert_eq!(chain["unknown_heights"], 140, "heights 50 to 189 are not there");
    assert_eq!(gaps(dir.path()), [50..=189]);

    // Part of them: what an endpoint has is taken, the rest stays unknown.
    node.prune(100);
    daemon.until("half of the gap", |c| c["unknown_heights"] == 50).await;
    assert_eq!(gaps(dir.path()), [50..=99]);
    node.prune(1);
    let chain = daemon.until("no gap", |c| c["unknown_heights"] == 0).await;
    agrees(&chain, 1, 299);
    assert_eq!(gaps(dir.path()), []);
    // The streak of who was away all the time goes on over what was a gap.
    node.grow(10);
    agrees(&daemon.until("at 310", |c| c["height"] == 310).await, 1, 309);
    daemon.stop().await;

    let daemon = Daemon::start(dir.path(), &[node.url()]).await;
    agrees(&daemon.until("the same after a restart", |c| c["height"] == 310).await, 1, 309);
    daemon.stop().await;
    hours_follow_the_rule(dir.path());
}

/// Every hour of everybody, folded before, while and after there was a gap in it.
fn hours_follow_the_rule(dir: &Path) {
    let mut history = History::open(&dir.join("data"), CHAIN).unwrap();
    while history.maintain().unwrap() {}
    let mut expected: BTreeMap<(i64, Address), [u64; 4]> = BTreeMap::new();
    let mut rows = 0;
    read::rows(history.connection(), 0..=1_000, None, |some| {
        for row in some {
            rows += 1;
            assert_eq!(row.height, rows, "a row is missing or twice");
            for n in 1..=4 {
                let counts = expected
                    .entry((span_of(row.time, HOUR), Address::from_hex(&address(n)).unwrap()))
                    .or_default();
                let flag = flag(n, row.height);
                let proposed = proposer(row.height) == n;
                let add = [flag != 1, flag == 1, flag == 3, proposed].map(u64::from);
                counts.iter_mut().zip(add).for_each(|(count, n)| *count += n);
            }
        }
    })
    .unwrap();
    assert_eq!(rows, 309);
    // The newest hour is not over.
    let newest = *expected.keys().next_back().map(|(hour, _)| hour).unwrap();
    expected.retain(|(hour, _), _| *hour < newest);
    let stored = read::rollups(history.connection(), HOUR, 0..=i64::MAX, None).unwrap();
    let stored: BTreeMap<_, _> =
        stored.into_iter().map(|(hour, a, s)| ((hour, a), [s.signed, s.missed, s.nil, s.proposed])).collect();
    assert_eq!(stored.len(), 5 * 4, "five hours are over");
    assert_eq!(stored, expected);
}
