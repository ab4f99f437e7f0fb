//! `yubihsm keys list|generate|import|export` and `yubihsm test`.

use std::{path::Path, time::Instant};

use anyhow::{Context as _, bail};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{consensus::KeyType, key::PublicKey};
use rand_core::{OsRng, RngCore as _};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Login, Said, refused};
use crate::{
    import::key,
    io::{
        key::yubihsm::{self, commands::NewObject, session::Session},
        key_cmd, secret_file,
    },
    yubihsm::{
        capability::Capabilities,
        object::{self, Algorithm, Domains, ObjectInfo, ObjectType},
        roles, wrapped,
    },
};

/// Where a new key goes.
pub struct Place {
    /// 1 to 16.
    pub domain: u8,
    /// Its id; none for the number of the domain.
    pub id: Option<u16>,
    /// Its label.
    pub label: String,
    /// Whether it may be exported.
    pub exportable: bool,
}

// === impl Place ===

impl Place {
    fn object(&self, algorithm: Algorithm) -> anyhow::Result<NewObject> {
        let sign = match algorithm {
            Algorithm::ED25519 => Capabilities::SIGN_EDDSA,
            _ => Capabilities::SIGN_ECDSA,
        };
        Ok(NewObject {
            id: self.id.unwrap_or(self.domain.into()),
            label: object::label(&self.label).context("the label has more than 40 bytes")?,
            domains: Domains::one(self.domain).context("domains are numbered from 1 to 16")?,
            capabilities: roles::consensus_key(sign, self.exportable),
            algorithm,
        })
    }
}

/// `keys list`.
pub fn list(login: &Login) -> anyhow::Result<Said> {
    let mut session = login.open()?;
    let (mut lines, mut keys) = (Vec::new(), Vec::new());
    for listed in session.list_objects(Some(ObjectType::ASYMMETRIC_KEY))? {
        let info = session.object_info(listed.id, listed.kind)?;
        let public = hex::encode(session.public_key(listed.id)?.bytes);
        lines.push(describe(&info, &public));
        let mut json = object_json(&info);
        json["public_key"] = json!(public);
        keys.push(json);
    }
    if lines.is_empty() {
        lines.push("no keys in the domains of this authentication key".into());
    }
    Ok(Said::good(lines, Value::Array(keys)))
}

/// `keys generate`.
pub fn generate(login: &Login, place: &Place, algorithm: Algorithm) -> anyhow::Result<Said> {
    let mut session = login.open()?;
    let id = session.generate_asymmetric(&place.object(algorithm)?)?;
    made(&mut session, id, "made", place)
}

/// `keys import`.
pub fn import(
    login: &Login,
    place: &Place,
    from: &Path,
    expect: Option<&str>,
    wrap_key: Option<&Path>,
) -> anyhow::Result<Said> {
    let text = secret_file::read_to_import(from)?;
    let (key, form) = key::read(&text).with_context(|| from.display().to_string())?;
    let public = key.public().clone();
    if let Some(expected) = expect.filter(|expected| !key_cmd::is(&public, expected)) {
        bail!("{} holds the key {public} (address {}), not {expected}", from.display(), public.address());
    }
    let algorithm = match public.key_type() {
        KeyType::Ed25519 => Algorithm::ED25519,
        KeyType::Secp256k1 => Algorithm::SECP256K1,
        other => {
            return Err(refused(
                format!(
                    "{}: a YubiHSM 2 cannot sign with a key of the type {}",
                    from.display(),
                    other.name()
                ),
                "a softsign key",
            ));
        }
    };
    let new = place.object(algorithm)?;
    let mut session;
    let id = match (key.to_bytes(), key.as_ed25519(), wrap_key) {
        // Seed and public key of Ed25519, or the scalar of secp256k1.
        (Some(bytes), ..) => {
            session = login.open()?;
            session.put_asymmetric(&new, &bytes[..32])?
        }
        (None, Some(expanded), Some(path)) => {
            let wrap_key = read_wrap_key(path)?;
            let mut nonce = [0; wrapped::NONCE];
            OsRng.fill_bytes(&mut nonce);
            let header = wrapped::Header {
                id: new.id,
                label: new.label,
                domains: new.domains,
                capabilities: new.capabilities,
            };
            let half = expanded.public();
            let blob =
                wrapped::wrap_ed25519(&header, &expanded.to_expanded(), half.as_bytes(), &wrap_key, nonce);
            session = login.open()?;
            session.import_wrapped(roles::WRAP_KEY, &blob)?.1
        }
        (None, ..) => {
            return Err(refused(
                format!(
                    "{}: the key has no seed, and a device takes such a key only under wrap",
                    from.display()
                ),
                "--wrap-key DIR/wrap.key, the file that setup wrote",
            ));
        }
    };
    let there = session.public_key(id)?.bytes;
    if compressed(algorithm, &there) != public.as_bytes() {
        bail!("the device holds the key {} now, not {public}; delete it", hex::encode(there));
    }
    made(&mut session, id, form.describe(), place)
}

