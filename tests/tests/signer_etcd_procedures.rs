//! The procedures of docs/etcd.md, done on a real etcd while signers sign: members added, replaced, compacted, defragmented,
//! out of space, restored from a snapshot; and what `etcd check` says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;
use std::time::Duration;

use palisade_tests::etcd::{Line, checks};
use palisade_tests::etcd_stage::{CHAIN, Stage};
use palisade_tests::process::until;

const LIMIT: Duration = Duration::from_secs(90);

/// The id of a member, as etcdctl prints it; it has a name once it has started.
fn member_id(stage: &Stage, name: &str) -> String {
    until("a member of that name", LIMIT, || {
        let said = stage.cluster.ctl(&["member", "list"])?;
        let line = said.lines().find(|line| line.split(", ").any(|field| field == name));
        Ok(line.and_then(|line| line.split(", ").next()).map(str::to_owned))
    })
    .unwrap()
}

#[test]
#[ignore = "needs real etcd: tests/run, two at once"]
fn members_are_added_and_replaced_while_signers_sign() {
    for line in [Line::V3_5, Line::V3_6] {
        let mut stage = Stage::set(line, 2).unwrap();
        stage.signs(0, 1).unwrap();

        // A member replaced, its disk lost.
        stage.cluster.kill(2).unwrap();
        std::fs::remove_dir_all(stage.cluster.data(2)).unwrap();
        stage.signs(1, 2).unwrap();
        let id = member_id(&stage, "m2");
        stage.cluster.ctl(&["member", "remove", &id]).unwrap();
        let peer = format!("--peer-urls={}", stage.cluster.peer(2));
        // Etcd wants to have been healthy for some seconds before it takes another member.
        until("a member added", LIMIT, || stage.cluster.ctl(&["member", "add", "m2", &peer]).map(Some))
            .unwrap();
        stage.cluster.start_member(2, &[0, 1, 2], "existing").unwrap();
        stage.signs(0, 3).unwrap();

        // One more: first a learner, then a member with a vote.
        let at = stage.cluster.add("127.0.0.1", Box::new(|program| Command::new(program)));
        let peer = format!("--peer-urls={}", stage.cluster.peer(at));
        until("a learner added", LIMIT, || {
            stage.cluster.ctl(&["member", "add", "m3", "--learner", &peer]).map(Some)
        })
        .unwrap();
        stage.cluster.start_member(at, &[0, 1, 2, 3], "existing").unwrap();
        stage.signs(1, 4).unwrap();
        let id = member_id(&stage, "m3");
        until("the learner promoted", LIMIT, || stage.cluster.ctl(&["member", "promote", &id]).map(Some))
            .unwrap();
        stage.signs(0, 5).unwrap();
        // The newest member and one old one are not enough of four; with a third they are.
        stage.cluster.kill(0).unwrap();
        stage.signs(1, 6).unwrap();
        stage.signs(0, 7).unwrap();
    }
}

#[test]
#[ignore = "needs real etcd: tests/run, two at once"]
fn a_database_is_compacted_defragmented_and_brought_back_from_out_of_space() {
    let mut stage = Stage::set(Line::V3_6, 2).unwrap();
    for height in 1..20 {
        stage.signs(0, height).unwrap();
    }
    let revision = |stage: &Stage| {
        let said = stage.cluster.ctl(&["get", "/palisade/none", "--write-out=json"]).unwrap();
        let header: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
        header["header"]["revision"].as_i64().unwrap()
    };
    let compact = revision(&stage).to_string();
    stage.cluster.ctl(&["compact", &compact]).unwrap();
    stage.signs(1, 20).unwrap();
    stage.cluster.ctl(&["defrag"]).unwrap();
    stage.signs(0, 21).unwrap();

    // The quota is reached: nothing is signed, and a clear word says why.
    let cluster = &mut stage.cluster;
    cluster.stop().unwrap();
    cluster.flags = vec!["--quota-backend-bytes=1000000".into()];
    for at in 0..3 {
        cluster.restart_member(at).unwrap();
    }
    cluster.healthy(LIMIT).unwrap();
    let filler = "x".repeat(100_000);
    let full = (0..100).any(|n| cluster.ctl(&["put", &format!("/palisade/fill/{n}"), &filler]).is_err());
    assert!(full, "a megabyte held ten");
    stage.refuses(0, 22, "space exceeded").unwrap();
    let check =
        stage.signers[0].command(&["etcd", "check", "--config", "signer.toml"]).unwrap_err().to_string();
    assert!(check.contains("NOSPACE") || check.contains("space"), "{check}");
    // As docs/etcd.md says.
    stage.cluster.ctl(&["del", "--prefix", "/palisade/fill/"]).unwrap();
    let compact = revision(&stage).to_string();
    stage.cluster.ctl(&["compact", &compact]).unwrap();
    stage.cluster.ctl(&["defrag"]).unwrap();
    stage.cluster.ctl(&["alarm", "disarm"]).unwrap();
    stage.signs(0, 22).unwrap();
    stage.signs(1, 23).unwrap();
}

