//! `key generate`, `key import`, `key recombine`, `key show`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{
    bech32,
    consensus::{KeyType, PublicKey, SecretKey},
    key_file,
};
use rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

use crate::{
    import::{
        key::{self, Form},
        shard,
    },
    io::secret_file,
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

/// The public key of a key file.
pub fn show(path: &Path) -> anyhow::Result<PublicKey> {
    let json = secret_file::read(path)?;
    let key = comet::key_file::read_priv_validator_key(&json).with_context(|| path.display().to_string())?;
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
