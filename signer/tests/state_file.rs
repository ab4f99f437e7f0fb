//! State files on a real disk: every way to damage one is refused or harmless, and never lowers the floor.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/requests.rs"]
mod requests;

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use comet::{consensus::PublicKey, key::PrivateKey};
use palisade_signer::{
    doppelganger::{Settled, Standing},
    guard::{self, Verdict},
    io::store_file::{self, StateFileError},
    mark::{Hrs, Identity, Mark},
    slots::{self, FILE, OpenError, SLOT},
    store::Store,
};
use tempfile::TempDir;

fn identity() -> Identity {
    Identity { chain_id: requests::CHAIN.into(), public_key: public_key(7) }
}

fn public_key(seed: u8) -> PublicKey {
    PrivateKey::from_seed(&[seed; 32]).public().into()
}

struct Scene {
    _dir: TempDir,
    path: PathBuf,
    mark: Mark,
}

/// A state file that has seen a few signatures.
fn used() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/test-1.mark");
    store_file::create(&path, &identity(), &Mark::floor(Hrs::whole_height(0))).unwrap();
    let (slots, last) = store_file::open(&path, identity()).unwrap();
    let mut store = Store::new(last, slots);
    for request in
        [requests::proposal(9, 0, 1, 0), requests::prevote(9, 0, 1, 1), requests::precommit(9, 0, 1, 2)]
    {
        let Verdict::Advance(new) = guard::check(store.mark(), &request) else { panic!("higher") };
        let leave = Standing::Settled(Settled::NotGuarded).leave(new.hrs().height).unwrap();
        store.commit(new, leave).unwrap();
    }
    let mark = store.mark().clone();
    Scene { _dir: dir, path, mark }
}

#[test]
fn a_reopened_file_has_the_last_mark() {
    let scene = used();
    for _ in 0..3 {
        assert_eq!(store_file::open(&scene.path, identity()).unwrap().1.mark, scene.mark);
    }
    assert_eq!(store_file::read(&scene.path, &identity()).unwrap(), scene.mark);
    assert_eq!(fs::metadata(&scene.path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&scene.path).unwrap().len(), FILE as u64);
}

#[test]
fn every_damaged_byte_is_refused_or_harmless() {
    let scene = used();
    let good = fs::read(&scene.path).unwrap();
    let (mut refused, mut harmless) = (0, 0);
    for at in 0..FILE {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            // What opening a file does with its content, without 24,000 files.
            match slots::read(&bad, &identity()) {
                Ok(mark) => {
                    assert_eq!(mark, scene.mark, "byte {at}");
                    harmless += 1;
                }
                Err(error) => {
                    assert!(matches!(error, OpenError::Damaged { .. }), "byte {at}: {error}");
                    refused += 1;
                }
            }
        }
    }
    // Records are 2 x 512 bytes; the rest of each block is padding that nothing reads.
    assert_eq!((refused, harmless), (3 * 1024, 3 * (FILE - 1024)));
}

