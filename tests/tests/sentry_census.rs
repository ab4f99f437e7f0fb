//! A validator, three sentries and outsiders that gossip for a while: a census of every book from outside never shows the
//! validator, and with one setting of one sentry broken it does.
//!
//! `PALISADE_CENSUS_SECONDS` says for how long (default 40: one round of the nodes' own, which ask for peers every 30 s). Needs
//! root for network namespaces; without it the test says loudly that it did nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use palisade_sentry::node_config::Value as Wanted;
use palisade_tests::guarded_fleet::{Guarded, Part, rules_at};
use palisade_tests::netns::Internet;
use palisade_tests::node_line::Line;
use palisade_tests::process::until;
use serde_json::Value;

const SENTRIES: [&str; 3] = ["s1", "s2", "s3"];
const OUTSIDERS: [&str; 2] = ["o1", "o2"];

#[test]
#[ignore = "needs real nodes and root: tests/run"]
fn the_validator_is_in_no_book_until_one_setting_breaks() -> Result<()> {
    if let Err(why) = Internet::possible() {
        eprintln!("\n*** SKIPPED: sentry_census: {why:#}; nothing was tested ***\n");
        return Ok(());
    }
    let seconds: u64 =
        std::env::var("PALISADE_CENSUS_SECONDS").map_or(Ok(40), |s| s.parse()).context("seconds")?;
    let mut hosts = vec![("val", Part::Validator)];
    hosts.extend(SENTRIES.map(|name| (name, Part::Sentry)));
    hosts.extend(OUTSIDERS.map(|name| (name, Part::Outsider)));
    let mut fleet = Guarded::new(Line::V0_38, &hosts)?;
    fleet.start()?;
    for sentry in SENTRIES {
        fleet.linked(sentry, "val")?;
    }
    let began = Instant::now();
    let mut rounds = 0;
    loop {
        let report = census(&mut fleet)?;
        let told = shown(&report);
        ensure!(told.is_empty(), "after {:?}: {told:?}", began.elapsed());
        rounds += 1;
        if began.elapsed() > Duration::from_secs(seconds) {
            // Every book was read, and the outsiders stand in those of the sentries: gossip there was.
            let books = books(&report);
            println!("{rounds} censuses in {:?}: {books:?}", began.elapsed());
            ensure!(books.len() == 5 && books.iter().all(|book| *book >= 1), "{books:?}: {report:#}");
            let unread =
                report["findings"].as_array().unwrap().iter().any(|f| f["rule"] == "every_book_was_read");
            ensure!(!unread, "{report:#}");
            break;
        }
    }
    for sentry in SENTRIES {
        fleet.linked(sentry, "val")?;
    }
    fleet.stop()?;

    fleet.set("s2", &[("p2p.private_peer_ids", Wanted::Text(String::new()))])?;
    fleet.start()?;
    fleet.linked("s2", "val")?;
    until("the validator shows", Duration::from_secs(60), || {
        let told = shown(&census(&mut fleet)?);
        // An outsider may have been told already; the other sentries keep silent whatever they are told.
        ensure!(!told.iter().any(|host| host == "s1" || host == "s3"), "{told:?}");
        Ok(told.contains(&"s2".to_owned()).then_some(()))
    })?;
    fleet.stop()
}

/// Everybody's book from outside, the fleet's and the others'.
fn census(fleet: &mut Guarded) -> Result<Value> {
    let file = fleet.file();
    let others: Vec<String> =
        OUTSIDERS.iter().map(|name| format!("{}@{}:26656", fleet.id(name), fleet.public(name))).collect();
    let mut args = vec!["--live", "--pex-requests", "6"];
    for other in &others {
        args.extend(["--target", other]);
    }
    fleet.look("out", Some(&file), &args)
}

/// Hosts that told of the validator, by any way that is looked at.
fn shown(report: &Value) -> Vec<String> {
    let of = |host: &str| {
        let mut rules = rules_at(report, "live", host).into_iter();
        rules.any(|rule| rule.starts_with("hidden_node_") || rule == "validator_reachable_only_by_sentries")
    };
    let hosts = ["val", "s1", "s2", "s3"].map(str::to_owned).into_iter();
    let others = (0..OUTSIDERS.len()).map(|i| format!("198.18.0.{}", 10 + 4 + i));
    hosts.chain(others).filter(|host| of(host)).collect()
}

/// How many addresses each book told.
fn books(report: &Value) -> Vec<usize> {
    let says = report["seen"].as_array().unwrap().iter().filter(|seen| seen["service"] == "p2p");
    let read =
        says.filter_map(|seen| seen["says"].as_str()?.split("PEX: ").nth(1)?.split(' ').next()?.parse().ok());
    read.collect()
}
