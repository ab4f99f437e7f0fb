//! Whole screens, as they are drawn.

use super::draw::{Look, draw};
use super::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

fn validator(
    valoper: &str,
    moniker: &str,
    own: bool,
    rank: usize,
    flags: &str,
    left: i64,
) -> serde_json::Value {
    json!({ "valoper": valoper, "moniker": moniker, "own": own, "rank": rank, "in_set": true, "power": 10, "flags": flags,
        "blocks_to_jail": left, "exact": true, "seconds_to_jail": 6 * left, "window_missed": 3, "window_limit": 50,
        "consecutive_missed": flags.chars().rev().take_while(|c| *c == 'm').count() })
}

fn top() -> Top {
    let mut top = Top::default();
    let worst = validator("val1", "own", true, 2, "ssmm", 47);
    let overview = json!([
        { "chain_id": "good-1", "height": 1_234_567, "signed_power_ratio": 0.99, "sources_up": 2, "sources": 2, "data_age_seconds": 3 },
        { "chain_id": "hub-1", "height": 5, "critical": 1, "sources_up": 1, "sources": 2, "worst": worst },
    ]);
    top.take("api/overview", Some(overview.to_string().as_bytes())).unwrap();
    let chain = json!({ "chain_id": "hub-1", "height": 5, "round": 1, "block_seconds": 6.0, "signed_power_ratio": 0.5,
        "data_age_seconds": 2, "window": { "blocks": 100, "limit": 50 },
        "troubles": [{ "severity": "critical", "moniker": "own", "what": "has missed the last 2 blocks", "means": "Stake.",
            "left": "47 blocks to jail", "advice": "journalctl" }],
        "validators": [worst, validator("val2", "Zoe", false, 1, "sSsn", 60),
            validator("val3", "a\u{1b}[31m\u{202e}b\n\u{301}\u{301}\u{301}\u{301}", false, 3, "-?ss", 20)] });
    top.take("api/chains/hub-1", Some(chain.to_string().as_bytes())).unwrap();
    top
}

fn screen(top: &Top, width: u16, height: u16, look: Look) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(top, look, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

const PLAIN: Look = Look { color: false, unicode: false };

#[test]
fn the_overview_has_the_worst_first() {
    let top = top();
    let shown = screen(&top, 150, 6, PLAIN);
    assert_eq!(shown[0], "Palisade 2 chains, 1 in trouble");
    assert!(shown[2].starts_with("hub-1                CRITICAL"), "{shown:#?}");
    assert!(
        shown[2].contains("own") && shown[2].contains("..XX") && shown[2].ends_with("47, 5 min"),
        "{shown:#?}"
    );
    assert!(
        shown[3].starts_with("good-1               good") && shown[3].contains("1,234,567"),
        "{shown:#?}"
    );
}

#[test]
fn a_chain_says_what_is_wrong_and_shows_everybody() {
    let mut top = top();
    top.key(Key::Enter);
    assert_eq!(top.place, Place::Chain("hub-1".into()));
    assert_eq!(
        screen(&top, 80, 8, PLAIN),
        [
            "Palisade hub-1  height 5  round 1  power 50.0 %  block 6.00 s  window 50 of 100",
            "CRITICAL: own has missed the last 2 blocks. Stake. 47 blocks to jail",
            "type: journalctl",
            "#    validator            last heights      missed  window  to jail if down",
            "   2 > own                ..XX                    2       3            47, 5 min",
            "   1 Zoe                  .*.n                    0       3            60, 6 min",
            "   3 a[31mb\u{301}\u{301}               - ..                    0       3            20, 2 min",
            "? keys  enter in  esc out  o overview  a alerts  s order: power  / filter   q qu",
        ]
    );
}

#[test]
fn sizes_looks_and_places_never_break_it() {
    for place in [
        Place::Overview,
        Place::Chain("hub-1".into()),
        Place::Chain("gone".into()),
        Place::Validator("hub-1".into(), "val3".into()),
        Place::Alerts,
    ] {
        let mut top = top();
        top.go(place);
        for (width, height) in [(1, 1), (20, 3), (80, 24), (250, 70)] {
            for look in [PLAIN, Look { color: true, unicode: true }] {
                top.help = !top.help;
                let shown = screen(&top, width, height, look).concat();
                assert!(!shown.contains(['\u{1b}', '\u{202e}', '\n']), "{shown:?}");
            }
        }
    }
}

#[test]
fn keys_move_sort_and_filter() {
    let mut top = top();
    top.go(Place::Chain("hub-1".into()));
    let order = |top: &Top| top.validators().iter().map(|v| v.valoper.clone()).collect::<Vec<_>>();
    assert_eq!(order(&top), ["val1", "val2", "val3"]);
    top.key(Key::Char('w'));
    assert_eq!(order(&top), ["val2", "val1", "val3"]);
    top.key(Key::Char('s'));
    assert_eq!(order(&top), ["val3", "val1", "val2"], "by blocks to jail");
    for key in [Key::Char('/'), Key::Char('q'), Key::Erase, Key::Char('z'), Key::Enter] {
        top.key(key);
    }
    assert_eq!((order(&top), top.quit), (vec!["val2".to_owned()], false));
    top.key(Key::Move(5));
    top.key(Key::Enter);
    assert_eq!(top.wanted()[2], "api/chains/hub-1/validators/val2");
    top.key(Key::Back);
    top.key(Key::Back);
    assert_eq!(top.place, Place::Overview);
    top.key(Key::Char('q'));
    assert!(top.quit);
}

#[test]
fn alerts_that_fire_are_shown() {
    let mut top = top();
    top.go(Place::Alerts);
    let board = json!({ "alerts": [
        { "key": { "rule": "down", "chain": "hub-1" }, "severity": "critical", "phase": { "firing": { "since": 1 } },
          "words": { "what": "is down", "means": "m", "advice": "look" } },
        { "key": { "rule": "later" }, "severity": "warning", "phase": { "pending": { "since": 1 } } },
    ] });
    top.take("api/alerts", Some(board.to_string().as_bytes())).unwrap();
    let shown = screen(&top, 100, 5, PLAIN);
    assert!(shown[2].starts_with("CRITICAL  hub-1            down"), "{shown:#?}");
    assert!(shown[2].contains("is down: m; type: look") && shown[3].is_empty(), "{shown:#?}");
    top.take("api/alerts", None).unwrap();
    assert_eq!(screen(&top, 60, 3, PLAIN)[1], "this monitor has no alerts to tell");
}