/// An old snapshot is put back. No signer believes it, running or started, until each was told.
#[test]
#[ignore = "needs real etcd: tests/run, two at once"]
fn a_restored_snapshot_signs_nothing_until_every_signer_was_pinned() {
    for (line, token) in [(Line::V3_6, "second"), (Line::V3_5, "second"), (Line::V3_6, "first")] {
        let mut stage = Stage::set(line, 2).unwrap();
        stage.signs(0, 10).unwrap();
        let snapshot = stage.dir().join("snapshot");
        stage.cluster.snapshot(0, &snapshot).unwrap();
        // Signed after the snapshot, by both.
        stage.signs(0, 11).unwrap();
        stage.signs(1, 12).unwrap();
        stage.signs(0, 13).unwrap();
        stage.cluster.stop().unwrap();
        stage.cluster.restore(&snapshot, token).unwrap();

        // With another token it is another cluster; with the old one it is the same cluster, gone back.
        let why = if token == "second" { "is cluster" } else { "behind this signer" };
        for at in [0, 1] {
            stage.refuses(at, 14, why).unwrap();
            stage.signers[at].stop().unwrap();
            let error = stage.start(at).unwrap_err();
            let said = format!("{error:#}");
            assert!(said.contains(why) && said.contains("etcd pin"), "{said}");
        }
        let pin = |stage: &Stage, at: usize| {
            let pin =
                ["etcd", "pin", "--config", "signer.toml", "--chain", CHAIN, "--i-stopped-every-signer"];
            stage.signers[at].command(&pin).unwrap()
        };
        // In whatever order: what the second one has signed is in its own file.
        for at in [1, 0] {
            stage.signers[at].kill().unwrap();
            println!("{}", pin(&stage, at));
        }
        for at in [0, 1] {
            stage.start(at).unwrap();
        }
        stage.refuses(1, 11, "regression").unwrap();
        // Both were asked for 14 while etcd was not to be believed. It is closed now: one of them might have been heard.
        stage.refuses(1, 14, "no sign-bytes").unwrap();
        stage.signs(1, 15).unwrap();
        stage.signs(0, 16).unwrap();
    }
}

