//! Keys that are made together and shares that are dealt anew, with honest files and with changed ones.

use std::collections::BTreeMap;

use comet::key::PrivateKey;

use super::{Dice, Disk, agreed, cosigners, key, requests::precommit, round, shares, sign};
use crate::frost::{
    cosigner::Cosigner,
    deal,
    dkg::{self, CeremonyError},
    reshare,
    share::Share,
};

/// Runs a whole ceremony; `change` may touch each round 2 file on its way.
fn ceremony(
    threshold: u16,
    of: u16,
    change: impl Fn(u16, String) -> String,
) -> Vec<Result<Share, CeremonyError>> {
    let (secrets, round1): (Vec<_>, Vec<_>) =
        (1..=of).map(|id| dkg::start(id, threshold, of, &mut Dice).expect("possible")).unzip();
    let dealt: Vec<_> =
        secrets.iter().map(|secret| dkg::deal(secret, &round1, &mut Dice).expect("whole")).collect();
    assert!(dealt.iter().all(|(_, transcript)| *transcript == dealt[0].1));
    let round2: Vec<_> = (1..).zip(&dealt).map(|(id, (file, _))| change(id, file.clone())).collect();
    secrets.iter().map(|secret| dkg::finish(secret, &round1, &round2, &dealt[0].1)).collect()
}

#[test]
fn a_key_that_nobody_has_seen_signs() {
    for (threshold, of) in [(2, 3), (3, 5)] {
        let shares: Vec<Share> =
            ceremony(threshold, of, |_, file| file).into_iter().map(|share| share.expect("whole")).collect();
        let group = shares[0].group().clone();
        assert!(shares.iter().all(|share| share.group().fingerprint() == group.fingerprint()));
        let mut all = cosigners(shares);
        let request = precommit(1, 0, 1, 0);
        let mut chosen: Vec<_> = all.iter_mut().rev().take(threshold.into()).collect();
        chosen.reverse();
        let signature = sign(&mut chosen, request.sign_bytes()).expect("allowed");
        assert!(group.public_key().verify(request.sign_bytes(), signature.as_bytes()));
    }
}

#[test]
fn a_ceremony_with_changed_files_ends_without_a_share() {
    let flip = |id, file: String| match id {
        2 => file.replacen("\"1\": \"", "\"1\": \"00", 1),
        _ => file,
    };
    let ends = ceremony(2, 3, flip).into_iter().map(|end| end.map(|share| share.id())).collect::<Vec<_>>();
    assert_eq!(ends[0], Err(CeremonyError::Cheat(2)), "it was the one who got the wrong box");
    assert_eq!((&ends[1], &ends[2]), (&Ok(2), &Ok(3)));
    // Round 1 of another on its way to one of them: the transcripts differ, and finish is told the right one.
    let (secrets, mut round1): (Vec<_>, Vec<_>) =
        (1..=3).map(|id| dkg::start(id, 2, 3, &mut Dice).expect("possible")).unzip();
    let (_, told) = dkg::deal(&secrets[0], &round1, &mut Dice).expect("whole");
    round1[1] = dkg::start(2, 2, 3, &mut Dice).expect("possible").1;
    let (_, seen) = dkg::deal(&secrets[2], &round1, &mut Dice).expect("nothing to see yet");
    assert_ne!(told, seen);
    let end = dkg::finish(&secrets[2], &round1, &[], &told).map(|share| share.id());
    assert_eq!(end, Err(CeremonyError::Transcript(3)));
    // One's own file was exchanged.
    let end = dkg::deal(&secrets[1], &round1, &mut Dice).map(|_| ());
    assert_eq!(end, Err(CeremonyError::Mismatch));
    let end = dkg::deal(&secrets[0], &round1[..2], &mut Dice).map(|_| ());
    assert_eq!(end, Err(CeremonyError::Count { what: "round 1", found: 2, wanted: 3 }));
}

