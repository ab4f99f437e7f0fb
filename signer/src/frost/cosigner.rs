//! A cosigner: a share, a mark for each chain, and its own judgement. The only place where a share signs.
//!
//! It gives a share only for sign-bytes that it has read and judged itself, by [`guard::check`] against its own durable mark, and
//! only with a permit of its own store: the share has no other door. What the signer that asks thinks of them is of no weight. A
//! vote that differs from the mark's in its timestamp only is refused here; a node's repeat never comes so far, because the
//! signer asks for the mark's own sign-bytes.
//!
//! Vote extensions have no mark, since they cannot be signed twice; they are signed only at the height and round of the precommit
//! that the mark stands for. Nothing else is signed at all.
//!
//! The nonces are taken first, before anything is judged: whatever comes of a request, they do not serve another.

use std::collections::BTreeMap;

use comet::canonical;
use frost_ed25519::{SigningPackage, round2};
use rand_core::CryptoRngCore;
use thiserror::Error;

use crate::{
    doppelganger::{Settled, Standing},
    frost::{
        group::{self, Group},
        nonces::Pending,
        share::Share,
    },
    guard::{self, Refusal, Verdict},
    mark::{Mark, Step},
    request::Request,
    store::{CommitError, Permit, Storage, Store},
};

/// A share and its marks.
pub struct Cosigner<S> {
    share: Share,
    /// By chain id.
    stores: BTreeMap<String, Store<S>>,
    stopped: bool,
}

/// What a cosigner gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its signature share.
    pub share: Vec<u8>,
    /// Whether it had given one for these sign-bytes before.
    pub repeat: bool,
}

/// Why a cosigner gives no share.
#[derive(Debug, Error)]
pub enum Denied {
    /// The commitment is not the one promised last, or was used already.
    #[error("the commitment is not mine, or has been used")]
    Nonce,
    /// Not something to sign.
    #[error("malformed request")]
    Malformed,
    /// Neither a vote nor a proposal nor an extension of a chain that is served here.
    #[error("these are not sign-bytes of a chain that I serve")]
    NotMine,
    /// The double-sign rule.
    #[error("{0}")]
    Refused(Refusal),
    /// The mark's own sign-bytes are others.
    #[error("other sign-bytes are promised at this height, round and step: only the timestamp differs")]
    OtherTimestamp,
    /// An extension of a vote that is not the last one.
    #[error("no precommit of this height and round is the last thing I signed")]
    NoPrecommit,
    /// The shared store does not have these sign-bytes as its mark.
    #[error("not agreed on: {0}")]
    NotAgreed(String),
    /// No mark, no share.
    #[error("signing has stopped: {0}")]
    Persist(#[from] CommitError),
    /// Earlier already.
    #[error("signing has stopped after an earlier failure")]
    Stopped,
}

/// Asks the shared store whether this is its mark for the chain. Where there is none, everything is agreed on.
pub type Agreed<'a> = &'a mut dyn FnMut(&str, &Request) -> Result<(), String>;

// === impl Cosigner ===

impl<S: Storage> Cosigner<S> {
    /// A cosigner with the stores of its chains, all of them durable marks of its group's key.
    pub fn new(share: Share, stores: BTreeMap<String, Store<S>>) -> Self {
        Self { share, stores, stopped: false }
    }

    /// Its number.
    pub fn id(&self) -> u16 {
        self.share.id()
    }

    /// Its group.
    pub fn group(&self) -> &Group {
        self.share.group()
    }

    /// Where it stands on each chain.
    pub fn marks(&self) -> impl Iterator<Item = (&str, &Mark)> {
        self.stores.iter().map(|(chain_id, store)| (chain_id.as_str(), store.mark()))
    }

    /// Where it stands on a chain.
    pub fn mark(&self, chain_id: &str) -> Option<&Mark> {
        Some(self.stores.get(chain_id)?.mark())
    }

    #[cfg(test)]
    pub(super) fn share_for_test(&self) -> &Share {
        &self.share
    }

