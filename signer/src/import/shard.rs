//! Shards of a horcrux key, put together again: `threshold` of them give the private scalar, by Lagrange at 0 modulo the group's
//! order.
//!
//! Nobody has to be told the threshold: with too few shards the sum is another number, and that number does not yield the
//! public key that every shard names. What comes out is a scalar only. The seed was never in the shards, and the prefix that nonces
//! are made with is gone too, so a fresh random one takes its place: signatures stay valid, but the key cannot be written to
//! `priv_validator_key.json` any more.
//!
//! Both generations of the file are read: v3 `<chain>_shard.json` and v2 `share.json`. The RSA and ECIES keys beside them were
//! for the cosigners' talk and are not needed.

use std::collections::HashSet;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::key::{PrivateKey, PublicKey};
use curve25519_dalek::scalar::Scalar;
use serde::Deserialize;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

/// One cosigner's part of a key.
pub struct Shard {
    id: u32,
    public: PublicKey,
    secret: Scalar,
}

/// Why shards give no key. None of these quotes a secret.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ShardError {
    /// Not JSON with these fields. Only the place is said, because what stands there may be the secret.
    #[error("not a horcrux shard: unexpected JSON at line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A field that makes no sense.
    #[error("not a horcrux shard: field {0} makes no sense")]
    Field(&'static str),
    /// Nothing to put together.
    #[error("no shard was given")]
    None,
    /// Two files of one cosigner.
    #[error("shard {0} is there twice")]
    Twice(u32),
    /// Shards of different keys.
    #[error("shard {id} is of another key, {found}, than the first, {first}")]
    OtherKey {
        /// Its cosigner.
        id: u32,
        /// Its key.
        found: Box<PublicKey>,
        /// The key of the first shard.
        first: Box<PublicKey>,
    },
    /// The sum is not this key.
    #[error(
        "{shards} shards do not give the key {public} that they name: the threshold is higher, or one of them is damaged or \
         from another sharing of the same key"
    )]
    NotTheKey {
        /// How many there were.
        shards: usize,
        /// The key that they name.
        public: Box<PublicKey>,
    },
}

/// v3 and v2 names of the same fields. Numbers and strings only: an error of the parser could quote nothing else.
#[derive(Deserialize)]
struct File {
    #[serde(alias = "pub_key", rename = "pubKey")]
    public: String,
    #[serde(alias = "secret_share", rename = "privateShard")]
    secret: String,
    id: u32,
}

impl Drop for File {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// Reads a shard file.
pub fn read(text: &str) -> Result<Shard, ShardError> {
    let file: File = serde_json::from_str(text)
        .map_err(|error| ShardError::Json { line: error.line(), column: error.column() })?;
    if file.id == 0 {
        return Err(ShardError::Field("id"));
    }
    let public = BASE64_STANDARD.decode(&file.public).ok().and_then(|bytes| public_key(&bytes));
    let public = public.ok_or(ShardError::Field("pubKey"))?;
    let bytes =
        Zeroizing::new(BASE64_STANDARD.decode(&file.secret).map_err(|_| ShardError::Field("privateShard"))?);
    let bytes: Option<Zeroizing<[u8; 32]>> = bytes.as_slice().try_into().ok().map(Zeroizing::new);
    let scalar = bytes.and_then(|bytes| Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes)));
    let secret = scalar.ok_or(ShardError::Field("privateShard"))?;
    Ok(Shard { id: file.id, public, secret })
}

