//! `key generate`, `key import`, `key recombine`, `key encrypt`, `key decrypt`, `key show`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{
    age, bech32,
    consensus::{KeyType, PublicKey, SecretKey},
    key_file,
};
use rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

use crate::{
    config::SecretSource,
    import::{
        key::{self, Form},
        shard,
    },
    io::{
        key::sealed::{self, SealedError},
        passphrase, secret_file,
    },
};

/// What a person may know about a key.
#[derive(Debug, serde::Serialize)]
pub struct Shown {
    /// As consensus parameters name it.
    pub key_type: &'static str,
    /// Hex.
    pub public_key: String,
    /// As genesis files and `tendermint show-validator` have it.
    pub public_key_base64: String,
    /// Upper-case hex, as blocks have it.
    pub address: String,
    /// Where a prefix was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valcons: Option<String>,
}

/// Makes a key in a new file.
pub fn generate(path: &Path, key_type: KeyType) -> anyhow::Result<PublicKey> {
    let key = SecretKey::generate(key_type, &mut OsRng);
    secret_file::create(path, key_file::write_priv_validator_key(&key).as_bytes())?;
    Ok(key.public().clone())
}

/// Copies a key of any known form into a new file. With `expect`, only if it is that key.
pub fn import(from: &Path, to: &Path, expect: Option<&str>) -> anyhow::Result<(PublicKey, Form)> {
    let text = secret_file::read_to_import(from)?;
    let (key, form) = key::read(&text).with_context(|| from.display().to_string())?;
    let public = key.public().clone();
    if let Some(expected) = expect.filter(|expected| !is(&public, expected)) {
        bail!("{} holds the key {public} (address {}), not {expected}", from.display(), public.address());
    }
    secret_file::create(to, key_file::write_priv_validator_key(&key).as_bytes())?;
    Ok((public, form))
}

/// Puts shards of a horcrux key together in a new file.
pub fn recombine(shards: &[PathBuf], to: &Path) -> anyhow::Result<PublicKey> {
    let mut read = Vec::new();
    for path in shards {
        let text = secret_file::read_to_import(path)?;
        read.push(shard::read(&text).with_context(|| path.display().to_string())?);
    }
    let mut prefix = Zeroizing::new([0; 32]);
    OsRng.fill_bytes(&mut *prefix);
    let key = SecretKey::from(shard::recombine(&read, &prefix)?);
    secret_file::create(to, key_file::write_priv_validator_key(&key).as_bytes())?;
    Ok(key.public().clone())
}

/// Writes an encrypted copy of a key file.
pub fn encrypt(from: &Path, to: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<PublicKey> {
    let json = secret_file::read_bytes(from)?;
    if age::is_age(&json) {
        bail!("{} is encrypted already", from.display());
    }
    let json = secret_file::text(from, json)?;
    let public = public_of(&json, from)?;
    let passphrase = passphrase_for(to, passphrase_file, true)?;
    let file = age::encrypt(json.as_bytes(), passphrase.as_bytes(), age::USUAL_WORK, &mut OsRng)
        .with_context(|| to.display().to_string())?;
    secret_file::create(to, &file)?;
    Ok(public)
}

/// Writes a plain copy of an encrypted key file.
pub fn decrypt(from: &Path, to: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<PublicKey> {
    let file = secret_file::read_bytes_to_import(from)?;
    let json = open(from, &file, passphrase_file)?;
    let public = public_of(&json, from)?;
    secret_file::create(to, json.as_bytes())?;
    Ok(public)
}

/// The public key of a key file, encrypted or not.
pub fn show(path: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<PublicKey> {
    public_of(&text_of(path, secret_file::read_bytes(path)?, passphrase_file)?, path)
}

/// What was read from a file that may be encrypted.
pub(crate) fn text_of(
    path: &Path,
    file: Zeroizing<Vec<u8>>,
    passphrase_file: Option<&Path>,
) -> anyhow::Result<Zeroizing<String>> {
    if age::is_age(&file) { open(path, &file, passphrase_file) } else { Ok(secret_file::text(path, file)?) }
}

fn open(path: &Path, file: &[u8], passphrase_file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    if !age::is_age(file) {
        bail!("{} is not encrypted with age", path.display());
    }
    let passphrase = passphrase_for(path, passphrase_file, false)?;
    Ok(sealed::open(path, file, &passphrase)?)
}

/// From the file that was named, or from the person at the terminal; for a new file that person types it twice.
pub(crate) fn passphrase_for(
    path: &Path,
    file: Option<&Path>,
    new: bool,
) -> anyhow::Result<Zeroizing<String>> {
    if let Some(file) = file {
        return Ok(sealed::passphrase(&SecretSource::File(file.into()))?);
    }
    if !passphrase::is_possible() {
        return Err(SealedError::NobodyToAsk { path: path.into() }.into());
    }
    let typed = passphrase::ask(&format!("passphrase of {}", path.display()))?;
    if new && *passphrase::ask("the same again")? != *typed {
        bail!("these were two different passphrases");
    }
    Ok(typed)
}

fn public_of(json: &str, path: &Path) -> anyhow::Result<PublicKey> {
    let key = key_file::read_priv_validator_key(json).with_context(|| path.display().to_string())?;
    Ok(key.public().clone())
}

/// Puts a public key in every form that people compare.
pub fn describe(public: &PublicKey, prefix: Option<&str>) -> anyhow::Result<Shown> {
    let valcons =
        prefix.map(|prefix| bech32::encode(&format!("{prefix}valcons"), &public.address().0)).transpose()?;
    Ok(Shown {
        key_type: public.key_type().name(),
        public_key: public.to_string(),
        public_key_base64: BASE64_STANDARD.encode(public.as_bytes()),
        address: public.address().to_string(),
        valcons,
    })
}

/// Whether a text, in any form that people have at hand, names this key.
pub(crate) fn is(public: &PublicKey, text: &str) -> bool {
    let text = text.trim();
    text.eq_ignore_ascii_case(&public.to_string())
        || text.eq_ignore_ascii_case(&public.address().to_string())
        || text == BASE64_STANDARD.encode(public.as_bytes())
        || bech32::decode(text).is_ok_and(|(_, bytes)| bytes == public.address().0)
}
