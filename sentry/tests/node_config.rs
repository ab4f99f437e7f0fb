//! The settings of a node in its own files: every other byte stays, and what was written is what is read.

use palisade_sentry::node_config::{EditError, File, Value, Wanted, edit, known_keys, strays, wanted};
use palisade_sentry::{Fleet, NodeLine, resolve};
use proptest::prelude::*;

fn classic() -> Fleet {
    resolve(include_str!("../../examples/fleet-classic.toml")).expect("an example")
}

/// A `config.toml` with every key of a line, each with a comment before and behind it.
fn full(line: NodeLine) -> String {
    let mut keys: Vec<&str> = known_keys(line).collect();
    keys.sort_by_key(|key| (key.matches('.').count() > 0, key.rsplit_once('.').map(|(table, _)| table)));
    let (mut out, mut last) = ("# the operator's own\n".to_owned(), "");
    for key in keys {
        let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
        if table != last {
            out += &format!("\n### {table}\n[{table}]\n");
            last = table;
        }
        out += &format!("# about {name}\n{name} = \"as it was\"  # said of {name}\n");
    }
    out
}

#[test]
fn every_setting_of_every_line_is_one_that_its_node_knows() {
    let fleet = classic();
    for line in NodeLine::ALL {
        let known: Vec<&str> = known_keys(line).collect();
        for view in fleet.views() {
            for row in wanted(view, line).iter().filter(|row| row.file == File::Config) {
                assert!(known.contains(&row.key), "{line}: {}", row.key);
            }
        }
    }
}

#[test]
fn nothing_else_changes_in_a_whole_file() {
    let fleet = classic();
    for line in NodeLine::ALL {
        let text = full(line);
        for view in fleet.views() {
            let rows: Vec<Wanted> =
                wanted(view, line).into_iter().filter(|r| r.file == File::Config).collect();
            let edited = edit(&text, &rows).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(edited.changes.len(), rows.len());
            assert_eq!(edited.text.lines().count(), text.lines().count(), "nothing was added");
            for (before, after) in text.lines().zip(edited.text.lines()) {
                let kept = before.split(" = ").next() == after.split(" = ").next()
                    && before.split("  #").nth(1) == after.split("  #").nth(1);
                assert!(kept, "{before} became {after}");
            }
            assert_eq!(edit(&edited.text, &rows).unwrap().changes, [], "once is enough");
            assert_eq!(strays(&edited.text.parse().unwrap(), line), []);
        }
    }
}

#[test]
fn an_empty_file_gets_every_setting() {
    let fleet = classic();
    for line in NodeLine::ALL {
        for view in fleet.views() {
            let rows = wanted(view, line);
            let rows: Vec<Wanted> = rows.into_iter().filter(|r| r.file == File::Config).collect();
            let edited = edit("", &rows).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(edit(&edited.text, &rows).unwrap().changes, [], "{}", edited.text);
        }
    }
}

const fn want(key: &'static str, value: Value) -> Wanted {
    Wanted { file: File::Config, key, value, why: "a test" }
}

#[test]
fn awkward_files_are_edited_or_left_alone() {
    let pex = || vec![want("p2p.pex", Value::Flag(false))];
    for (before, after) in [
        ("[p2p]\npex = true # why", "[p2p]\npex = false # why"),
        ("[p2p]\r\nladdr = ''\r\n\r\n[rpc]\r\n", "[p2p]\r\nladdr = ''\r\npex = false\r\n\r\n[rpc]\r\n"),
        ("[p2p]\nladdr = ''", "[p2p]\nladdr = ''\npex = false\n"),
        ("[p2p]\n[rpc]\nunsafe = true\n", "[p2p]\npex = false\n[rpc]\nunsafe = true\n"),
        ("[P2P]\nPEX = true\n", "[P2P]\nPEX = false\n"),
        ("p2p.pex = true\n", "p2p.pex = false\n"),
        ("p2p = { pex = true, laddr = '' }\n", "p2p = { pex = false, laddr = '' }\n"),
        ("[p2p.libp2p]\nenabled = false\n", "[p2p.libp2p]\nenabled = false\n\n[p2p]\npex = false\n"),
        ("[p2p]\npex = \"true\"\n", "[p2p]\npex = false\n"),
        ("# no end", "# no end\n\n[p2p]\npex = false\n"),
    ] {
        match edit(before, &pex()) {
            Ok(edited) => assert_eq!(edited.text, after),
            // Refusing is right as well where there is no place for the line.
            Err(EditError::NoPlace(key)) => {
                assert_eq!((key.as_str(), before.starts_with("[p2p.libp2p]")), ("p2p.pex", true), "{before}");
            }
            Err(other) => panic!("{before}: {other}"),
        }
    }
    for (text, unclear) in
        [("[p2p]\npex = true\nPex = false\n", true), ("p2p = 1\n", true), ("[[p2p]]\n", true)]
    {
        assert_eq!(matches!(edit(text, &pex()), Err(EditError::Unclear(_))), unclear, "{text}");
    }
    assert!(matches!(edit("p2p = { laddr = '' }\n", &pex()), Err(EditError::NoPlace(_))));
    assert!(matches!(edit("p2p.laddr = ''\n", &pex()), Err(EditError::NoPlace(_))));
    assert!(matches!(edit("pex =", &pex()), Err(EditError::Toml(_))));
}

