//! The table of leak vectors in README.md against the rules that there are: it promises no rule and no evidence that does not
//! exist, leaves no rule out, and says of every vector what is not seen.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use palisade_sentry::rules::{self, Check};

const README: &str = include_str!("../README.md");

fn named(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What a rule can judge. A check of a plan judges a home as well.
fn kinds(rule: &str) -> BTreeSet<&'static str> {
    let rule =
        rules::ALL.iter().find(|r| r.name == rule).unwrap_or_else(|| panic!("there is no rule {rule}"));
    let kinds = rule.checks.iter().flat_map(|check| match check {
        Check::Planned(_) => vec!["planned", "home"],
        Check::Live(_) => vec!["live"],
        Check::Home(_) => vec!["home"],
        _ => panic!("a new kind of evidence"),
    });
    kinds.collect()
}

#[test]
fn the_table_says_what_the_rules_do() {
    let table = README.split("## Which leak is looked for where").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")).filter(|row| !row.starts_with('#'));
    let (mut numbers, mut mentioned) = (Vec::new(), BTreeSet::new());
    for row in rows {
        let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        let [number, _, rules, evidence, beside] = cells.as_slice() else { panic!("{row}") };
        numbers.push(number.parse::<u32>().unwrap());
        let rules = named(rules);
        let can: BTreeSet<&str> = rules.iter().flat_map(|rule| kinds(rule)).collect();
        let said: BTreeSet<&str> = evidence.split(", ").filter(|e| *e != "–").collect();
        assert_eq!(can, said, "{row}");
        assert!(!rules.is_empty() || beside.starts_with("not seen"), "{row}");
        mentioned.extend(rules);
    }
    assert_eq!(numbers, (1..=35).collect::<Vec<_>>());
    let others = table.split("Rules about faults that are no leak:").nth(1).unwrap();
    let others: BTreeSet<&str> = named(others).into_iter().collect();
    assert!(others.is_disjoint(&mentioned), "{others:?}");
    let all: BTreeSet<&str> = rules::ALL.iter().map(|rule| rule.name).collect();
    assert_eq!(all, mentioned.union(&others).copied().collect());
}
