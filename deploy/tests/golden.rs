//! The rendered examples as one reviewed text each. `PALISADE_BLESS=1 cargo test -p palisade` rewrites them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use std::path::Path;

use palisade::parse_back::parse_back;
use palisade::render::{Homes, render};
use palisade_sentry::io::fleet_file::load;

fn rendered(example: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(example);
    let fleet = load(&path).unwrap_or_else(|e| panic!("{e}"));
    let rendered = render(&fleet, &Homes::new()).unwrap_or_else(|e| panic!("{e}"));
    rendered.tree.files.values().for_each(|file| parse_back(file).unwrap_or_else(|e| panic!("{e}")));
    let mut text = String::new();
    // What many hosts have alike is read once.
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, content) in rendered.tree.texts() {
        let _ = match first.entry(content) {
            Entry::Occupied(same) => write!(text, "==> {path}\n(as {})\n\n", same.get()),
            Entry::Vacant(new) => write!(text, "==> {}\n{content}\n", new.insert(path)),
        };
    }
    let _ = write!(text, "==> manifest.json\n{}", rendered.tree.manifest(&fleet).text());
    text
}

#[track_caller]
fn same(golden: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("PALISADE_BLESS").is_some() {
        std::fs::write(&path, text).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} differs; PALISADE_BLESS=1 accepts it", path.display());
}

#[test]
fn classic() {
    same("fleet-classic.rendered.txt", &rendered("examples/fleet-classic.toml"));
}

#[test]
fn signer_served() {
    same("fleet-signer-served.rendered.txt", &rendered("examples/fleet-signer-served.toml"));
}

#[test]
fn several_signers() {
    same("fleet-etcd.rendered.txt", &rendered("examples/fleet-etcd.toml"));
}

#[test]
fn two_chains() {
    same("two-chains.rendered.txt", &rendered("deploy/tests/fleets/two-chains.toml"));
}
