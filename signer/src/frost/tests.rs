//! Vectors of RFC 9591, and what a cosigner gives and does not give. The ceremonies are in `tests/ceremonies.rs`.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use comet::{key::PrivateKey, privval::PRECOMMIT};
use frost_core::round1::Nonce;
use frost_ed25519::{SigningPackage, keys::SigningShare, round1::SigningNonces, round2};
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest as _, Sha256};

use super::{
    cosigner::{Cosigner, Denied},
    deal,
    gather::{self, GatherError, Round},
    group::{self, Group, GroupError},
    nonces::Pending,
    share::{Share, ShareError},
};
use crate::{
    guard::{NewMark, Reason},
    mark::{Hrs, Mark},
    request::Request,
    store::{PersistError, Storage, Store},
};

mod ceremonies;

#[allow(clippy::duplicate_mod, reason = "the links' tests have it too")]
#[path = "../../tests/support/requests.rs"]
mod requests;
use requests::{CHAIN, precommit, prevote, proposal};

/// Numbers that are the same in every run, and nowhere repeat within one.
struct Dice;

static THROWS: AtomicU64 = AtomicU64::new(0);

impl RngCore for Dice {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let throw = Sha256::digest(THROWS.fetch_add(1, Ordering::Relaxed).to_le_bytes());
            chunk.copy_from_slice(&throw[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Dice {}

/// A disk that takes everything, or nothing.
struct Disk {
    works: bool,
}

impl Storage for Disk {
    fn persist(&mut self, _: &NewMark) -> Result<(), PersistError> {
        if self.works { Ok(()) } else { Err(PersistError::TooLarge(0)) }
    }

    fn keep(&mut self, _: &Mark, _: &comet::consensus::Signature) -> Result<(), PersistError> {
        unreachable!("cosigners keep no signatures")
    }
}

fn key() -> PrivateKey {
    PrivateKey::from_seed(&[7; 32])
}

fn cosigners(shares: Vec<Share>) -> Vec<Cosigner<Disk>> {
    let store = || Store::new(Mark::floor(Hrs::whole_height(0)), Disk { works: true });
    shares.into_iter().map(|share| Cosigner::new(share, [(CHAIN.to_owned(), store())].into())).collect()
}

fn shares(threshold: u16, of: u16) -> Vec<Share> {
    deal::split(&key(), threshold, of, &mut Dice).expect("possible")
}

fn agreed(_: &str, _: &Request) -> Result<(), String> {
    Ok(())
}

/// Promises of these cosigners, and the round over some bytes.
fn round(of: &[&Cosigner<Disk>], bytes: &[u8]) -> (Vec<Pending>, Round) {
    let pending: Vec<Pending> = of.iter().map(|cosigner| cosigner.promise(&mut Dice)).collect();
    let promised = of
        .iter()
        .zip(&pending)
        .map(|(cosigner, pending)| (cosigner.id(), gather::commitments(&pending.public()).expect("whole")));
    let round = Round::new(bytes, &promised.collect()).expect("good ids");
    (pending, round)
}

/// All of them sign these bytes, or the first that does not says why.
fn sign(of: &mut [&mut Cosigner<Disk>], bytes: &[u8]) -> Result<comet::consensus::Signature, Denied> {
    let all: Vec<&Cosigner<Disk>> = of.iter().map(|cosigner| &**cosigner).collect();
    let group = all[0].group().clone();
    let (mut pending, round) = round(&all, bytes);
    let mut given = BTreeMap::new();
    for (cosigner, pending) in of.iter_mut().zip(&mut pending) {
        let share = cosigner.sign(pending, &round.package(), &mut agreed)?;
        given.insert(cosigner.id(), share.share);
    }
    Ok(round.aggregate(&group, &given).expect("good shares"))
}

/// RFC 9591, appendix E.1: FROST(Ed25519, SHA-512), 2 of 3, participants 1 and 3.
#[test]
fn rfc_9591_vectors() {
    let hex32 = |text: &str| -> [u8; 32] { hex::decode(text).expect("hex").try_into().expect("32 bytes") };
    let public = "15d21ccd7ee42959562fc8aa63224c8851fb3ec85a3faf66040d380fb9738673";
    let dealt = [
        (1, "929dcc590407aae7d388761cddb0c0db6f5627aea8e217f4a033f2ec83d93509"),
        (2, "a91e66e012e4364ac9aaa405fcafd370402d9859f7b6685c07eed76bf409e80d"),
        (3, "d3cb090a075eb154e82fdb4b3cb507f110040905468bb9c46da8bdea643a9a02"),
    ];
    let publics = dealt.map(|(id, secret)| {
        let secret = super::share::scalar(secret).expect("reduced");
        (id, curve25519_dalek::EdwardsPoint::mul_base(&secret))
    });
    let group =
        Group::new(group::point(public).expect("a point"), 2, publics.into()).expect("one polynomial");
    let nonces = [
        (
            1,
            "812d6104142944d5a55924de6d49940956206909f2acaeedecda2b726e630407",
            "b1110165fc2334149750b28dd813a39244f315cff14d4e89e6142f262ed83301",
            "b5aa8ab305882a6fc69cbee9327e5a45e54c08af61ae77cb8207be3d2ce13de3",
            "67e98ab55aa310c3120418e5050c9cf76cf387cb20ac9e4b6fdb6f82a469f932",
            "001719ab5a53ee1a12095cd088fd149702c0720ce5fd2f29dbecf24b7281b603",
        ),
        (
            3,
            "c256de65476204095ebdc01bd11dc10e57b36bc96284595b8215222374f99c0e",
            "243d71944d929063bc51205714ae3c2218bd3451d0214dfb5aeec2a90c35180d",
            "cfbdb165bd8aad6eb79deb8d287bcc0ab6658ae57fdcc98ed12c0669e90aec91",
            "7487bc41a6e712eea2f2af24681b58b1cf1da278ea11fe4e8b78398965f13552",
            "bd86125de990acc5e1f13781d8e32c03a9bbd4c53539bbc106058bfd14326007",
        ),
    ];
    let made = nonces.map(|(id, hiding, binding, at_hiding, at_binding, _)| {
        let nonce = |text| Nonce::deserialize(&hex32(text)).expect("a scalar");
        let nonces = SigningNonces::from_nonces(nonce(hiding), nonce(binding));
        let seen = |commitment: &frost_ed25519::round1::NonceCommitment| {
            hex::encode(commitment.serialize().expect("a point"))
        };
        assert_eq!(seen(nonces.commitments().hiding()), at_hiding);
        assert_eq!(seen(nonces.commitments().binding()), at_binding);
        (id, nonces)
    });
    let promised = made.iter().map(|(id, nonces)| (*id, *nonces.commitments())).collect();
    let round = Round::new(b"test", &promised).expect("good ids");
    let package = SigningPackage::deserialize(&round.package()).expect("ours");
    let mut given = BTreeMap::new();
    for ((id, nonces), (_, _, _, _, _, expected)) in made.iter().zip(nonces) {
        let (_, secret) = dealt[usize::from(*id) - 1];
        let secret = super::share::scalar(secret).expect("reduced");
        let share = Share::new(*id, secret, group.clone()).expect("its own");
        assert_eq!(
            *share.package().signing_share(),
            SigningShare::deserialize(&secret.to_bytes()).expect("same")
        );
        let share = round2::sign(&package, nonces, &share.package()).expect("signed");
        assert_eq!(hex::encode(share.serialize()), expected);
        given.insert(*id, share.serialize());
    }
    let signature = round.aggregate(&group, &given).expect("a signature");
    assert_eq!(
        hex::encode(signature.as_bytes()),
        "36282629c383bb820a88b71cae937d41f2f2adfcc3d02e55507e2fb9e2dd3cbe\
         bd9d2b0844e49ae0f3fa935161e1419aab7b47d21a37ebeae1f17d4987b3160b"
    );
}

#[test]
fn every_quorum_signs_and_fewer_do_not() {
    for (threshold, of) in [(2, 3), (3, 5), (3, 3)] {
        let mut all = cosigners(shares(threshold, of));
        let n = all.len();
        for set in 0..1u32 << n {
            let members = set.count_ones();
            let height = i64::from(set) + 1;
            let request = precommit(height, 0, 1, 0);
            let mut chosen: Vec<_> =
                all.iter_mut().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, c)| c).collect();
            if members >= threshold.into() {
                let signature = sign(&mut chosen, request.sign_bytes()).expect("allowed");
                assert!(
                    key().public().verify(request.sign_bytes(), signature.as_bytes()),
                    "{threshold} {set:b}"
                );
            } else if members > 0 {
                assert!(matches!(sign(&mut chosen, request.sign_bytes()), Err(Denied::Malformed)));
            }
        }
    }
}

#[test]
fn no_two_sets_sign_two_blocks() {
    // Whoever asks is as bad as can be: all pairs of sets, the second for another block, another timestamp or nil.
    for (threshold, of) in [(2, 3), (3, 5)] {
        let n = usize::from(of);
        let sets: Vec<u32> = (0..1u32 << n).filter(|set| set.count_ones() == u32::from(threshold)).collect();
        let mut height = 0;
        let mut all = cosigners(shares(threshold, of));
        for first in &sets {
            for second in &sets {
                for other in [precommit as fn(i64, i32, u8, i64) -> Request, prevote, proposal] {
                    height += 1;
                    let (one, two) = (other(height, 0, 1, 0), other(height, 0, 2, 0));
                    let late = other(height, 0, 1, 9);
                    let mut in_set = |set: u32, bytes: &[u8]| {
                        let mut chosen: Vec<_> = all
                            .iter_mut()
                            .enumerate()
                            .filter(|(i, _)| set >> i & 1 == 1)
                            .map(|(_, c)| c)
                            .collect();
                        sign(&mut chosen, bytes)
                    };
                    in_set(*first, one.sign_bytes()).expect("the first is allowed");
                    assert!(in_set(*second, two.sign_bytes()).is_err(), "{first:b} then {second:b}");
                    assert!(in_set(*second, late.sign_bytes()).is_err(), "{first:b} then {second:b}");
                    // The very same bytes are signed by any set that has not seen others.
                    in_set(*first, one.sign_bytes()).expect("a repeat");
                }
            }
        }
    }
}

#[test]
fn a_promise_is_used_once() {
    let mut all = cosigners(shares(2, 3));
    let (mut pending, round) = round(&[&all[0], &all[1]], precommit(7, 0, 1, 0).sign_bytes());
    let first = &mut pending[0];
    all[0].sign(first, &round.package(), &mut agreed).expect("the first time");
    // Also for the same bytes, which may be signed again: with another promise.
    assert!(matches!(all[0].sign(first, &round.package(), &mut agreed), Err(Denied::Nonce)));
    // Nor after a refusal: the nonces were gone before the judgement.
    let refused = precommit(7, 0, 2, 0);
    let (mut pending, round) = super::tests::round(&[&all[0], &all[1]], refused.sign_bytes());
    let first = &mut pending[0];
    assert!(matches!(all[0].sign(first, &round.package(), &mut agreed), Err(Denied::Refused(_))));
    assert!(matches!(all[0].sign(first, &round.package(), &mut agreed), Err(Denied::Nonce)));
    // Nor those of another connection.
    let mut other = all[0].promise(&mut Dice);
    let (_, round) = super::tests::round(&[&all[0], &all[1]], precommit(8, 0, 1, 0).sign_bytes());
    assert!(matches!(all[0].sign(&mut other, &round.package(), &mut agreed), Err(Denied::Nonce)));
}

#[test]
fn only_sign_bytes_of_its_chains_are_signed() {
    let mut all = cosigners(shares(2, 3));
    let mut ask = |bytes: &[u8]| {
        let (one, two) = all.split_at_mut(1);
        sign(&mut [&mut one[0], &mut two[0]], bytes).map(|_| ())
    };
    let good = precommit(7, 1, 1, 0);
    for bad in [&b""[..], b"text", &good.sign_bytes()[1..], &[good.sign_bytes(), &[0]].concat()] {
        assert!(matches!(ask(bad), Err(Denied::NotMine)), "{bad:?}");
    }
    let elsewhere =
        comet::canonical::vote("other-1", &requests::vote(PRECOMMIT, 7, 1, 1, 0).vote.expect("there"));
    assert!(matches!(ask(&elsewhere), Err(Denied::NotMine)));
    // An extension only beside the precommit that is the mark.
    let extension = |height, round| comet::canonical::extension(CHAIN, height, round, b"ext");
    assert!(matches!(ask(&extension(7, 1)), Err(Denied::NoPrecommit)));
    ask(good.sign_bytes()).expect("the precommit");
    ask(&extension(7, 1)).expect("its extension");
    ask(&comet::canonical::extension(CHAIN, 7, 1, b"")).expect("an empty one");
    for (height, round) in [(7, 0), (7, 2), (6, 1), (8, 1)] {
        assert!(matches!(ask(&extension(height, round)), Err(Denied::NoPrecommit)), "{height}/{round}");
    }
    let elsewhere = comet::canonical::extension("other-1", 7, 1, b"ext");
    assert!(matches!(ask(&elsewhere), Err(Denied::NotMine)));
    // Its own mark is the floor.
    let refused = ask(precommit(6, 0, 1, 0).sign_bytes());
    assert!(matches!(refused, Err(Denied::Refused(refusal)) if refusal.reason == Reason::HeightRegression));
}

#[test]
fn without_agreement_or_a_durable_mark_there_is_no_share() {
    let mut all = cosigners(shares(2, 3));
    let request = precommit(7, 0, 1, 0);
    let (mut pending, round) = round(&[&all[0], &all[1]], request.sign_bytes());
    let denied =
        all[0].sign(&mut pending[0], &round.package(), &mut |_, _| Err("the mark is another".into()));
    assert!(matches!(denied, Err(Denied::NotAgreed(_))));
    assert!(all[0].mark(CHAIN).expect("served").is_floor(), "what was not agreed on is not promised");

    let store = Store::new(Mark::floor(Hrs::whole_height(0)), Disk { works: false });
    let mut broken = Cosigner::new(shares(2, 3).remove(0), [(CHAIN.to_owned(), store)].into());
    let mut ask = |height| {
        let (mut pending, round) =
            super::tests::round(&[&broken, &all[1]], precommit(height, 0, 1, 0).sign_bytes());
        broken.sign(&mut pending[0], &round.package(), &mut agreed)
    };
    assert!(matches!(ask(7), Err(Denied::Persist(_))));
    assert!(matches!(ask(8), Err(Denied::Stopped)), "it has stopped for good");
}

#[test]
fn a_liar_is_named_at_every_place() {
    let all = cosigners(shares(3, 5));
    let group = all[0].group().clone();
    let request = precommit(7, 0, 1, 0);
    for liar in [1, 3, 5] {
        let mut some = cosigners_again(&all, &[0, 2, 4]);
        let of: Vec<&Cosigner<Disk>> = some.iter().collect();
        let (mut pending, round) = round(&of, request.sign_bytes());
        let mut given = BTreeMap::new();
        for (cosigner, pending) in some.iter_mut().zip(&mut pending) {
            let mut share = cosigner.sign(pending, &round.package(), &mut agreed).expect("allowed").share;
            if cosigner.id() == liar {
                share[3] ^= 1;
            }
            given.insert(cosigner.id(), share);
        }
        assert_eq!(round.aggregate(&group, &given), Err(GatherError::Liars(vec![liar])));
        given.insert(liar, vec![0xff; 32]);
        assert_eq!(round.aggregate(&group, &given), Err(GatherError::Liars(vec![liar])));
        given.remove(&liar);
        assert_eq!(round.aggregate(&group, &given), Err(GatherError::Incomplete));
    }
}

/// The same shares with fresh marks.
fn cosigners_again(all: &[Cosigner<Disk>], which: &[usize]) -> Vec<Cosigner<Disk>> {
    let copy = |i: &usize| Share::read(&all[*i].share_for_test().write()).expect("its own");
    cosigners(which.iter().map(copy).collect())
}

#[test]
fn groups_that_could_sign_twice_are_refused() {
    for (threshold, of) in [(2, 4), (3, 6), (2, 5)] {
        let refused = deal::split(&key(), threshold, of, &mut Dice).map(|_| ());
        let (threshold, of) = (threshold.into(), of.into());
        assert_eq!(refused, Err(GroupError::TwoQuorums { threshold, of }.into()));
    }
    for (threshold, of) in [(1, 1), (0, 3), (4, 3), (20, 33)] {
        assert!(matches!(group::possible(threshold, of), Err(GroupError::Numbers { .. })));
    }
}

#[test]
fn files_are_read_back_and_damage_is_found() {
    let all = shares(2, 3);
    let share = &all[1];
    let again = Share::read(&share.write()).expect("its own");
    assert_eq!((again.id(), again.group()), (2, share.group()));
    assert_eq!(Group::read(&share.group().write()).as_ref(), Ok(share.group()));
    let text = share.write();
    // Another's number, another's secret, another's public share.
    let secret = hex::encode(share.secret().to_bytes());
    let other = hex::encode(all[0].secret().to_bytes());
    assert_eq!(
        Share::read(&text.replacen("\"id\": 2", "\"id\": 1", 1)).map(|s| s.id()),
        Err(ShareError::Stranger(1))
    );
    assert_eq!(Share::read(&text.replace(&secret, &other)).map(|s| s.id()), Err(ShareError::Stranger(2)));
    let stranger = group::text(&curve25519_dalek::EdwardsPoint::mul_base(&9u64.into()));
    let public = group::text(&share.group().share_of(3).expect("there"));
    assert_eq!(Group::read(&share.group().write().replace(&public, &stranger)), Err(GroupError::Stranger(3)));
    let small = hex::encode([0; 32]);
    assert!(matches!(
        Group::read(&share.group().write().replace(&public, &small)),
        Err(GroupError::Point(_))
    ));
    for (bad, error) in [
        (text.replace(&secret, &"ff".repeat(32)), ShareError::Secret),
        (text.replace(&secret, &secret[2..]), ShareError::Secret),
        (text.replace("FrostShare", "FrostGroup"), ShareError::Type),
    ] {
        let found = Share::read(&bad).map(|s| s.id()).expect_err("damaged");
        assert_eq!(found, error);
        assert!(!found.to_string().contains(&secret));
    }
}
