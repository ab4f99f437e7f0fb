//! New shares of the same key, for other cosigners or another threshold, without anybody seeing the key.
//!
//! Each of `t` old cosigners cuts its own share, weighted by Lagrange, with a new polynomial; a new cosigner adds up what it got
//! (Desmedt and Jajodia's redistribution, with Feldman's commitments). Who cuts something else than its share is found out: the
//! commitment to the value at 0 must be the old public share times its weight, which everybody can compute.
//!
//! ```text
//! start    on each new machine -> a private file that stays, join-<id>.json for everybody
//! deal     on each of t old machines, all joins -> deal-<id>.json for everybody, and the transcript
//! finish   on each new machine, all deals -> the share
//! ```
//!
//! Old and new shares lie on different polynomials, so a mixture of them signs nothing. But `t` *old* shares still do until they are
//! destroyed: resharing takes nothing away from whoever keeps an old quorum.

use std::collections::BTreeMap;

use curve25519_dalek::{edwards::EdwardsPoint, scalar::Scalar};
use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    deal::Polynomial,
    dkg::{CeremonyError, bytes32, json, parse},
    group::{self, Group, GroupError},
    sealed::{self, Context},
    share::Share,
};

const SECRET: &str = "palisade/FrostReshareSecret";
const JOIN: &str = "palisade/FrostReshareJoin";
const DEAL: &str = "palisade/FrostReshareDeal";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    r#type: String,
    id: u16,
    box_secret: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    r#type: String,
    id: u16,
    box_key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deal {
    r#type: String,
    from: u16,
    among: Vec<u16>,
    threshold: u16,
    old_group: group::File,
    transcript: String,
    commitments: Vec<String>,
    boxes: BTreeMap<u16, String>,
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.box_secret.zeroize();
    }
}