/// Puts shards together; `prefix` is 32 fresh random bytes.
pub fn recombine(shards: &[Shard], prefix: &[u8; 32]) -> Result<PrivateKey, ShardError> {
    let first = shards.first().ok_or(ShardError::None)?;
    let mut ids = HashSet::new();
    for Shard { id, public, .. } in shards {
        if *public != first.public {
            return Err(ShardError::OtherKey {
                id: *id,
                found: (*public).into(),
                first: first.public.into(),
            });
        }
        if !ids.insert(*id) {
            return Err(ShardError::Twice(*id));
        }
    }
    let mut scalar: Scalar = shards.iter().map(|shard| shard.secret * at_zero(shard.id, shards)).sum();
    let expanded = clamped(&scalar).map(|low| {
        let mut expanded = Zeroizing::new([0; 64]);
        expanded[..32].copy_from_slice(&*low);
        expanded[32..].copy_from_slice(prefix);
        expanded
    });
    scalar.zeroize();
    let key = expanded.map(|expanded| PrivateKey::from_expanded(&expanded));
    // The only proof that the threshold was met and every shard is whole.
    key.filter(|key| key.public() == first.public)
        .ok_or(ShardError::NotTheKey { shards: shards.len(), public: first.public.into() })
}

/// Lagrange's basis polynomial of this cosigner, at 0.
fn at_zero(id: u32, shards: &[Shard]) -> Scalar {
    let mine = Scalar::from(id);
    let others = shards.iter().filter(|other| other.id != id).map(|other| Scalar::from(other.id));
    others.map(|other| other * (other - mine).invert()).product()
}

/// The clamped form (RFC 8032: a multiple of 8 from 2^254 up to 2^255) of a scalar that came from one and was reduced since. Every
/// key file holds that form, and reading one forces it. There is at most one such number, because 8 times the order is
/// above 2^255.
fn clamped(scalar: &Scalar) -> Option<Zeroizing<[u8; 32]>> {
    /// The group's order: 2^252 and some.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut sum = Zeroizing::new(scalar.to_bytes());
    for _ in 0..8 {
        if sum[0] & 7 == 0 && sum[31] & 0xc0 == 0x40 {
            return Some(sum);
        }
        let mut carry = 0u16;
        for (byte, order) in sum.iter_mut().zip(ORDER) {
            let added = u16::from(*byte) + u16::from(order) + carry;
            *byte = added.to_le_bytes()[0];
            carry = added >> 8;
        }
        if carry > 0 {
            return None;
        }
    }
    None
}

