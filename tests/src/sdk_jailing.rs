//! What every Cosmos SDK line must show of the monitor: a network of four validators, of whom one goes to jail, comes back and
//! goes again while governance lowers the window, and another one is tombstoned. Every counter at every height, every
//! jailing's height and every forecast before it must be the chain's.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::monitor_process::Monitor;
use crate::process::until;
use crate::sdk_line::{Order, SdkLine};
use crate::sdk_net::{Plan, SdkNet};
use crate::sdk_record::{self, Record};
use crate::{double_sign, http, sdk_truth};

const WINDOW: i64 = 20;
/// Half of it must be signed.
const LOWERED: i64 = 12;
const JAIL: Duration = Duration::from_secs(8);
const VOTING: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(60);
/// Who is stopped, and who signs twice.
const ABSENT: usize = 3;
const DOUBLE: usize = 2;

/// The whole of it below `dir`; prints what was compared.
pub fn prove(line: SdkLine, dir: &Path) -> Result<()> {
    let plan = Plan {
        line,
        chain_id: "palisade-jail",
        validators: 4,
        window: WINDOW,
        jail: JAIL,
        voting: VOTING,
        timeout_commit: "300ms",
    };
    let mut net = SdkNet::start(dir, &plan)?;
    net.reach(2, PATIENCE)?;
    let rpc = [0, 1].map(|i| net.nodes[i].rpc.clone());
    let rpc = rpc.each_ref().map(String::as_str);
    let grpc = [0, 1].map(|i| net.nodes[i].grpc.clone());
    let grpc = grpc.each_ref().map(String::as_str);
    let grpc = if line == SdkLine::V0_39 { &[][..] } else { &grpc };
    let mut monitor = Monitor::start(&dir.join("monitor"), plan.chain_id, &rpc, grpc, &[])?;
    let record = Record::start(&monitor.listen);
    let first = monitor.reach(3, true, PATIENCE)?["height"].as_i64().context("no height")?;
    println!("{line:?}: watched from height {first} on, the window is full from {WINDOW} on");

    net.reach(WINDOW + 3, PATIENCE)?;
    net.stop_node(ABSENT)?;
    let (first_jailing, lasts) = jailed(&mut net)?;
    come_back(&mut net, &lasts)?;

    // The second outage begins in the old window and ends in the new one.
    let proposed = net.send(0, Order::ProposeWindow(LOWERED))?;
    (0..3).try_for_each(|i| net.send(i, Order::Vote(1)).map(drop))?;
    let decided = block_time(&net, proposed)? + VOTING;
    until("the end of the voting", PATIENCE, || {
        let now = block_time(&net, net.latest()?)?;
        Ok((now + Duration::from_secs(2) > decided).then_some(()))
    })?;
    net.stop_node(ABSENT)?;
    let (second_jailing, lasts) = jailed(&mut net)?;
    come_back(&mut net, &lasts)?;

    let height = net.height()? - 1;
    double_sign::report(&net, DOUBLE, height)?;
    let address = net.nodes[DOUBLE].address();
    let tombstone = until("the tombstone", PATIENCE, || {
        let height = net.height()? - 1;
        let truth = sdk_truth::at(&net, height)?;
        Ok(truth.validators[&address].tombstoned.then_some(height))
    })?;
    let view = monitor.reach(tombstone + 4, true, PATIENCE)?;
    until("the tombstone in the monitor", PATIENCE, || {
        let shown = http::json(&monitor.listen, "/api/chains")?;
        let all = shown[0]["validators"].as_array().context("no validators")?;
        let of = |one: &&Value| one["address"] == address.to_string();
        Ok(all.iter().find(of).is_some_and(|one| one["tombstoned"] == true).then_some(()))
    })?;
    ensure!(view["window"]["blocks"] == LOWERED, "the monitor's window is {}", view["window"]["blocks"]);
    ensure!(view["disagreements"] == 0, "its arithmetic had to be corrected {} times", view["disagreements"]);

    let views = record.taken();
    let (&from, &to) = views.keys().next().zip(views.keys().last()).context("nothing was recorded")?;
    let truths = (from - 1..=to).map(|height| Ok((height, sdk_truth::at(&net, height)?)));
    let truths = truths.collect::<Result<BTreeMap<_, _>>>()?;
    let differences = sdk_record::differences(&views, &truths)?;
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    let (all, lacking) = (to - from + 1, (from..=to).filter(|height| !views.contains_key(height)).count());
    // Who asks has to find the processor free while a height is the newest.
    ensure!(lacking * 3 <= usize::try_from(all)?, "{lacking} of {all} heights were never seen");

    let (absent, double) = (net.nodes[ABSENT].address(), net.nodes[DOUBLE].address());
    let jailings = sdk_record::jailings(&truths);
    let expected = [(first_jailing, absent), (second_jailing, absent)];
    ensure!(jailings.len() == 3 && jailings[..2] == expected && jailings[2].1 == double, "{jailings:?}");
    let change = truths.iter().find(|(_, truth)| truth.window == LOWERED).context("the window stayed")?.0;
    ensure!(
        *change < second_jailing,
        "the window changed in {change}, after the jailing in {second_jailing}"
    );
    let before = sdk_record::check_forecasts(rpc[0], &views, &absent, 0, first_jailing)?;
    let after = sdk_record::check_forecasts(rpc[0], &views, &absent, change + 1, second_jailing)?;
    ensure!(before > 3 && (after > 0 || second_jailing == change + 1), "only {before} and {after} forecasts");
    println!(
        "{line:?}: {} heights of 4 validators, {from} to {to}; jailed in {first_jailing} and {second_jailing}, {before} and \
         {after} forecasts of it; window {WINDOW} to {LOWERED} after {change}; tombstone by {tombstone}",
        views.len()
    );
    monitor.stop()
}

/// Waits until the stopped validator is in jail: in which block, and until when.
fn jailed(net: &mut SdkNet) -> Result<(i64, String)> {
    let address = net.nodes[ABSENT].address();
    let mut next = net.height()?;
    until("the jailing", PATIENCE, || {
        while next < net.height()? {
            let standing = &sdk_truth::at(net, next)?.validators[&address];
            if standing.jailed {
                return Ok(Some((next, standing.jailed_until.clone())));
            }
            next += 1;
        }
        Ok(None)
    })
}

/// Starts the validator's node again, unjails it when its time is over, and waits until it has signed for a while.
fn come_back(net: &mut SdkNet, lasts: &str) -> Result<()> {
    net.start_node(ABSENT)?;
    let rpc = net.nodes[ABSENT].rpc.clone();
    until("the node's catching up", PATIENCE, || {
        Ok((http::rpc(&rpc, "/status")?["sync_info"]["catching_up"] == false).then_some(()))
    })?;
    let lasts = OffsetDateTime::parse(lasts, &Rfc3339)?;
    until("the end of its time in jail", PATIENCE, || {
        Ok((block_time(net, net.latest()?)? > lasts).then_some(()))
    })?;
    let back = net.send(ABSENT, Order::Unjail)?;
    net.reach(back + 6, PATIENCE).map(drop)
}

fn block_time(net: &SdkNet, height: i64) -> Result<OffsetDateTime> {
    let block = http::rpc(&net.nodes[0].rpc, &format!("/block?height={height}"))?;
    let time = block["block"]["header"]["time"].as_str().context("no time in /block")?;
    Ok(OffsetDateTime::parse(time, &Rfc3339)?)
}