#[test]
fn values_are_cleared() {
    let text = "a = \"b\" # c\nlist = [\n  \"x\", # one\n]\nflag = true\n";
    let rows = [
        want("a", Value::Text(String::new())),
        want("list", Value::List(vec![])),
        want("flag", Value::Flag(false)),
    ];
    assert_eq!(edit(text, &rows).unwrap().text, "a = \"\" # c\nlist = []\nflag = false\n");
}

#[test]
fn a_larger_number_stays() {
    let rows = [want("n", Value::AtLeast(100))];
    assert_eq!(edit("n = 300\n", &rows).unwrap().changes, []);
    assert_eq!(edit("n = 40\n", &rows).unwrap().text, "n = 100\n");
}

#[test]
fn tendermint_035_is_refused() {
    for text in ["proxy-app = ''\n", "[p2p]\nbootstrap-peers = ''\n", "[rpc]\ncors-allowed-origins = []\n"] {
        let rows = [want("p2p.pex", Value::Flag(false))];
        assert_eq!(edit(text, &rows), Err(EditError::KebabCase));
    }
    let grpc = Wanted { file: File::App, ..want("grpc.enable", Value::Flag(false)) };
    let app = "minimum-gas-prices = ''\n[grpc]\nenable = true\n";
    assert_eq!(edit(app, &[grpc]).unwrap().text, app.replace("true", "false"), "the SDK's file has dashes");
    let dashed = "[tx_index]\npsql-conn = ''\n[mempool]\nkeep-invalid-txs-in-cache = false\n";
    assert!(edit(dashed, &[want("p2p.pex", Value::Flag(false))]).is_ok());
}

#[test]
fn stray_keys_are_explained() {
    for (line, text, key, why) in [
        (NodeLine::V0_38, "fast_sync = true", "fast_sync", "lines 0.33, 0.34 know it, 0.38 does not"),
        (NodeLine::V0_37, "fast_sync = true", "fast_sync", "it is block_sync since another line"),
        (NodeLine::V1_0, "[rpc]\ngrpc_laddr = ''", "rpc.grpc_laddr", "it is grpc.laddr since another line"),
        (NodeLine::V0_33, "[rpc]\npprof_laddr = ''", "rpc.pprof_laddr", "in 0.33 it is prof_laddr"),
        (
            NodeLine::V0_38,
            "[p2p]\nprivate_peers_ids = ''",
            "p2p.private_peers_ids",
            "no line knows it; perhaps p2p.private_peer_ids was meant",
        ),
        (NodeLine::V0_38, "pex = false", "pex", "no line knows it; perhaps p2p.pex was meant"),
        (
            NodeLine::V0_38,
            "[p2p]\nprivate-peer-ids = ''",
            "p2p.private-peer-ids",
            "no line knows it; perhaps p2p.private_peer_ids was meant",
        ),
        (NodeLine::V0_38, "[wasm]\nmemory_cache = 1", "wasm.memory_cache", "no line knows it"),
    ] {
        let found = strays(&text.parse().unwrap(), line);
        assert_eq!(found.iter().map(|s| (s.key.as_str(), s.why.as_str())).collect::<Vec<_>>(), [(key, why)]);
    }
}

/// A table of a generated file: keys with a value each, in the spelling that the edit itself uses.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[ -~äß\\t]{0,20}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Flag),
        any::<i64>().prop_map(Value::Number),
        prop::collection::vec("[a-z\"]{0,5}", 0..3).prop_map(Value::List),
    ]
}

const KEYS: [&str; 6] = ["a", "b", "p2p.a", "p2p.b", "rpc.a", "p2p.libp2p.a"];

proptest! {
    #[test]
    fn there_and_back_is_the_same_bytes(
        old in prop::array::uniform6(value()),
        new in prop::array::uniform6(prop::option::of(value())),
        gaps in prop::array::uniform6("(\n|# [a-z=\"\\[\\]]{0,12}\n|[ \t]{0,3}\n){0,3}"),
        tails in prop::array::uniform6("( # ?[a-z=\"\\[]{0,8})?[ \t]{0,2}"),
        crlf: bool, ended: bool,
    ) {
        let (mut text, mut last) = (String::new(), "");
        for (i, key) in KEYS.iter().enumerate() {
            let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
            text += &gaps[i];
            if table != last {
                text += &format!("[{table}]{}\n", tails[i]);
                last = table;
            }
            text += &format!("{name} ={} {}{}\n", " ".repeat(i % 3), old[i], tails[i]);
        }
        if !ended {
            text.truncate(text.trim_end_matches('\n').len());
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        // Two lines of one table apart from each other are no valid file; here every table stands together.
        let rows = |values: &[Option<Value>]| -> Vec<Wanted> {
            values.iter().zip(KEYS).filter_map(|(v, key)| Some(want(key, v.clone()?))).collect()
        };
        let there = edit(&text, &rows(&new)).unwrap();
        let kept: Vec<Option<Value>> = old.iter().cloned().map(Some).collect();
        let back = edit(&there.text, &rows(&kept)).unwrap();
        prop_assert_eq!(&back.text, &text);
        prop_assert_eq!(edit(&text, &rows(&kept)).unwrap().changes, []);
        prop_assert_eq!(edit(&there.text, &rows(&new)).unwrap().changes, []);
    }

    #[test]
    fn no_text_panics(text in "(?s).{0,200}", cut in 0usize..4000) {
        let rows = wanted(classic().views().next().unwrap(), NodeLine::V0_38);
        let _ = edit(&text, &rows);
        let whole = full(NodeLine::V0_38);
        let _ = edit(&whole[..cut.min(whole.len())], &rows);
    }
}