/// `PublicKey` in protobuf (`0a 20 …`) or in amino (`1624de64 20 …`), which old files have.
fn public_key(bytes: &[u8]) -> Option<PublicKey> {
    let key =
        bytes.strip_prefix(&[0x0a, 0x20]).or_else(|| bytes.strip_prefix(&[0x16, 0x24, 0xde, 0x64, 0x20]))?;
    PublicKey::from_bytes(key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from_seed(&[seed; 32])
    }

    fn scalar(n: u64) -> Scalar {
        // Spread over all bits.
        Scalar::from(n) * Scalar::from(0x1234_5678_9abc_def1_u64).invert()
    }

    /// Deals `total` shards of which `threshold` are needed, as horcrux does: a random polynomial with the key's scalar at 0.
    fn deal(key: &PrivateKey, threshold: u64, total: u32) -> Vec<String> {
        let secret = Scalar::from_bytes_mod_order(std::array::from_fn(|i| key.to_expanded()[i]));
        let mut public = vec![0x0a, 0x20];
        public.extend(key.public().as_bytes());
        let deal = |id: u32| {
            let x = Scalar::from(id);
            let terms = (1..threshold).map(|n| scalar(n * 77) * (0..n).map(|_| x).product::<Scalar>());
            BASE64_STANDARD.encode((secret + terms.sum::<Scalar>()).to_bytes())
        };
        (1..=total)
            .map(|id| {
                let (public, secret) = (BASE64_STANDARD.encode(&public), deal(id));
                format!(r#"{{"pubKey":"{public}","privateShard":"{secret}","id":{id}}}"#)
            })
            .collect()
    }

    fn put(shards: &[&String]) -> Result<PrivateKey, ShardError> {
        let shards: Vec<_> = shards.iter().map(|text| read(text).expect("a shard")).collect();
        recombine(&shards, &[9; 32])
    }

    #[test]
    fn any_threshold_of_them_give_the_key() {
        for seed in 0..20 {
            let key = key(seed);
            let dealt = deal(&key, 2, 3);
            for (a, b) in [(0, 1), (1, 2), (2, 0)] {
                let again = put(&[&dealt[a], &dealt[b]]).expect("enough");
                assert_eq!(again.public(), key.public());
                assert!(key.public().verify(b"x", &again.sign(b"x")));
                // The very scalar that the key was made with; the prefix is ours, and there is no seed.
                assert_eq!(again.to_expanded()[..32], key.to_expanded()[..32]);
                assert_eq!(again.to_expanded()[32..], [9; 32]);
                assert!(again.to_seed_and_public().is_none());
            }
            assert_eq!(
                put(&dealt.iter().collect::<Vec<_>>()).expect("more than enough").public(),
                key.public()
            );
        }
        let dealt = deal(&key(1), 5, 9);
        let five: Vec<_> = [8, 0, 3, 6, 5].map(|n: usize| &dealt[n]).into();
        assert_eq!(put(&five).expect("enough").public(), key(1).public());
        assert!(matches!(put(&five[..4]), Err(ShardError::NotTheKey { shards: 4, .. })));
    }

    #[test]
    fn mistakes_are_named() {
        let dealt = deal(&key(1), 2, 3);
        assert!(matches!(put(&[&dealt[0]]), Err(ShardError::NotTheKey { shards: 1, .. })));
        assert_eq!(put(&[&dealt[0], &dealt[0]]).map(|key| key.public()), Err(ShardError::Twice(1)));
        let other = deal(&key(2), 2, 3);
        assert!(matches!(put(&[&dealt[0], &other[1]]), Err(ShardError::OtherKey { id: 2, .. })));
        // Another sharing of the same key.
        let again = deal(&key(1), 3, 3);
        assert!(matches!(put(&[&dealt[0], &again[1]]), Err(ShardError::NotTheKey { .. })));
        assert_eq!(put(&[]).map(|key| key.public()), Err(ShardError::None));
    }

    #[test]
    fn older_names_and_an_older_public_key_are_read() {
        let dealt = deal(&key(1), 2, 3);
        let older = dealt[0].replace("pubKey", "pub_key").replace("privateShard", "secret_share");
        let older = older.replace(r#""id":1"#, r#""rsa_key":{"N":1},"rsa_pubs":[],"id":1"#);
        assert_eq!(put(&[&older, &dealt[1]]).expect("enough").public(), key(1).public());
        let mut amino = vec![0x16, 0x24, 0xde, 0x64, 0x20];
        amino.extend(key(1).public().as_bytes());
        let mut json: serde_json::Value = serde_json::from_str(&dealt[0]).expect("json");
        json["pubKey"] = BASE64_STANDARD.encode(amino).into();
        assert_eq!(put(&[&json.to_string(), &dealt[1]]).expect("enough").public(), key(1).public());
    }

    #[test]
    fn other_files_are_refused_and_not_quoted() {
        for (text, field) in [
            (r#"{"pubKey":"c2VjcmV0","privateShard":"c2VjcmV0","id":1}"#, "pubKey"),
            (r#"{"pubKey":"?","privateShard":"c2VjcmV0","id":1}"#, "pubKey"),
            (r#"{"pubKey":"","privateShard":"c2VjcmV0","id":0}"#, "id"),
        ] {
            assert_eq!(read(text).map(|shard| shard.id), Err(ShardError::Field(field)));
        }
        let good = &deal(&key(1), 2, 3)[0];
        let secret = good.split('"').nth(7).expect("the secret");
        let all_ones = BASE64_STANDARD.encode([255; 32]);
        for bad in [good.replace(secret, "c2VjcmV0"), good.replace(secret, &all_ones)] {
            assert_eq!(read(&bad).map(|shard| shard.id), Err(ShardError::Field("privateShard")));
        }
        for text in
            ["", "{}", r#"{"pubKey":"c2VjcmV0","privateShard":["c2VjcmV0"],"id":1}"#, r#"{"id":"c2VjcmV0"}"#]
        {
            let error = read(text).map(|shard| shard.id).expect_err("no shard");
            assert!(
                matches!(error, ShardError::Json { .. }) && !error.to_string().contains("c2V"),
                "{error}"
            );
        }
    }
}
