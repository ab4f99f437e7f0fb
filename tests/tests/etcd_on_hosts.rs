//! Several signers of one key on machines: a fleet file becomes three members of etcd and two signers, each with a sentry of its own; then
//! the members get another etcd and the signers another program, one after the other, while the chain goes on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::ensure;
use palisade_tests::deployed_fleet::DeployedFleet;
use palisade_tests::etcd::{Line, checks};
use palisade_tests::process::until;

const LIMIT: Duration = Duration::from_secs(120);
const MEMBERS: [&str; 3] = ["etcd1", "etcd2", "etcd3"];
const SIGNERS: [&str; 2] = ["signer1", "signer2"];

#[test]
#[ignore = "boots hosts: tests/run"]
fn signers_share_a_mark_and_everything_is_rolled_one_by_one() {
    let began = Instant::now();
    let step = |what: &str| eprintln!("--- {:.0?}: {what}", began.elapsed());
    step("hosts");
    let names = ["sentry1", "sentry2", "signer1", "signer2", "etcd1", "etcd2", "etcd3"];
    let fleet = DeployedFleet::boot(&names).unwrap();
    fleet.certificates().unwrap();
    fleet.take_etcd(Line::V3_5).unwrap();
    fleet.write_fleet("both").unwrap();
    fleet.render().unwrap();
    fleet.nodes_and_firewalls().unwrap();

    step("three members from nothing");
    fleet.play_rendered("palisade.kit.etcd", &[]).unwrap();
    fleet.etcd_users().unwrap();

    step("two signers, which start when that is said, with a key and a mark");
    fleet.play_rendered("palisade.kit.signers", &[]).unwrap();
    for signer in SIGNERS {
        fleet.give_key(signer).unwrap();
        fleet.make_mark(signer).unwrap();
        fleet.hosts.run(signer, &["systemctl", "enable", "--now", "palisade-signer"]).unwrap();
    }
    let height = fleet.signs_above(0, LIMIT).unwrap();
    checked(&fleet);

    step("another etcd, member by member");
    fleet.take_etcd(Line::V3_6).unwrap();
    fleet.write_fleet("both").unwrap();
    fleet.render().unwrap();
    fleet.play_rendered("palisade.kit.etcd", &[]).unwrap();
    one_after_the_other(&fleet, &MEMBERS, "palisade-etcd");
    checked(&fleet);
    let rolled = signed_since(&fleet, height);

    step("another program for the signers, one after the other");
    let program = fleet.dir.join("bin/palisade-signer");
    std::fs::OpenOptions::new().append(true).open(program).unwrap().write_all(b"\n").unwrap();
    fleet.write_fleet("both").unwrap();
    fleet.render().unwrap();
    fleet.play_rendered("palisade.kit.signers", &["-e", "signer_state=restarted"]).unwrap();
    one_after_the_other(&fleet, &SIGNERS, "palisade-signer");
    checked(&fleet);
    let rolled = signed_since(&fleet, rolled);

    step("each alone carries the key on");
    for (stopped, at_work) in [("signer1", "signer2"), ("signer2", "signer1")] {
        fleet.hosts.run(stopped, &["systemctl", "stop", "palisade-signer"]).unwrap();
        fleet.signs_above(fleet.height().unwrap(), LIMIT).unwrap();
        fleet.hosts.run(stopped, &["systemctl", "start", "palisade-signer"]).unwrap();
        let signed = fleet.signatures_of(at_work).unwrap();
        assert!(signed > 0, "{at_work} has signed nothing");
    }
    signed_since(&fleet, rolled);
    let signatures = fleet.nothing_signed_twice().unwrap();
    step(&format!("{signatures} places, none signed in two ways"));
}

/// The signers' own look at etcd finds nothing.
fn checked(fleet: &DeployedFleet) {
    for signer in SIGNERS {
        let script = "runuser -u palisade-signer -- palisade-signer etcd check --json --config /etc/palisade/signer/signer.toml";
        // A member that has just come back may not have caught up.
        until("etcd check", LIMIT, || {
            let out = fleet.hosts.exec(signer, &["sh", "-ec", script])?;
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            let (names, findings) = checks(&text)?;
            let whole = names.last().is_some_and(|name| name == "history");
            ensure!(whole && findings.is_empty(), "{text}{}", String::from_utf8_lossy(&out.stderr));
            Ok(Some(()))
        })
        .unwrap();
    }
}

/// Nobody was away while another one was.
fn one_after_the_other(fleet: &DeployedFleet, hosts: &[&str], unit: &str) {
    let mut away: Vec<(u64, u64)> = hosts.iter().map(|host| fleet.last_away(host, unit).unwrap()).collect();
    away.sort_unstable();
    assert!(away.windows(2).all(|pair| pair[0].1 < pair[1].0), "{unit} away at once: {away:?}");
    let longest = away.iter().map(|(left, back)| Duration::from_micros(back - left)).max();
    println!("figure: {unit} of {hosts:?} away one by one, at most for {:.1?}", longest.unwrap());
}

/// Waits for a signature from now on; says how many blocks since `from` have none.
fn signed_since(fleet: &DeployedFleet, from: i64) -> i64 {
    let to = fleet.signs_above(fleet.height().unwrap(), LIMIT).unwrap();
    let missed = (from..=to).filter(|height| !fleet.signed(*height).unwrap()).count();
    println!("figure: {missed} of {} blocks without our signature", to - from + 1);
    to
}