/// A public key as chains have it: of a point on secp256k1 one coordinate and a bit.
fn compressed(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
    match (algorithm, bytes) {
        (Algorithm::SECP256K1, [x @ .., last]) if bytes.len() == 64 => [&[2 | (last & 1)], &x[..32]].concat(),
        _ => bytes.to_vec(),
    }
}

/// `keys export`.
pub fn export(login: &Login, id: u16, to: &Path) -> anyhow::Result<Said> {
    let mut session = login.open()?;
    let blob = export_one(&mut session, id)?;
    secret_file::create(to, (BASE64_STANDARD.encode(blob) + "\n").as_bytes())?;
    let line = format!("key {id}, encrypted under wrap key {}: {}", roles::WRAP_KEY, to.display());
    Ok(Said::good(vec![line], Value::Null))
}

/// One key under the wrap key; says what stands in the way.
pub(super) fn export_one(session: &mut Session, id: u16) -> anyhow::Result<Vec<u8>> {
    let info = session.object_info(id, ObjectType::ASYMMETRIC_KEY)?;
    if !info.capabilities.has(Capabilities::EXPORTABLE_UNDER_WRAP) {
        return Err(refused(
            format!("key {id} is not exportable, and can never be made so"),
            "keep a copy of the key outside, or move the validator to a new key",
        ));
    }
    Ok(session.export_wrapped(roles::WRAP_KEY, ObjectType::ASYMMETRIC_KEY, id)?)
}

/// `yubihsm test`.
pub fn test(login: &Login, id: u16, count: u32) -> anyhow::Result<Said> {
    let mut session = login.open()?;
    let public = session.public_key(id)?;
    let key = yubihsm::consensus_key(&public, id, None)?;
    let mut times = Vec::new();
    for _ in 0..count.max(1) {
        let mut message = [0; 120];
        OsRng.fill_bytes(&mut message);
        let start = Instant::now();
        let signature = match key.ecdsa_digest(&message) {
            Some(digest) => session.sign_ecdsa(id, &digest)?,
            None => session.sign_eddsa(id, &message)?.to_vec(),
        };
        times.push(start.elapsed());
        if yubihsm::verified(&key, &message, signature).is_none() {
            bail!("key {id}: the device's signature does not verify under its public key {key}");
        }
    }
    times.sort_unstable();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    let lines = vec![
        format!("key {id}: {} signatures, all good under {key}", times.len()),
        format!("median {} ms, worst {} ms", median.as_millis(), worst.as_millis()),
    ];
    Ok(Said::good(lines, Value::Null))
}

fn made(session: &mut Session, id: u16, how: &str, place: &Place) -> anyhow::Result<Said> {
    let info = session.object_info(id, ObjectType::ASYMMETRIC_KEY)?;
    let public = session.public_key(id)?;
    let mut lines = vec![how.to_owned(), describe(&info, &hex::encode(&public.bytes))];
    if public.algorithm == Algorithm::ED25519 {
        let shown = key_cmd::describe(&PublicKey::from_bytes(&public.bytes)?.into(), None)?;
        lines.push(format!("address: {} (base64 {})", shown.address, shown.public_key_base64));
    }
    if place.exportable {
        lines.push("exportable: make a backup now (palisade-signer yubihsm backup)".into());
    }
    Ok(Said::good(lines, Value::Null))
}

fn describe(info: &ObjectInfo, public: &str) -> String {
    let origin = match info.origin {
        1 => "generated",
        2 => "imported",
        _ => "restored",
    };
    format!(
        "key {}: {:?}, {}, domain {}, {origin}, {}, public key {public}",
        info.id, info.label, info.algorithm, info.domains, info.capabilities
    )
}

pub(super) fn object_json(info: &ObjectInfo) -> Value {
    json!({
        "id": info.id,
        "type": info.kind.to_string(),
        "label": info.label,
        "algorithm": info.algorithm.to_string(),
        "domains": info.domains.numbers().collect::<Vec<_>>(),
        "capabilities": info.capabilities.names(),
        "delegated": info.delegated.names(),
        "sequence": info.sequence,
        "origin": info.origin,
    })
}

/// 64 hex digits.
pub(super) fn read_wrap_key(path: &Path) -> anyhow::Result<Zeroizing<[u8; wrapped::WRAP_KEY]>> {
    let text = secret_file::read(path)?;
    let mut key = Zeroizing::new([0; wrapped::WRAP_KEY]);
    hex::decode_to_slice(text.trim(), &mut *key)
        .ok()
        .with_context(|| format!("{}: not the 64 hexadecimal digits of a wrap key", path.display()))?;
    Ok(key)
}
