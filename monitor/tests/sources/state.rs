//! One endpoint among several that lies about the state: x/staking, the missed slots, which SDK it is.

use super::Daemon;
use super::fake_node::{App, Lie, Mood, Node};
use super::faulty::errors;
use serde_json::{Value, json};

/// What the chain says of validator 2. It has missed the 20 slots that are overwritten next, so it has 501 blocks whatever
/// it has missed; with the slots of the liar it would have 481.
fn shown(chain: &Value) -> Value {
    let v = &chain["validators"][0];
    json!({
        "moniker": v["moniker"], "tokens": v["stake"]["tokens"], "rank": v["stake"]["rank"], "jailed": v["jailed"],
        "taken": chain["seats"]["taken"], "to_jail": v["blocks_to_jail"], "exact": v["exact"],
    })
}

fn truth() -> Value {
    json!({
        "moniker": "number 2", "tokens": "2000000", "rank": 3, "jailed": false,
        "taken": 4, "to_jail": 501, "exact": true,
    })
}

const LIES: [Lie; 6] = [Lie::Tokens, Lie::Jailed, Lie::Bonded, Lie::Moniker, Lie::Slots, Lie::Line];

#[tokio::test]
async fn a_liar_among_three_changes_nothing_and_is_named() {
    for lie in LIES {
        let dir = tempfile::tempdir().unwrap();
        let liar = Node::start(30, Mood::Good, App::Whole(lie)).await;
        let one = Node::start(30, Mood::Good, App::Whole(Lie::Nothing)).await;
        let two = Node::start(30, Mood::Good, App::Whole(Lie::Nothing)).await;
        let daemon = Daemon::start(dir.path(), &[liar.url(), one.url(), two.url()]).await;
        let chain = daemon.until("the store read", |c| c["window_source"] == "store").await;
        assert_eq!(shown(&chain), truth(), "{lie:?}: {chain:#}");
        daemon.until("the liar named", |c| errors(c, &liar, "foreign") > 0).await;
        assert_eq!(shown(&daemon.chain().await), truth(), "{lie:?}");
        daemon.stop().await;
    }
}

#[tokio::test]
async fn of_two_that_contradict_each_other_neither_is_shown() {
    for lie in LIES {
        let dir = tempfile::tempdir().unwrap();
        let liar = Node::start(30, Mood::Good, App::Whole(lie)).await;
        let good = Node::start(30, Mood::Good, App::Whole(Lie::Nothing)).await;
        let daemon = Daemon::start(dir.path(), &[liar.url(), good.url()]).await;
        daemon.until("at 30", |c| c["height"] == 30).await;
        let chain = daemon
            .until("both asked", |c| {
                // Whatever is shown meanwhile is true, and what is not known is not shown.
                let (shown, truth) = (shown(c), truth());
                for field in ["tokens", "rank", "jailed", "taken"] {
                    assert!(
                        shown[field].is_null() || shown[field] == truth[field],
                        "{lie:?} {field}: {shown}"
                    );
                }
                assert_ne!(shown["moniker"], "mallory");
                let blocks = shown["to_jail"].as_i64();
                assert!(shown["exact"] != true || blocks == Some(501), "{lie:?}: {shown}");
                liar.asked("abci_query").min(good.asked("abci_query")) >= 6
            })
            .await;
        assert_ne!(shown(&chain), truth(), "{lie:?}: what is disputed is not known");
        liar.app(App::Whole(Lie::Nothing));
        if !matches!(lie, Lie::Slots | Lie::Line) {
            daemon.until("the truth", |c| shown(c) == truth()).await;
        }
        daemon.stop().await;
    }
}
