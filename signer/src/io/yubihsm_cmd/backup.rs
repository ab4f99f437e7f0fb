//! `yubihsm backup` and `yubihsm restore`: consensus keys from one device to another, encrypted under a wrap key that both have.

use std::path::Path;

use anyhow::{Context as _, bail};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Login, Said, keys, refused};
use crate::{
    io::secret_file,
    yubihsm::{capability::Capabilities, object::ObjectType, refusal::Refusal, roles},
};

const MANIFEST: &str = "manifest.json";

/// What is in a backup; none of it is secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    serial: u32,
    wrap_key: u16,
    keys: Vec<Saved>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    id: u16,
    label: String,
    algorithm: u8,
    public_key: String,
    file: String,
}

/// `backup`.
pub fn backup(login: &Login, to: &Path) -> anyhow::Result<Said> {
    if to.join(MANIFEST).exists() {
        return Err(refused(format!("{} holds a backup already", to.display()), "--to with a new directory"));
    }
    let mut session = login.open()?;
    let serial = session.device_info()?.serial;
    let (mut lines, mut saved, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for listed in session.list_objects(Some(ObjectType::ASYMMETRIC_KEY))? {
        let info = session.object_info(listed.id, listed.kind)?;
        if !info.capabilities.has(Capabilities::EXPORTABLE_UNDER_WRAP) {
            left.push(format!("finding: key {} is not exportable: it is not in the backup", info.id));
            continue;
        }
        let public_key = hex::encode(session.public_key(info.id)?.bytes);
        let blob = keys::export_one(&mut session, info.id)?;
        let file = format!("key-{}.wrapped", info.id);
        secret_file::create(&to.join(&file), (BASE64_STANDARD.encode(blob) + "\n").as_bytes())?;
        lines.push(format!("key {}: {:?}, public key {public_key}", info.id, info.label));
        saved.push(Saved { id: info.id, label: info.label, algorithm: info.algorithm.0, public_key, file });
    }
    if saved.is_empty() {
        return Err(refused(
            "there is no exportable key in the domains of this authentication key",
            "palisade-signer yubihsm keys list",
        ));
    }
    let manifest = Manifest { serial, wrap_key: roles::WRAP_KEY, keys: saved };
    secret_file::create(&to.join(MANIFEST), serde_json::to_string_pretty(&manifest)?.as_bytes())?;
    lines.push(format!("{} keys of device {serial} in {}", manifest.keys.len(), to.display()));
    lines.push("it is worth nothing without the wrap key: keep wrap.key, and keep it elsewhere".into());
    let findings = !left.is_empty();
    lines.extend(left);
    Ok(Said { lines, json: Value::Null, findings })
}

/// `restore`. Keys that are there already are compared; nothing is overwritten.
pub fn restore(login: &Login, from: &Path) -> anyhow::Result<Said> {
    let path = from.join(MANIFEST);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let manifest: Manifest = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let mut session = login.open()?;
    let serial = session.device_info()?.serial;
    let mut lines = Vec::new();
    for key in &manifest.keys {
        if key.file.contains('/') {
            bail!("{}: {:?} is no name of a file beside it", path.display(), key.file);
        }
        let blob = from.join(&key.file);
        let text = std::fs::read_to_string(&blob).with_context(|| blob.display().to_string())?;
        let bytes = BASE64_STANDARD.decode(text.trim()).with_context(|| blob.display().to_string())?;
        let news = match session.import_wrapped(manifest.wrap_key, &bytes) {
            Ok((ObjectType::ASYMMETRIC_KEY, id)) if id == key.id => "restored",
            Ok((kind, id)) => {
                bail!("{}: it held the {kind} {id}, which is on the device now", blob.display())
            }
            Err(error) => match error.refusal() {
                Some(Refusal::OBJECT_EXISTS) => "was there",
                Some(refusal) if refusal.0 == 0x02 => {
                    return Err(refused(
                        format!("{}: device {serial} cannot decrypt it: {refusal}", blob.display()),
                        "setup --wrap-key with the wrap.key of the device that was backed up",
                    ));
                }
                _ => return Err(error.into()),
            },
        };
        // A backup that does not bring the same key back is none.
        let there = hex::encode(session.public_key(key.id)?.bytes);
        if there != key.public_key {
            bail!(
                "key {} on device {serial} has the public key {there}, the one in the backup {}",
                key.id,
                key.public_key
            );
        }
        lines.push(format!("key {}: {news}, public key {there}", key.id));
    }
    lines.push(format!("{} keys of device {} are on device {serial}", manifest.keys.len(), manifest.serial));
    Ok(Said::good(lines, Value::Null))
}