/// A new cosigner takes part: its private file, and the public one for everybody.
pub fn start(id: u16, rng: &mut impl CryptoRngCore) -> Result<(Zeroizing<String>, String), CeremonyError> {
    if id == 0 || id > group::MAX {
        return Err(GroupError::Id.into());
    }
    let secret = StaticSecret::random_from_rng(rng);
    let join = Join { r#type: JOIN.into(), id, box_key: hex::encode(PublicKey::from(&secret)) };
    let secret = Secret { r#type: SECRET.into(), id, box_secret: hex::encode(secret.to_bytes()) };
    Ok((Zeroizing::new(json(&secret)), json(&join)))
}

/// What is to be redistributed, and to whom.
struct Plan {
    old: Group,
    among: Vec<u16>,
    threshold: u16,
    /// The new cosigners with their keys.
    keys: BTreeMap<u16, [u8; 32]>,
    transcript: [u8; 32],
}

impl Plan {
    fn new(old: Group, among: &[u16], threshold: u16, joins: &[String]) -> Result<Self, CeremonyError> {
        let mut among = among.to_vec();
        among.sort_unstable();
        among.dedup();
        if among.len() != usize::from(old.threshold()) || among.iter().any(|id| old.share_of(*id).is_none()) {
            let (found, wanted) = (among.len(), old.threshold().into());
            return Err(CeremonyError::Count { what: "old cosigners'", found, wanted });
        }
        let mut keys = BTreeMap::new();
        for text in joins {
            let file: Join = parse("join", text, |file: &Join| file.r#type == JOIN)?;
            let key = bytes32(&file.box_key).ok_or(CeremonyError::File("join"))?;
            if keys.insert(file.id, *key).is_some() {
                return Err(CeremonyError::Count {
                    what: "join",
                    found: joins.len(),
                    wanted: joins.len() - 1,
                });
            }
        }
        group::possible(threshold.into(), keys.len())?;
        let mut hash = Sha256::new();
        hash.update(b"palisade frost reshare 1");
        hash.update(old.fingerprint());
        for id in &among {
            hash.update(id.to_le_bytes());
        }
        hash.update([0; 2]);
        hash.update(threshold.to_le_bytes());
        for (id, key) in &keys {
            hash.update(id.to_le_bytes());
            hash.update(key);
        }
        Ok(Self { old, among, threshold, keys, transcript: hash.finalize().into() })
    }
}

/// An old cosigner deals its part of the key, as one of `among`, to those who have joined; and the transcript to compare.
pub fn deal(
    share: &Share,
    among: &[u16],
    threshold: u16,
    joins: &[String],
    rng: &mut impl CryptoRngCore,
) -> Result<(String, String), CeremonyError> {
    let plan = Plan::new(share.group().clone(), among, threshold, joins)?;
    if !plan.among.contains(&share.id()) {
        return Err(CeremonyError::Mismatch);
    }
    let mut mine = group::lagrange(share.id(), &plan.among, 0) * share.secret();
    let polynomial = Polynomial::random(mine, threshold, rng);
    mine.zeroize();
    let mut boxes = BTreeMap::new();
    for (to, key) in &plan.keys {
        let context = Context { transcript: &plan.transcript, from: share.id(), to: *to };
        let number = Zeroizing::new(polynomial.at(*to).to_bytes());
        let sealed = sealed::seal(key, context, &number, rng).ok_or(CeremonyError::Cheat(*to))?;
        boxes.insert(*to, hex::encode(sealed));
    }
    let transcript = hex::encode(plan.transcript);
    let deal = Deal {
        r#type: DEAL.into(),
        from: share.id(),
        threshold,
        old_group: plan.old.to_file(),
        transcript: transcript.clone(),
        commitments: polynomial.commitments().iter().map(group::text).collect(),
        among: plan.among,
        boxes,
    };
    Ok((json(&deal), transcript))
}

/// The end: a new cosigner's share of the key `expect`. `transcript` is the one that the people have compared.
pub fn finish(
    secret: &str,
    joins: &[String],
    deals: &[String],
    transcript: &str,
    expect: &comet::key::PublicKey,
) -> Result<Share, CeremonyError> {
    let secret: Secret = parse("secret", secret, |file: &Secret| file.r#type == SECRET)?;
    let bad = || CeremonyError::File("secret");
    let box_secret = bytes32(&secret.box_secret).map(|bytes| StaticSecret::from(*bytes)).ok_or_else(bad)?;
    let mut files: BTreeMap<u16, Deal> = BTreeMap::new();
    for text in deals {
        let file: Deal = parse("deal", text, |file: &Deal| file.r#type == DEAL)?;
        files.insert(file.from, file);
    }
    let Some(first) = files.values().next() else {
        return Err(CeremonyError::Count { what: "deal", found: 0, wanted: 2 });
    };
    let old = Group::from_file(&first.old_group)?;
    if old.public_key() != *expect {
        return Err(CeremonyError::OtherKey { found: old.public_key().to_string() });
    }
    let plan = Plan::new(old, &first.among.clone(), first.threshold, joins)?;
    let said = hex::encode(plan.transcript);
    if !said.eq_ignore_ascii_case(transcript.trim()) {
        return Err(CeremonyError::Transcript(secret.id));
    }
    if deals.len() != plan.among.len() || !files.keys().eq(&plan.among) {
        let (found, wanted) = (deals.len(), plan.among.len());
        return Err(CeremonyError::Count { what: "deal", found, wanted });
    }
    if plan.keys.get(&secret.id) != Some(PublicKey::from(&box_secret).as_bytes()) {
        return Err(CeremonyError::Mismatch);
    }

    let mut mine = Zeroizing::new(Scalar::ZERO);
    let mut publics: BTreeMap<u16, EdwardsPoint> = BTreeMap::new();
    for (from, file) in &files {
        let wrong = || CeremonyError::Cheat(*from);
        if file.transcript != said {
            return Err(CeremonyError::Transcript(*from));
        }
        let commitments: Vec<EdwardsPoint> = file
            .commitments
            .iter()
            .map(|text| group::point(text))
            .collect::<Result<_, _>>()
            .map_err(|_| wrong())?;
        let weight = group::lagrange(*from, &plan.among, 0);
        let owed = plan.old.share_of(*from).map(|share| share * weight);
        if commitments.len() != usize::from(plan.threshold) || commitments.first().copied() != owed {
            return Err(wrong());
        }
        let context = Context { transcript: &plan.transcript, from: *from, to: secret.id };
        let opened = file.boxes.get(&secret.id).and_then(|sealed| hex::decode(sealed).ok());
        let opened =
            opened.and_then(|sealed| sealed::open(&box_secret, context, &sealed)).ok_or_else(wrong)?;
        let number: Option<Scalar> = Scalar::from_canonical_bytes(*opened).into();
        let number = Zeroizing::new(number.ok_or_else(wrong)?);
        if EdwardsPoint::mul_base(&number) != group::evaluate(&commitments, secret.id) {
            return Err(wrong());
        }
        *mine += *number;
        for id in plan.keys.keys() {
            *publics.entry(*id).or_default() += group::evaluate(&commitments, *id);
        }
    }
    let group = Group::new(plan.old.key_point(), plan.threshold, publics)?;
    Ok(Share::new(secret.id, *mine, group)?)
}