/// A resharing by these old cosigners to so many new ones; `change` may touch each deal on its way.
fn redistribute(
    old: &[Share],
    among: &[u16],
    [threshold, of]: [u16; 2],
    change: impl Fn(u16, String) -> String,
) -> Vec<Result<Share, CeremonyError>> {
    let (secrets, joins): (Vec<_>, Vec<_>) =
        (1..=of).map(|id| reshare::start(id, &mut Dice).expect("possible")).unzip();
    let dealers = old.iter().filter(|share| among.contains(&share.id()));
    let dealt: Vec<_> = dealers
        .map(|share| {
            let (file, transcript) =
                reshare::deal(share, among, threshold, &joins, &mut Dice).expect("possible");
            (change(share.id(), file), transcript)
        })
        .collect();
    let deals: Vec<_> = dealt.iter().map(|(file, _)| file.clone()).collect();
    let expect = key().public();
    secrets.iter().map(|secret| reshare::finish(secret, &joins, &deals, &dealt[0].1, &expect)).collect()
}

#[test]
fn a_resharing_keeps_the_key_and_the_old_shares_do_not_mix_in() {
    let old = shares(2, 3);
    for (among, new) in [([1, 3], [3, 5]), ([2, 3], [2, 3]), ([1, 2], [2, 2])] {
        let made: Vec<Share> = redistribute(&old, &among, new, |_, file| file)
            .into_iter()
            .map(|share| share.expect("whole"))
            .collect();
        let group = made[0].group().clone();
        assert_eq!((group.public_key(), group.threshold()), (key().public(), new[0]));
        let mixed_secret = made[1].write();
        let mut all = cosigners(made);
        let request = precommit(1, 0, 1, 0);
        let mut chosen: Vec<_> = all.iter_mut().take(new[0].into()).collect();
        let signature = sign(&mut chosen, request.sign_bytes()).expect("allowed");
        assert!(key().public().verify(request.sign_bytes(), signature.as_bytes()));
        // One old and one new share, of the same key: no signature, and whoever adds them up sees it.
        let copy = |share: &Share| Share::read(&share.write()).expect("its own");
        let mut mixed = cosigners(vec![copy(&old[0]), Share::read(&mixed_secret).expect("its own")]);
        let (mut pending, round) = {
            let all: Vec<&Cosigner<Disk>> = mixed.iter().collect();
            round(&all, request.sign_bytes())
        };
        let mut given = BTreeMap::new();
        for (cosigner, pending) in mixed.iter_mut().zip(&mut pending) {
            if let Ok(share) = cosigner.sign(pending, &round.package(), &mut agreed) {
                given.insert(cosigner.id(), share.share);
            }
        }
        assert!(round.aggregate(old[0].group(), &given).is_err());
    }
}

#[test]
fn who_deals_another_number_is_found() {
    let old = shares(2, 3);
    // A whole deal of a share of another key, with the right group around it.
    let stranger = deal::split(&PrivateKey::from_seed(&[8; 32]), 2, 3, &mut Dice).expect("possible");
    let commitments = |file: &str| {
        let value: serde_json::Value = serde_json::from_str(file).expect("json");
        value["commitments"].clone()
    };
    let false_deal = {
        let joins = vec![
            reshare::start(1, &mut Dice).expect("possible").1,
            reshare::start(2, &mut Dice).expect("possible").1,
        ];
        reshare::deal(&stranger[1], &[2, 3], 2, &joins, &mut Dice).expect("possible").0
    };
    let ends = redistribute(&old, &[2, 3], [2, 3], |id, file| {
        if id != 2 {
            return file;
        }
        let mut value: serde_json::Value = serde_json::from_str(&file).expect("json");
        value["commitments"] = commitments(&false_deal);
        value.to_string()
    });
    for end in ends {
        assert_eq!(end.map(|share| share.id()), Err(CeremonyError::Cheat(2)));
    }
    let refused = reshare::deal(&old[0], &[1, 2, 3], 2, &[], &mut Dice).map(|_| ());
    assert!(matches!(refused, Err(CeremonyError::Count { .. })));
    let joins: Vec<_> = (1..=2).map(|id| reshare::start(id, &mut Dice).expect("possible").1).collect();
    assert_eq!(
        reshare::deal(&old[0], &[2, 3], 2, &joins, &mut Dice).map(|_| ()),
        Err(CeremonyError::Mismatch)
    );
}
