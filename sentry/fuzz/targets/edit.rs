//! Editing a node's configuration: what is wanted stands in it, nothing else has changed, and editing it back gives the same bytes.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use palisade_sentry::node_config::{File, Value, Wanted, edit, wanted};
use palisade_sentry::{NodeLine, resolve};

/// The rows of a validator, and the same keys with a sentry's values.
static ROWS: LazyLock<[Vec<Wanted>; 2]> = LazyLock::new(|| {
    let fleet = resolve(include_str!("../../../examples/fleet-classic.toml")).expect("the example resolves");
    let of = |host: &str| -> Vec<Wanted> {
        let view = fleet.views().find(|v| v.host.name == host).expect("the host is there");
        let rows = wanted(view, NodeLine::V0_38).into_iter().filter(|row| row.file == File::Config);
        // A number that may be larger already is not put back.
        rows.map(|row| match row.value {
            Value::AtLeast(n) => Wanted { value: Value::Number(n), ..row },
            _ => row,
        })
        .collect()
    };
    let (one, other) = (of("val-1"), of("sentry-1"));
    let both = |rows: &[Wanted], with: &[Wanted]| {
        rows.iter().filter(|row| with.iter().any(|o| o.key == row.key)).cloned().collect()
    };
    [both(&one, &other), both(&other, &one)]
});

fuzz_target!(|text: &str| {
    let [one, other] = &*ROWS;
    let Ok(first) = edit(text, one) else { return };
    for change in &first.changes {
        assert!(one.iter().any(|row| row.key == change.key), "nobody wanted {}", change.key);
    }
    if first.changes.is_empty() {
        assert_eq!(first.text, text, "nothing to change, and yet something did");
    }
    assert!(edit(&first.text, one).expect("it was just written").changes.is_empty());
    let there = edit(&first.text, other).expect("what can be edited once can be edited again");
    let back = edit(&there.text, one).expect("and back");
    let table = |text: &str| text.parse::<toml::Table>().expect("it was just read");
    assert_eq!(table(&back.text), table(&first.text));
    // What was met already may have been spelt in another way ('' for ""). Every value that was replaced is spelt in ours,
    // so from here on each way and back gives the same bytes.
    let again = edit(&edit(&back.text, other).expect("as before").text, one).expect("as before");
    assert_eq!(again.text, back.text);
});