#[test]
#[ignore = "needs real etcd: tests/run, two at once"]
fn state_commands_work_on_both_and_check_finds_what_is_wrong() {
    let mut stage = Stage::set(Line::V3_6, 2).unwrap();
    stage.signs(0, 10).unwrap();
    let signer = |stage: &Stage, at: usize, args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["--config", "signer.toml"]).collect();
        stage.signers[at].command(&args).map_err(|error| error.to_string())
    };
    let check = match signer(&stage, 0, &["etcd", "check", "--json"]) {
        Ok(text) | Err(text) => text,
    };
    let (names, findings) = checks(&check).unwrap();
    assert_eq!(findings, Vec::<String>::new(), "{check}");
    assert_eq!(names, ["member", "member", "member", "quorum", "members", "role", "latency", "history"]);
    println!("{check}");

    // Import raises both; the other signer follows at its next start, or when it loses a race.
    stage.signers[0].stop().unwrap();
    let shown = signer(&stage, 0, &["state", "show", "--json", "--chain", CHAIN]).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["height"], &shown["etcd"]["mark"]["height"]), (&10.into(), &10.into()), "{shown}");
    let export = ["state", "export", "--chain", CHAIN, "--out", "carry.json"];
    signer(&stage, 0, &export).unwrap();
    let import = ["state", "import", "--chain", CHAIN, "carry.json", "--i-stopped-the-old-signer", "--yes"];
    let bumped: Vec<&str> = import.iter().copied().chain(["--bump-heights", "5"]).collect();
    println!("{}", signer(&stage, 0, &bumped).unwrap());
    stage.refuses(1, 15, "regression").unwrap();
    stage.signs(1, 16).unwrap();

    // A user that sees everything, one that sees nothing, a key that was deleted and made again.
    let config = stage.signers[0].dir().join("signer.toml");
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, good.replace("/signer.pem", "/root.pem").replace("/signer.key", "/root.key"))
        .unwrap();
    assert!(signer(&stage, 0, &["etcd", "check"]).unwrap_err().contains("may read outside"));
    std::fs::write(
        &config,
        good.replace("/signer.pem", "/stranger.pem").replace("/signer.key", "/stranger.key"),
    )
    .unwrap();
    let stranger = signer(&stage, 0, &["etcd", "check"]).unwrap_err();
    assert!(stranger.contains("finding") && stranger.contains("quorum"), "{stranger}");
    std::fs::write(&config, &good).unwrap();
    stage.cluster.kill(2).unwrap();
    let check = signer(&stage, 0, &["etcd", "check"]).unwrap_err();
    assert!(check.contains("finding: chain palisade-shared: member"), "{check}");
    stage.cluster.ctl(&["del", "--prefix", "/palisade/"]).unwrap();
    stage.refuses(1, 17, "holds no mark").unwrap();
    assert!(signer(&stage, 0, &["etcd", "check"]).unwrap_err().contains("holds no mark"));

    // As a signer that has been alone brings its mark: its own state goes to etcd, and the others take it from there.
    let (pinned, alone) = (stage.signers[0].dir().join("state").join(format!("{CHAIN}.cluster")), 0);
    std::fs::remove_file(pinned).unwrap();
    let error = format!("{:#}", stage.start(alone).unwrap_err());
    assert!(error.contains("not bound to a cluster") && error.contains("etcd pin"), "{error}");
    // One that runs while the mark is made again has seen more, and says so.
    for signer in &mut stage.signers {
        signer.kill().unwrap();
    }
    let refused = signer(&stage, alone, &["etcd", "pin", "--chain", CHAIN]).unwrap_err();
    assert!(refused.contains("--i-stopped-every-signer"), "{refused}");
    // The other one has signed more: it is not believed to be enough until that is in etcd as well.
    let pin = ["etcd", "pin", "--chain", CHAIN, "--i-stopped-every-signer"];
    signer(&stage, alone, &pin).unwrap();
    assert!(format!("{:#}", stage.start(1).unwrap_err()).contains("behind this signer"));
    stage.signers[1].kill().unwrap();
    signer(&stage, 1, &pin).unwrap();
    for at in [0, 1] {
        stage.start(at).unwrap();
    }
    stage.signs(alone, 30).unwrap();
    stage.signs(1, 31).unwrap();

    // Retired: whoever still runs signs no more, and what was exported is the last mark of all, whichever signer is asked.
    stage.signers[0].stop().unwrap();
    let retire = ["state", "export", "--chain", CHAIN, "--out", "last.json", "--retire"];
    signer(&stage, 0, &retire).unwrap();
    stage.refuses(1, 32, "regression").unwrap();
    assert!(format!("{:#}", stage.start(0).unwrap_err()).contains("no state file"));
    let last = std::fs::read_to_string(stage.signers[0].dir().join("last.json")).unwrap();
    assert!(last.contains("31") && !last.contains("9223372036854775807"), "{last}");
}
