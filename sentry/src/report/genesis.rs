//! What a genesis publishes, as text by reach and as JSON by validator.

use core::fmt::Write;
use std::collections::BTreeMap;

use serde::Serialize;

use super::text::{labelled, number, printable};
use crate::genesis::{Census, Consequence, Gentx, consequence};
use crate::reach::Reach;

/// Width of `id@ipv4:port`.
const ADDRESS: usize = 62;

/// The census as text. `source` is the file name as the caller typed it.
pub fn genesis_text(census: &Census, source: &str) -> String {
    let mut out = String::new();
    for (reach, count) in census.counts() {
        let Some(consequence) = consequence(reach) else { continue };
        let _ = writeln!(out, "{:<5}  {reach}  {count} of {}", consequence.severity, census.gentxs.len());
        for gentx in census.gentxs.iter().filter(|tx| tx.reach() == Some(reach)) {
            rows(&mut out, gentx);
        }
        labelled(&mut out, "attack", consequence.attack);
        labelled(&mut out, "fix", consequence.fix);
        out.push('\n');
    }
    let _ = writeln!(out, "{source} ({}): {}", printable(&census.chain), summary(census));
    out
}

/// One row for each address that a gentx publishes.
fn rows(out: &mut String, gentx: &Gentx) {
    for published in gentx.published.iter().flatten() {
        let address = printable(&published.to_string());
        let _ = writeln!(out, "  {address:<ADDRESS$}  {}", printable(&gentx.moniker));
    }
}

fn summary(census: &Census) -> String {
    if census.gentxs.is_empty() {
        return "no gentxs; an exported genesis has none, the one that the chain started with may".into();
    }
    let mut parts: Vec<String> =
        census.counts().iter().map(|(reach, count)| format!("{count} with {}", a(*reach))).collect();
    if census.unreadable() > 0 {
        parts.push(format!("{} that cannot be read and may publish anything", census.unreadable()));
    }
    format!("{}: {}", number(census.gentxs.len(), "gentx"), parts.join(", "))
}

fn a(reach: Reach) -> String {
    match reach {
        Reach::None => reach.to_string(),
        Reach::Nowhere => format!("an {reach}"),
        _ => format!("a {reach}"),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    source: &'a str,
    chain: &'a str,
    gentxs: usize,
    unreadable: usize,
    counts: BTreeMap<Reach, usize>,
    consequences: BTreeMap<Reach, Consequence>,
    validators: Vec<Validator<'a>>,
}

#[derive(Serialize)]
struct Validator<'a> {
    reach: Option<Reach>,
    #[serde(flatten)]
    gentx: &'a Gentx,
}

/// The census as one JSON document that ends with a newline. Keys are only ever added.
pub fn genesis_json(census: &Census, source: &str) -> String {
    let counts = census.counts();
    let consequences = counts.keys().filter_map(|reach| Some((*reach, consequence(*reach)?))).collect();
    let document = Document {
        version: 1,
        source,
        chain: &census.chain,
        gentxs: census.gentxs.len(),
        unreadable: census.unreadable(),
        counts,
        consequences,
        validators: census.gentxs.iter().map(|gentx| Validator { reach: gentx.reach(), gentx }).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).expect("strings and numbers always serialise");
    text.push('\n');
    text
}