#[test]
fn cut_off_emptied_replaced_or_deleted_is_refused() {
    let scene = used();
    let good = fs::read(&scene.path).unwrap();
    let mut contents: Vec<Vec<u8>> = (0..FILE).step_by(97).map(|length| good[..length].to_vec()).collect();
    contents.extend([vec![], b"{}".to_vec(), vec![0; FILE], [&good[..], b"x"].concat()]);
    contents.push(br#"{"height":"8","round":0,"step":3}"#.to_vec());
    for content in contents {
        fs::write(&scene.path, &content).unwrap();
        let error = store_file::open(&scene.path, identity()).err().expect("refused");
        assert!(matches!(error, StateFileError::Unusable { .. }), "{error}");
        let remedy = error.remedy("signer.toml".as_ref(), "test-1").unwrap();
        assert!(
            remedy.starts_with("palisade-signer state init --config signer.toml --chain test-1"),
            "{remedy}"
        );
    }
    fs::remove_file(&scene.path).unwrap();
    let error = store_file::open(&scene.path, identity()).err().expect("refused");
    assert!(matches!(error, StateFileError::Missing { .. }));
    assert!(
        error.remedy("signer.toml".as_ref(), "test-1").unwrap().starts_with("palisade-signer state init")
    );
    assert!(!scene.path.exists(), "opening makes nothing");
}

#[test]
fn an_old_slot_in_the_place_of_the_newest_is_refused() {
    // The rollback that stays within one file: each record is whole, but they do not follow each other.
    let scene = used();
    let good = fs::read(&scene.path).unwrap();
    for (from, to) in [(0, SLOT), (SLOT, 0)] {
        let mut bad = good.clone();
        bad.copy_within(from..from + SLOT, to);
        fs::write(&scene.path, bad).unwrap();
        let error = store_file::open(&scene.path, identity()).err().expect("refused");
        assert!(matches!(error, StateFileError::Unusable { source: OpenError::Unrelated, .. }), "{error}");
    }
}

#[test]
fn foreign_chain_and_foreign_key_are_refused() {
    let scene = used();
    let other_chain = Identity { chain_id: "test-2".into(), ..identity() };
    let error = store_file::open(&scene.path, other_chain).err().expect("refused");
    assert!(error.to_string().contains("belongs to chain \"test-1\""), "{error}");
    let other_key = Identity { public_key: public_key(8), ..identity() };
    let error = store_file::open(&scene.path, other_key).err().expect("refused");
    let found = format!("another key, ed25519 {}", public_key(7));
    assert!(error.to_string().contains(&found), "{error}");
}

#[test]
fn one_process_at_a_time() {
    let scene = used();
    let first = store_file::open(&scene.path, identity()).unwrap();
    assert!(matches!(store_file::open(&scene.path, identity()), Err(StateFileError::Locked { .. })));
    assert!(store_file::read(&scene.path, &identity()).is_ok(), "looking is allowed");
    let raised = store_file::raise(&scene.path, identity(), Mark::floor(Hrs::whole_height(99)));
    assert!(matches!(raised, Err(StateFileError::Locked { .. })));
    drop(first);
    assert!(store_file::open(&scene.path, identity()).is_ok());
}

#[test]
fn creating_never_overwrites() {
    let scene = used();
    let again = store_file::create(&scene.path, &identity(), &Mark::floor(Hrs::whole_height(0)));
    assert!(matches!(again, Err(StateFileError::Exists { .. })));
    assert_eq!(store_file::read(&scene.path, &identity()).unwrap(), scene.mark);
    let names: Vec<_> = fs::read_dir(scene.path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "no file in the making is left behind");
}

#[test]
fn raising_goes_up_only() {
    let scene = used();
    let to = |height| store_file::raise(&scene.path, identity(), Mark::floor(Hrs::whole_height(height)));
    assert!(matches!(to(8), Err(StateFileError::NotAbove { .. })));
    assert_eq!(store_file::read(&scene.path, &identity()).unwrap(), scene.mark);
    to(20).unwrap();
    assert_eq!(store_file::read(&scene.path, &identity()).unwrap().hrs, Hrs::whole_height(20));
}

#[test]
fn replacing_keeps_the_old_file_and_never_goes_below_what_it_shows() {
    let scene = used();
    let mut bad = fs::read(&scene.path).unwrap();
    bad[40] ^= 1;
    fs::write(&scene.path, &bad).unwrap();
    let low = store_file::replace(&scene.path, &identity(), &Mark::floor(Hrs::whole_height(3)));
    assert!(matches!(low, Err(StateFileError::NotAbove { .. })), "the other slot still shows height 9");
    let kept = store_file::replace(&scene.path, &identity(), &Mark::floor(Hrs::whole_height(12))).unwrap();
    assert_eq!(fs::read(kept).unwrap(), bad);
    assert_eq!(store_file::open(&scene.path, identity()).unwrap().1.mark, Mark::floor(Hrs::whole_height(12)));
}
