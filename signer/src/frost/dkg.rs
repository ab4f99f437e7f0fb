//! A new key that nobody ever sees: distributed key generation (Pedersen's with proofs of knowledge, as in the FROST paper).
//!
//! Three steps on every cosigner's own machine, with public files carried between them by any means:
//!
//! ```text
//! start    -> a private file that stays, round1-<id>.json for everybody
//! deal     all round 1 files -> round2-<id>.json for everybody, and the transcript
//! finish   all round 2 files -> the share
//! ```
//!
//! The secret numbers in round 2 files are sealed to the receivers' keys of round 1. Somebody who exchanges round 1 files on
//! their way could put keys of his own into them, so the people compare the transcript, which is a hash of all of round 1: where
//! it is the same on every machine, all have seen the same files. `finish` is told it and refuses another.

use std::collections::BTreeMap;

use frost_ed25519::keys::{SigningShare, dkg};
use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    group::{self, Group, GroupError},
    sealed::{self, Context},
    share::{self, Share, ShareError},
};

const SECRET: &str = "palisade/FrostDkgSecret";
const ROUND1: &str = "palisade/FrostDkgRound1";
const ROUND2: &str = "palisade/FrostDkgRound2";

/// Why a ceremony does not go on. None of these quotes a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CeremonyError {
    /// A file that is none of this ceremony.
    #[error("{0} file: not of this ceremony, or damaged")]
    File(&'static str),
    /// A file of somebody is missing, or somebody's is there twice.
    #[error("{what} files: {found} found, and there must be one of each of {wanted}")]
    Count {
        /// Which files.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there must be.
        wanted: usize,
    },
    /// Not one ceremony.
    #[error("the files are of different ceremonies: cosigner {0} has seen others")]
    Transcript(u16),
    /// A member cheats, or its files were changed.
    #[error("what cosigner {0} sent is wrong: its files were changed, or it cheats; begin again without it")]
    Cheat(u16),
    /// What came out is no group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// What came out is no share of it.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// The numbers of this machine do not fit.
    #[error("this machine's part does not fit the others'")]
    Mismatch,
    /// Another key than the one that was meant.
    #[error("these are shares of the key {found}")]
    OtherKey {
        /// Hex.
        found: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    r#type: String,
    id: u16,
    threshold: u16,
    of: u16,
    box_secret: String,
    package: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Round1 {
    r#type: String,
    id: u16,
    threshold: u16,
    of: u16,
    box_key: String,
    package: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Round2 {
    r#type: String,
    id: u16,
    transcript: String,
    boxes: BTreeMap<u16, String>,
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.box_secret.zeroize();
        self.package.zeroize();
    }
}

/// A file's text as one of its kind.
pub(super) fn parse<T: serde::de::DeserializeOwned>(
    what: &'static str,
    text: &str,
    is: impl Fn(&T) -> bool,
) -> Result<T, CeremonyError> {
    serde_json::from_str(text).ok().filter(|file| is(file)).ok_or(CeremonyError::File(what))
}

pub(super) fn bytes32(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, &mut *bytes).ok()?;
    Some(bytes)
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("strings and numbers")
}

/// Begins: this machine's private file, and the public one for everybody.
pub fn start(
    id: u16,
    threshold: u16,
    of: u16,
    rng: &mut impl CryptoRngCore,
) -> Result<(Zeroizing<String>, String), CeremonyError> {
    group::possible(threshold.into(), of.into())?;
    let identifier = group::identifier(id).filter(|_| id <= of).ok_or(GroupError::Id)?;
    let (secret, public) =
        dkg::part1(identifier, of, threshold, &mut *rng).map_err(|_| CeremonyError::Mismatch)?;
    let box_secret = StaticSecret::random_from_rng(rng);
    let box_key = hex::encode(PublicKey::from(&box_secret));
    let secret = Zeroizing::new(secret.serialize().map_err(|_| CeremonyError::Mismatch)?);
    let package = hex::encode(public.serialize().map_err(|_| CeremonyError::Mismatch)?);
    let round1 = Round1 { r#type: ROUND1.into(), id, threshold, of, box_key, package };
    let secret = Secret {
        r#type: SECRET.into(),
        id,
        threshold,
        of,
        box_secret: hex::encode(box_secret.to_bytes()),
        package: hex::encode(&*secret),
    };
    Ok((Zeroizing::new(json(&secret)), json(&round1)))
}

/// One machine's part with everybody's first round.
struct Table {
    secret: Secret,
    box_secret: StaticSecret,
    mine: dkg::round1::SecretPackage,
    keys: BTreeMap<u16, [u8; 32]>,
    others: BTreeMap<frost_ed25519::Identifier, dkg::round1::Package>,
    transcript: [u8; 32],
}

impl Table {
    fn set(secret: &str, round1: &[String]) -> Result<Self, CeremonyError> {
        let secret: Secret = parse("secret", secret, |file: &Secret| file.r#type == SECRET)?;
        let bad = || CeremonyError::File("secret");
        let box_secret =
            bytes32(&secret.box_secret).map(|bytes| StaticSecret::from(*bytes)).ok_or_else(bad)?;
        let bytes = Zeroizing::new(hex::decode(&secret.package).map_err(|_| bad())?);
        let mine = dkg::round1::SecretPackage::deserialize(&bytes).map_err(|_| bad())?;
        let mut files: BTreeMap<u16, Round1> = BTreeMap::new();
        for text in round1 {
            let file: Round1 = parse("round 1", text, |file: &Round1| file.r#type == ROUND1)?;
            if (file.threshold, file.of) != (secret.threshold, secret.of) {
                return Err(CeremonyError::File("round 1"));
            }
            files.insert(file.id, file);
        }
        let wanted: Vec<u16> = (1..=secret.of).collect();
        if round1.len() != wanted.len() || !files.keys().copied().eq(wanted) {
            let (what, found) = ("round 1", round1.len());
            return Err(CeremonyError::Count { what, found, wanted: secret.of.into() });
        }
        let mut hash = Sha256::new();
        hash.update(b"palisade frost dkg 1");
        hash.update(secret.threshold.to_le_bytes());
        hash.update(secret.of.to_le_bytes());
        let (mut keys, mut others) = (BTreeMap::new(), BTreeMap::new());
        for (id, file) in &files {
            let wrong = || CeremonyError::Cheat(*id);
            let key = bytes32(&file.box_key).ok_or_else(wrong)?;
            let package = hex::decode(&file.package).map_err(|_| wrong())?;
            hash.update(id.to_le_bytes());
            hash.update(*key);
            hash.update(u64::try_from(package.len()).unwrap_or(0).to_le_bytes());
            hash.update(&package);
            let package = dkg::round1::Package::deserialize(&package).map_err(|_| wrong())?;
            keys.insert(*id, *key);
            if *id != secret.id {
                others.insert(group::identifier(*id).ok_or_else(wrong)?, package);
            } else if *key != PublicKey::from(&box_secret).to_bytes() {
                return Err(CeremonyError::Mismatch);
            }
        }
        Ok(Self { secret, box_secret, mine, keys, others, transcript: hash.finalize().into() })
    }

    /// The second round: what stays here, and what goes to whom.
    fn second(
        &self,
    ) -> Result<
        (dkg::round2::SecretPackage, BTreeMap<frost_ed25519::Identifier, dkg::round2::Package>),
        CeremonyError,
    > {
        dkg::part2(self.mine.clone(), &self.others).map_err(|error| culprit(&error))
    }
}

/// The cosigner that an error of the library names.
fn culprit(error: &frost_ed25519::Error) -> CeremonyError {
    let named = error.culprits().first().copied().and_then(group::number);
    named.map_or(CeremonyError::Mismatch, CeremonyError::Cheat)
}

/// The second round: a public file for everybody, and the transcript to compare.
pub fn deal(
    secret: &str,
    round1: &[String],
    rng: &mut impl CryptoRngCore,
) -> Result<(String, String), CeremonyError> {
    let table = Table::set(secret, round1)?;
    let (_, packages) = table.second()?;
    let mut boxes = BTreeMap::new();
    for (identifier, package) in packages {
        let to = group::number(identifier).ok_or(CeremonyError::Mismatch)?;
        let context = Context { transcript: &table.transcript, from: table.secret.id, to };
        let number = Zeroizing::new(package.signing_share().serialize());
        let number = number.as_slice().try_into().map(Zeroizing::new).map_err(|_| CeremonyError::Mismatch)?;
        let sealed = sealed::seal(&table.keys[&to], context, &number, rng);
        boxes.insert(to, hex::encode(sealed.ok_or(CeremonyError::Cheat(to))?));
    }
    let transcript = hex::encode(table.transcript);
    let round2 = Round2 { r#type: ROUND2.into(), id: table.secret.id, transcript: transcript.clone(), boxes };
    Ok((json(&round2), transcript))
}

/// The end: this machine's share. `transcript` is the one that the people have compared.
pub fn finish(
    secret: &str,
    round1: &[String],
    round2: &[String],
    transcript: &str,
) -> Result<Share, CeremonyError> {
    let table = Table::set(secret, round1)?;
    if !hex::encode(table.transcript).eq_ignore_ascii_case(transcript.trim()) {
        return Err(CeremonyError::Transcript(table.secret.id));
    }
    let (kept, _) = table.second()?;
    let mut packages = BTreeMap::new();
    for text in round2 {
        let file: Round2 = parse("round 2", text, |file: &Round2| file.r#type == ROUND2)?;
        if file.transcript != hex::encode(table.transcript) {
            return Err(CeremonyError::Transcript(file.id));
        }
        let from = file.id;
        if from == table.secret.id {
            continue;
        }
        let context = Context { transcript: &table.transcript, from, to: table.secret.id };
        let opened = file.boxes.get(&table.secret.id).and_then(|sealed| hex::decode(sealed).ok());
        let opened = opened.and_then(|sealed| sealed::open(&table.box_secret, context, &sealed));
        let number = opened.ok_or(CeremonyError::Cheat(from))?;
        let number = SigningShare::deserialize(&*number).map_err(|_| CeremonyError::Cheat(from))?;
        let identifier = group::identifier(from).ok_or(CeremonyError::File("round 2"))?;
        packages.insert(identifier, dkg::round2::Package::new(number));
    }
    if packages.len() != table.others.len() {
        let (found, wanted) = (packages.len() + 1, table.secret.of.into());
        return Err(CeremonyError::Count { what: "round 2", found, wanted });
    }
    let (key, public) = dkg::part3(&kept, &table.others, &packages).map_err(|error| culprit(&error))?;
    let group = Group::from_package(&public, table.secret.threshold)?;
    let number = Zeroizing::new(key.signing_share().serialize());
    let number = share::scalar(&Zeroizing::new(hex::encode(&*number))).ok_or(CeremonyError::Mismatch)?;
    Ok(Share::new(table.secret.id, number, group)?)
}
