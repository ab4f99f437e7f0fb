//! A dealer cuts an existing key into shares. The key is whole in the dealer's memory, as it was in its file before: whoever wants
//! a key that was never whole makes a new one ([`super::dkg`]).

use std::collections::BTreeMap;

use comet::key::PrivateKey;
use curve25519_dalek::{EdwardsPoint, scalar::Scalar};
use rand_core::CryptoRngCore;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    group::{self, Group, GroupError},
    share::{Share, ShareError},
};

/// Why there are no shares.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DealError {
    /// Numbers that make no group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The shares do not fit the key.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// The expanded key and its public key do not belong together.
    #[error("the key's secret does not give its public key")]
    NotTheKey,
}

/// A random polynomial of `threshold - 1` coefficients above a given value at 0.
pub(super) struct Polynomial(Vec<Scalar>);

/// Shares 1 to `of` of a key, `threshold` of which sign.
pub fn split(
    key: &PrivateKey,
    threshold: u16,
    of: u16,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<Share>, DealError> {
    group::possible(threshold.into(), of.into())?;
    let expanded = key.to_expanded();
    let mut low = Zeroizing::new([0; 32]);
    low.copy_from_slice(&expanded[..32]);
    let mut secret = Scalar::from_bytes_mod_order(*low);
    let public = EdwardsPoint::mul_base(&secret);
    if public.compress().as_bytes() != key.public().as_bytes() {
        return Err(DealError::NotTheKey);
    }
    let polynomial = Polynomial::random(secret, threshold, rng);
    secret.zeroize();
    let values: Vec<(u16, Zeroizing<Scalar>)> =
        (1..=of).map(|id| (id, Zeroizing::new(polynomial.at(id)))).collect();
    let publics: BTreeMap<_, _> =
        values.iter().map(|(id, value)| (*id, EdwardsPoint::mul_base(value))).collect();
    let group = Group::new(public, threshold, publics)?;
    values.into_iter().map(|(id, value)| Ok(Share::new(id, *value, group.clone())?)).collect()
}

// === impl Polynomial ===

impl Polynomial {
    pub(super) fn random(at_zero: Scalar, threshold: u16, rng: &mut impl CryptoRngCore) -> Self {
        let random = (1..threshold).map(|_| {
            let mut wide = Zeroizing::new([0; 64]);
            rng.fill_bytes(&mut *wide);
            Scalar::from_bytes_mod_order_wide(&wide)
        });
        Self(std::iter::once(at_zero).chain(random).collect())
    }

    pub(super) fn at(&self, x: u16) -> Scalar {
        let x = Scalar::from(x);
        self.0.iter().rev().fold(Scalar::ZERO, |sum, coefficient| sum * x + coefficient)
    }

    /// The coefficients in the exponent, by which anybody can check a value.
    pub(super) fn commitments(&self) -> Vec<EdwardsPoint> {
        self.0.iter().map(EdwardsPoint::mul_base).collect()
    }
}

impl Drop for Polynomial {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
