//! Shares that are made by hand, from machine to machine, with the commands that an operator types.
#![cfg(feature = "frost")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use command::{good, run};
use tempfile::TempDir;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A file moved by hand from machine to machine, as the ceremonies ask for.
fn carry(dir: &TempDir, begins: &str, from: &str, to: &[&str]) {
    for entry in fs::read_dir(dir.path().join(from)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        for to in to.iter().filter(|to| **to != from && name.starts_with(begins)) {
            fs::create_dir_all(dir.path().join(to)).unwrap();
            fs::copy(entry.path(), dir.path().join(to).join(&name)).unwrap();
        }
    }
}

#[test]
fn the_ceremonies_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let machines = ["a", "b", "c"];
    let transcript_of = |out: &str| {
        out.lines().find_map(|line| line.strip_prefix("transcript: ")).map(str::to_owned).expect("printed")
    };
    let group_of = |out: &str| {
        out.lines().find_map(|line| line.strip_prefix("group: ")).map(str::to_owned).expect("printed")
    };
    for (id, machine) in (1..).zip(machines) {
        good(&dir, &format!("frost dkg start --dir {machine} --id {id} --threshold 2 --of 3"));
        assert_eq!(mode(&dir.path().join(format!("{machine}/secret-{id}.json"))), 0o600);
    }
    machines.iter().for_each(|machine| carry(&dir, "round1-", machine, &machines));
    let transcripts: Vec<_> = (1..)
        .zip(machines)
        .map(|(id, machine)| transcript_of(&good(&dir, &format!("frost dkg deal --dir {machine} --id {id}"))))
        .collect();
    assert!(transcripts.iter().all(|transcript| *transcript == transcripts[0]));
    machines.iter().for_each(|machine| carry(&dir, "round2-", machine, &machines));
    fs::write(dir.path().join("pass"), "horse staple\n").unwrap();
    fs::set_permissions(dir.path().join("pass"), fs::Permissions::from_mode(0o600)).unwrap();
    let wrong = transcripts[0].replace(['0', '1'], "2");
    let (code, _, err) = run(&dir, &format!("frost dkg finish --dir a --id 1 --transcript {wrong} --out a"));
    assert_eq!((code, err.contains("different ceremonies")), (2, true), "{err}");
    let groups: Vec<_> = (1..)
        .zip(machines)
        .map(|(id, machine)| {
            let sealed = if id == 3 { "--passphrase-file pass" } else { "" };
            let line = format!(
                "frost dkg finish --dir {machine} --id {id} --transcript {} --out {machine} {sealed}",
                transcripts[0]
            );
            let out = good(&dir, &line);
            let share = dir.path().join(format!("{machine}/share-{id}.json"));
            assert_eq!(mode(&share), 0o600);
            assert!(!dir.path().join(format!("{machine}/secret-{id}.json")).exists());
            let secret = fs::read_to_string(&share).unwrap_or_default();
            let secret = secret.split("\"secret\": \"").nth(1).map(|rest| rest[..64].to_owned());
            assert_eq!(secret.is_none(), id == 3, "encrypted");
            assert!(secret.is_none_or(|secret| !out.contains(&secret)));
            group_of(&out)
        })
        .collect();
    assert!(groups.iter().all(|group| *group == groups[0]));
    let shown = good(&dir, "frost show a/share-1.json --json");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["cosigner"], &shown["threshold"], &shown["group"]),
        (&1.into(), &2.into(), &groups[0].clone().into())
    );
    let public = shown["public_key"].as_str().unwrap();

    // The same key for five others, three of which are needed, dealt by the first and the third.
    let new = ["n1", "n2", "n3", "n4", "n5"];
    for (id, machine) in (1..).zip(new) {
        good(&dir, &format!("frost reshare start --dir {machine} --id {id}"));
    }
    for machine in new {
        carry(&dir, "join-", machine, &[&new[..], &["a", "c"]].concat());
    }
    let dealt = [
        good(&dir, "frost reshare deal --dir a --share a/share-1.json --among 1,3 --threshold 3"),
        good(
            &dir,
            "frost reshare deal --dir c --share c/share-3.json --share-passphrase-file pass --among 1,3 --threshold 3",
        ),
    ];
    let transcript = transcript_of(&dealt[0]);
    assert_eq!(transcript, transcript_of(&dealt[1]));
    carry(&dir, "deal-", "a", &new);
    carry(&dir, "deal-", "c", &new);
    let groups: Vec<_> = (1..)
        .zip(new)
        .map(|(id, machine)| {
            let line = format!(
                "frost reshare finish --dir {machine} --id {id} --transcript {transcript} --expect {public} --out {machine}"
            );
            let (code, out, err) = run(&dir, &line);
            assert_eq!(code, 0, "{err}");
            assert!(err.contains("the old shares still sign"), "{err}");
            group_of(&out)
        })
        .collect();
    assert!(groups.iter().all(|group| *group == groups[0]));
    let shown: serde_json::Value =
        serde_json::from_str(&good(&dir, "frost show n5/group.json --json")).unwrap();
    assert_eq!((&shown["public_key"], &shown["threshold"]), (&public.into(), &3.into()));
    let (code, _, err) = run(&dir, "frost split a/share-1.json --threshold 2 --of 3 --out x");
    assert_eq!(code, 2, "a share is no key: {err}");
    good(&dir, "key generate k.json");
    let (code, _, err) = run(&dir, "frost split k.json --threshold 2 --of 4 --out x");
    assert_eq!((code, err.contains("nobody in common")), (2, true), "{err}");
}
