//! Three signers and three real nodes with one validator's key, and everything that happens to their etcd: no height, round and step
//! is ever signed in two ways, and the validator goes on signing.
//!
//! The signers' wall clocks jump while they run. A member's cannot be made to, since its program asks the kernel and no library: it comes
//! back with a monotonic clock a day ahead instead, which is the one that Raft counts its ticks by.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use palisade_tests::etcd::Line;
use palisade_tests::etcd_net::{Net, place};
use palisade_tests::process::until;

const LIMIT: Duration = Duration::from_secs(60);

fn sleep(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

/// One fault after the other, each with blocks signed after it.
fn through(net: &mut Net, name: &str, fault: impl FnOnce(&mut Net)) {
    let before = net.height().unwrap();
    let (silence, signed) = net
        .longest_silence(|net| {
            fault(net);
            let now = net.height()?;
            net.signed_again(now)
        })
        .unwrap();
    let blocks = net.blocks(before, signed).unwrap();
    let record = net.record().unwrap();
    println!(
        "figure: {name}: {} of {} blocks missed, {} in a row, {} nil; longest silence {silence:.1?}; {} refusals so far",
        blocks.missed,
        blocks.blocks,
        blocks.longest,
        blocks.nil,
        record.refusals.len()
    );
}

#[test]
#[ignore = "needs real etcd and root: tests/run"]
fn no_fault_of_etcd_3_5_makes_two_signatures_or_keeps_signers_from_signing() {
    every_fault_of(Line::V3_5);
}

#[test]
#[ignore = "needs real etcd and root: tests/run"]
fn no_fault_of_etcd_3_6_makes_two_signatures_or_keeps_signers_from_signing() {
    every_fault_of(Line::V3_6);
}

fn every_fault_of(line: Line) {
    let mut net = Net::set(line, "500ms").unwrap();
    through(
        &mut net,
        "signers' wall clocks a day ahead, a day behind, ten years ahead, and right again",
        |net| {
            for (at, off) in ["+1d", "-1d", "+10y"].into_iter().enumerate() {
                net.set_clock(at, off).unwrap();
            }
            until("a log of the years to come", LIMIT, || {
                Ok((net.year(2)? >= net.year(1)? + 9).then_some(()))
            })
            .unwrap();
            (0..3).for_each(|at| net.set_clock(at, "+0").unwrap());
            until("a log of today", LIMIT, || Ok((net.year(2)? <= net.year(1)? + 1).then_some(()))).unwrap();
        },
    );
    through(&mut net, "leader killed", |net| {
        let leader = net.cluster.leader().unwrap();
        net.cluster.kill(leader).unwrap();
        sleep(4);
        net.cluster.restart_member(leader).unwrap();
    });
    through(&mut net, "leader paused for 4 s", |net| {
        let leader = net.cluster.leader().unwrap();
        net.cluster.pause(leader, true).unwrap();
        sleep(4);
        net.cluster.pause(leader, false).unwrap();
    });
    // Towards the other members and every signer; then only what it sends, or only what the others send, is lost.
    for (name, out, back) in [("cut off", true, true), ("not heard", true, false), ("deaf", false, true)] {
        through(&mut net, &format!("leader {name} for 5 s"), |net| {
            let leader = net.cluster.leader().unwrap();
            let others: Vec<usize> = (0..3).filter(|at| *at != leader).collect();
            let set = |lost: bool| {
                for at in &others {
                    let (host, other) = (format!("e{leader}"), format!("e{at}"));
                    if out {
                        net.internet.lose_to(&host, &net.member(*at), lost).unwrap();
                    }
                    if back {
                        net.internet.lose_to(&other, &net.member(leader), lost).unwrap();
                    }
                }
            };
            set(true);
            sleep(5);
            set(false);
        });
    }
    through(&mut net, "one packet in ten lost for 6 s", |net| {
        for host in ["e0", "e1", "e2", "s0", "s1", "s2"] {
            net.internet.lose_some(host, 10).unwrap();
        }
        sleep(6);
        for host in ["e0", "e1", "e2", "s0", "s1", "s2"] {
            net.internet.lose_some(host, 0).unwrap();
        }
    });
    through(&mut net, "a member's clock a day ahead", |net| {
        net.cluster.kill(1).unwrap();
        let ahead = ["unshare", "-T", "--monotonic", "86400", "--boottime", "86400"].map(String::from);
        let words = [net.internet.inside("e1"), ahead.to_vec()].concat();
        net.cluster.move_member(1, place(words), None);
        net.cluster.restart_member(1).unwrap();
        sleep(3);
    });
    disk_full(&mut net);
    through(&mut net, "a signer killed, another paused for 3 s", |net| {
        net.signers[0].kill().unwrap();
        net.signers[1].signal(rustix::process::Signal::STOP).unwrap();
        sleep(3);
        net.signers[1].signal(rustix::process::Signal::CONT).unwrap();
        net.signers[0].start().unwrap();
    });

    // A snapshot of now comes back later, as the cluster that it was: nobody signs with it.
    let snapshot = net.dir().join("snapshot");
    net.cluster.snapshot(0, &snapshot).unwrap();
    let now = net.height().unwrap();
    net.signed_again(now + 3).unwrap();
    net.cluster.stop().unwrap();
    net.cluster.restore(&snapshot, "first").unwrap();
    let before = net.record().unwrap();
    sleep(4);
    let after = net.record().unwrap();
    assert_eq!(after.released.len(), before.released.len(), "signed with a restored etcd");
    println!("figure: {} signatures for {} slots, none in two ways", after.signatures, after.released.len());
    for node in &mut net.nodes {
        node.kill().unwrap();
    }
}

/// A member's disk is full: it ends, the others go on; with room again it comes back.
fn disk_full(net: &mut Net) {
    let disk = net.dir().join("small-disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = |args: &[&str]| {
        let (program, args) = args.split_first().unwrap();
        let out = Command::new(program).args(args).arg(&disk).output().unwrap();
        assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    };
    // A write-ahead log takes 64 MB at once, and a new one is begun before the old one ends.
    mount(&["mount", "-t", "tmpfs", "-o", "size=140m", "tmpfs"]);
    through(net, "a member's disk full", |net| {
        net.cluster.kill(2).unwrap();
        let data = disk.join("data");
        let copied = Command::new("cp").arg("-a").arg(net.cluster.data(2)).arg(&data).status().unwrap();
        assert!(copied.success());
        net.cluster.move_member(2, place(net.internet.inside("e2")), Some(data));
        net.cluster.restart_member(2).unwrap();
        sleep(2);
        // All that is left is taken, also what it frees.
        let ballast = disk.join("ballast");
        let filled = Command::new("dd")
            .args(["if=/dev/zero", "bs=4096", &format!("of={}", ballast.display())])
            .output()
            .unwrap();
        assert!(!filled.status.success(), "the disk did not fill");
        sleep(3);
        std::fs::remove_file(ballast).unwrap();
        if !net.cluster.runs(2) {
            net.cluster.bury(2);
            net.cluster.restart_member(2).unwrap();
        }
        sleep(1);
    });
    net.cluster.kill(2).unwrap();
    mount(&["umount", "-l"]);
    // As after a lost disk: it stays away, two are a majority.
}

/// Whether this machine lets anybody run in time: the longest that a thread of the test has overslept.
struct Oversleep(Arc<AtomicU64>);

impl Oversleep {
    fn watch() -> Self {
        let longest = Arc::new(AtomicU64::new(0));
        let seen = Arc::downgrade(&longest);
        std::thread::spawn(move || {
            while let Some(longest) = seen.upgrade() {
                let (nap, from) = (Duration::from_millis(10), Instant::now());
                std::thread::sleep(nap);
                let late = from.elapsed().saturating_sub(nap).as_millis();
                longest.fetch_max(u64::try_from(late).unwrap(), Ordering::Relaxed);
            }
        });
        Self(longest)
    }

    /// Milliseconds since this was asked last.
    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Above this a miss says something about the machine and nothing about signers: blocks come every second, and a vote goes through a dozen
/// threads.
const BUSY_MS: u64 = 60;

/// `PALISADE_FAILOVERS` says how often; without it a few times.
#[test]
#[ignore = "needs real etcd and root: tests/run"]
fn a_signer_that_is_killed_costs_no_block() {
    let kills = std::env::var("PALISADE_FAILOVERS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let mut net = Net::set(Line::V3_6, "1s").unwrap();
    let (oversleep, mut missed, mut busy) = (Oversleep::watch(), Vec::new(), 0);
    for kill in 0..kills {
        let at = kill % 3;
        oversleep.take();
        let before = net.height().unwrap();
        net.signers[at].kill().unwrap();
        let after = net.nodes[0].reach(before + 2, Duration::from_secs(60)).unwrap();
        net.signers[at].start().unwrap();
        let signed = net.signed_again(after).unwrap();
        let (blocks, late) = (net.blocks(before, signed).unwrap().missed, oversleep.take());
        println!("figure: signer {at} killed: {blocks} blocks missed; this machine was late by {late} ms");
        if late > BUSY_MS {
            busy += 1;
        } else {
            missed.push(blocks);
        }
    }
    net.record().unwrap();
    let worst = missed.iter().max().copied().unwrap_or_default();
    missed.sort_unstable();
    let median = missed.get(missed.len() / 2).copied().unwrap_or_default();
    println!(
        "figure: {kills} signers killed, {busy} of them not judged, since the machine was late: at most {worst} blocks missed for one, \
         median {median}, {} in all",
        missed.iter().sum::<usize>()
    );
    assert!(median == 0 || missed.len() < 3, "{missed:?}");
    assert!(worst <= 1, "{missed:?}");
    for node in &mut net.nodes {
        node.kill().unwrap();
    }
}