    /// A new promise of nonces, for one connection. The one before it, if there is one, is to be dropped.
    pub fn promise(&self, rng: &mut impl CryptoRngCore) -> Pending {
        Pending::new(&self.share.package(), rng)
    }

    /// Its share of a signature over what is in the package, if that may be signed.
    pub fn sign(
        &mut self,
        pending: &mut Pending,
        package: &[u8],
        agreed: Agreed<'_>,
    ) -> Result<Given, Denied> {
        let package = SigningPackage::deserialize(package).map_err(|_| Denied::Malformed)?;
        let me = group::identifier(self.share.id()).expect("checked when the share was read");
        let asked = package.signing_commitment(&me).ok_or(Denied::Nonce)?;
        // From here on they are spent, whatever happens.
        let nonces = pending.take(&asked).ok_or(Denied::Nonce)?;
        if self.stopped {
            return Err(Denied::Stopped);
        }
        let members = package.signing_commitments();
        let known = |id| group::number(id).is_some_and(|id| self.share.group().share_of(id).is_some());
        if members.len() < self.share.group().threshold().into() || !members.keys().all(|id| known(*id)) {
            return Err(Denied::Malformed);
        }
        let sign_bytes = package.message();
        let repeat = match (canonical::read(sign_bytes), canonical::read_extension(sign_bytes)) {
            (Some(said), _) => {
                let store = self.stores.get_mut(&said.chain_id).ok_or(Denied::NotMine)?;
                let request = Request::from_sign_bytes(&said.chain_id, sign_bytes).ok_or(Denied::NotMine)?;
                let permitted = permit(store, &said.chain_id, &request, agreed);
                self.stopped = matches!(permitted, Err(Denied::Persist(_)));
                let (permit, repeat) = permitted?;
                if permit.sign_bytes() != sign_bytes {
                    return Err(Denied::OtherTimestamp);
                }
                repeat
            }
            (None, Some((height, round, chain_id))) => {
                let mark = self.stores.get(&chain_id).ok_or(Denied::NotMine)?.mark();
                let here = (mark.hrs.height, i64::from(mark.hrs.round), mark.hrs.step);
                if mark.is_floor() || here != (height, round, Step::Precommit) {
                    return Err(Denied::NoPrecommit);
                }
                false
            }
            (None, None) => return Err(Denied::NotMine),
        };
        let share = round2::sign(&package, &nonces, &self.share.package()).map_err(|_| Denied::Malformed)?;
        Ok(Given { share: share.serialize(), repeat })
    }
}

/// The judgement. The permit is for the durable mark's sign-bytes, which in a repeat may be others than those asked for.
fn permit<'a, S: Storage>(
    store: &'a mut Store<S>,
    chain_id: &str,
    request: &Request,
    agreed: Agreed<'_>,
) -> Result<(Permit<'a>, bool), Denied> {
    // Who else signs with this key is the business of the signer that asks; a cosigner has no node to look through.
    let leave =
        || Standing::Settled(Settled::NotGuarded).leave(request.hrs().height).expect("nothing to wait for");
    match guard::check(store.mark(), request) {
        Verdict::Refuse(refusal) => Err(Denied::Refused(refusal)),
        Verdict::Advance(new) => {
            agreed(chain_id, request).map_err(Denied::NotAgreed)?;
            Ok((store.commit(new, leave())?, false))
        }
        Verdict::Repeat(again) => Ok((store.repeat(again, leave())?, true)),
    }
}

// === impl Denied ===

impl Denied {
    /// Label value of the metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::Malformed => "malformed",
            Self::NotMine => "not_mine",
            Self::Refused(refusal) => refusal.reason.name(),
            Self::OtherTimestamp => "other_timestamp",
            Self::NoPrecommit => "no_precommit",
            Self::NotAgreed(_) => "not_agreed",
            Self::Persist(_) => "persist",
            Self::Stopped => "stopped",
        }
    }
}
