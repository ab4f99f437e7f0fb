//! Which keys a `config.toml` of each line may have, and what was probably meant by one that it may not have.
//!
//! A node ignores what it does not know: a setting with a letter missing, or with the name that it had two lines ago, hides
//! nothing. The lists were written by the nodes themselves and are compared with them again by the tests.

use toml::{Table, Value};

use crate::node_line::NodeLine;

/// A key that the node ignores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Tables and name, separated by dots.
    pub key: String,
    /// What it is, and what was probably meant.
    pub why: String,
}

/// Keys that went, and what does their work now: old, new.
const RENAMED: &[(&str, &str)] = &[
    ("fast_sync", "block_sync"),
    ("fastsync.version", "blocksync.version"),
    ("prof_laddr", "rpc.pprof_laddr"),
    ("rpc.grpc_laddr", "grpc.laddr"),
    ("mempool.version", "mempool.type"),
];

/// Keys of a line, with their tables before them.
pub fn known_keys(line: NodeLine) -> impl Iterator<Item = &'static str> {
    let list = match line {
        NodeLine::V0_33 => include_str!("../../data/config-keys/0.33.txt"),
        NodeLine::V0_34 => include_str!("../../data/config-keys/0.34.txt"),
        NodeLine::V0_37 => include_str!("../../data/config-keys/0.37.txt"),
        NodeLine::V0_38 => include_str!("../../data/config-keys/0.38.txt"),
        NodeLine::V0_39 => include_str!("../../data/config-keys/0.39.txt"),
        NodeLine::V0_40 => include_str!("../../data/config-keys/0.40.txt"),
        NodeLine::V1_0 => include_str!("../../data/config-keys/1.0.txt"),
    };
    list.lines().filter(|l| !l.starts_with('#')).map(|l| l.strip_prefix("+ ").unwrap_or(l))
}

/// Keys of a `config.toml` that a node of this line ignores, in order.
pub fn strays(config: &Table, line: NodeLine) -> Vec<Stray> {
    let known: Vec<&str> = known_keys(line).collect();
    let mut keys = Vec::new();
    leaves(config, "", &mut keys);
    // p2p.test_fuzz_config is a table for tests of the node itself, of which no list exists.
    keys.retain(|key| {
        !known.iter().any(|known| known.eq_ignore_ascii_case(key))
            && !key.starts_with("p2p.test_fuzz_config.")
    });
    keys.into_iter().map(|key| Stray { why: why(&key, line, &known), key }).collect()
}

fn leaves(table: &Table, path: &str, keys: &mut Vec<String>) {
    for (name, value) in table {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Table(inner) => leaves(inner, &key, keys),
            _ => keys.push(key),
        }
    }
}

fn why(key: &str, line: NodeLine, known: &[&str]) -> String {
    let now = |name: &str| known.contains(&name);
    for (old, new) in RENAMED {
        if *old == key && now(new) {
            return format!("it is {new} since another line");
        }
        if *new == key && now(old) {
            return format!("in {line} it is {old}");
        }
    }
    let others: Vec<&str> = NodeLine::ALL
        .into_iter()
        .filter(|other| known_keys(*other).any(|k| k == key))
        .map(NodeLine::name)
        .collect();
    if !others.is_empty() {
        return format!("lines {} know it, {line} does not", others.join(", "));
    }
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let plain = |key: &str| key.to_ascii_lowercase().replace('-', "_");
    // The same name in another table, or nearly the same name in this one.
    let moved = known.iter().find(|k| name(k) == plain(&name(key)));
    let near = known.iter().map(|k| (distance(&plain(key), k), k)).filter(|(d, _)| *d <= 3).min();
    match (near, moved) {
        (Some((_, meant)), _) | (None, Some(meant)) => format!("no line knows it; perhaps {meant} was meant"),
        (None, None) => "no line knows it".to_owned(),
    }
}

/// Letters to change, add or remove.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
