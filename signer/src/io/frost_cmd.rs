//! `palisade-signer frost …`: making shares, and looking at them. Secrets go into private files and nowhere else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use comet::{age, consensus::SecretKey, key::PublicKey};
use rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

use crate::{
    frost::{deal, dkg, group::Group, reshare, share::Share},
    import::{key, shard},
    io::{
        key_cmd::{passphrase_for, text_of},
        secret_file,
    },
};

/// What a person may know about a group, and about a share of it.
#[derive(Debug, serde::Serialize)]
pub struct Shown {
    /// Number of the share's cosigner; absent for a group file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cosigner: Option<u16>,
    /// Hex.
    pub public_key: String,
    /// Upper-case hex, as blocks have it.
    pub address: String,
    /// How many sign.
    pub threshold: u16,
    /// The numbers of all.
    pub cosigners: Vec<u16>,
    /// What has to be the same on all machines.
    pub group: String,
}

/// Cuts a key into shares: new files `share-<n>.json` and `group.json` below `out`. The key comes from a file of any known form, or
/// from shards of horcrux.
pub fn split(
    from: &[PathBuf],
    horcrux: bool,
    [threshold, of]: [u16; 2],
    out: &Path,
    passphrase_file: Option<&Path>,
) -> anyhow::Result<Shown> {
    let key = whole_key(from, horcrux)?;
    let Some(key) = key.as_ed25519() else {
        bail!("{} keys cannot be split, only ed25519", key.public().key_type());
    };
    let shares = deal::split(key, threshold, of, &mut OsRng)?;
    let passphrase = passphrase_file.map(|file| passphrase_for(out, Some(file), true)).transpose()?;
    for share in &shares {
        write_share(&out.join(format!("share-{}.json", share.id())), share, passphrase.as_ref())?;
    }
    let group = shares[0].group();
    secret_file::create(&out.join("group.json"), group.write().as_bytes())?;
    Ok(describe(group, None))
}

fn whole_key(from: &[PathBuf], horcrux: bool) -> anyhow::Result<SecretKey> {
    if horcrux {
        let mut shards = Vec::new();
        for path in from {
            let text = secret_file::read_to_import(path)?;
            shards.push(shard::read(&text).with_context(|| path.display().to_string())?);
        }
        let mut prefix = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *prefix);
        return Ok(shard::recombine(&shards, &prefix)?.into());
    }
    let [path] = from else { bail!("one key file is split at a time") };
    let text = text_of(path, secret_file::read_bytes_to_import(path)?, None)?;
    Ok(key::read(&text).with_context(|| path.display().to_string())?.0)
}

/// First step of a new key.
pub fn dkg_start(dir: &Path, id: u16, threshold: u16, of: u16) -> anyhow::Result<PathBuf> {
    let (secret, round1) = dkg::start(id, threshold, of, &mut OsRng)?;
    begin(dir, id, &secret, &format!("round1-{id}.json"), &round1)
}

/// Second step; the transcript to compare.
pub fn dkg_deal(dir: &Path, id: u16) -> anyhow::Result<(PathBuf, String)> {
    let secret = secret_file::read(&dir.join(format!("secret-{id}.json")))?;
    let (round2, transcript) = dkg::deal(&secret, &all(dir, "round1-")?, &mut OsRng)?;
    let path = dir.join(format!("round2-{id}.json"));
    secret_file::create(&path, round2.as_bytes())?;
    Ok((path, transcript))
}

/// Third step: the share.
pub fn dkg_finish(
    dir: &Path,
    id: u16,
    transcript: &str,
    out: &Path,
    passphrase_file: Option<&Path>,
) -> anyhow::Result<Shown> {
    let kept = dir.join(format!("secret-{id}.json"));
    let secret = secret_file::read(&kept)?;
    let share = dkg::finish(&secret, &all(dir, "round1-")?, &all(dir, "round2-")?, transcript)?;
    end(&kept, &share, out, passphrase_file)
}

/// First step of a resharing, on a new cosigner.
pub fn reshare_start(dir: &Path, id: u16) -> anyhow::Result<PathBuf> {
    let (secret, join) = reshare::start(id, &mut OsRng)?;
    begin(dir, id, &secret, &format!("join-{id}.json"), &join)
}

/// Second step, on an old cosigner; the transcript to compare.
pub fn reshare_deal(
    dir: &Path,
    share: &Path,
    among: &[u16],
    threshold: u16,
    passphrase_file: Option<&Path>,
) -> anyhow::Result<(PathBuf, String)> {
    let share = read_share(share, passphrase_file)?;
    let (deal, transcript) = reshare::deal(&share, among, threshold, &all(dir, "join-")?, &mut OsRng)?;
    let path = dir.join(format!("deal-{}.json", share.id()));
    secret_file::create(&path, deal.as_bytes())?;
    Ok((path, transcript))
}

/// Third step, on a new cosigner: the share.
pub fn reshare_finish(
    dir: &Path,
    id: u16,
    transcript: &str,
    expect: &str,
    out: &Path,
    passphrase_file: Option<&Path>,
) -> anyhow::Result<Shown> {
    let kept = dir.join(format!("secret-{id}.json"));
    let secret = secret_file::read(&kept)?;
    let expect = hex::decode(expect).ok().and_then(|bytes| PublicKey::from_bytes(&bytes).ok());
    let expect = expect.context("--expect is not an Ed25519 public key in hex")?;
    let share = reshare::finish(&secret, &all(dir, "join-")?, &all(dir, "deal-")?, transcript, &expect)?;
    end(&kept, &share, out, passphrase_file)
}

/// What is in a share or group file.
pub fn show(path: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<Shown> {
    let file = secret_file::read_bytes_to_import(path)?;
    if !age::is_age(&file) {
        let text = secret_file::text(path, file)?;
        if let Ok(group) = Group::read(&text) {
            return Ok(describe(&group, None));
        }
    }
    let share = read_share(path, passphrase_file)?;
    Ok(describe(share.group(), Some(share.id())))
}

fn describe(group: &Group, cosigner: Option<u16>) -> Shown {
    Shown {
        cosigner,
        public_key: group.public_key().to_string(),
        address: group.public_key().address().to_string(),
        threshold: group.threshold(),
        cosigners: group.ids(),
        group: group.fingerprint(),
    }
}

fn begin(dir: &Path, id: u16, secret: &str, name: &str, public: &str) -> anyhow::Result<PathBuf> {
    secret_file::create(&dir.join(format!("secret-{id}.json")), secret.as_bytes())?;
    let path = dir.join(name);
    secret_file::create(&path, public.as_bytes())?;
    Ok(path)
}

/// Writes share and group, and only then lets go of what the ceremony kept.
fn end(kept: &Path, share: &Share, out: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<Shown> {
    let passphrase = passphrase_file.map(|file| passphrase_for(out, Some(file), true)).transpose()?;
    write_share(&out.join(format!("share-{}.json", share.id())), share, passphrase.as_ref())?;
    secret_file::create(&out.join("group.json"), share.group().write().as_bytes())?;
    fs::remove_file(kept)
        .with_context(|| format!("{}: it is not needed any more; delete it", kept.display()))?;
    Ok(describe(share.group(), Some(share.id())))
}

fn write_share(path: &Path, share: &Share, passphrase: Option<&Zeroizing<String>>) -> anyhow::Result<()> {
    let text = share.write();
    match passphrase {
        None => secret_file::create(path, text.as_bytes())?,
        Some(passphrase) => {
            let file = age::encrypt(text.as_bytes(), passphrase.as_bytes(), age::USUAL_WORK, &mut OsRng)
                .with_context(|| path.display().to_string())?;
            secret_file::create(path, &file)?;
        }
    }
    Ok(())
}

fn read_share(path: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<Share> {
    let text = text_of(path, secret_file::read_bytes(path)?, passphrase_file)?;
    Share::read(&text).with_context(|| path.display().to_string())
}

/// Every file of a directory whose name begins so, in the order of their names.
fn all(dir: &Path, begins: &str) -> anyhow::Result<Vec<String>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(begins) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    ensure!(!paths.is_empty(), "{}: there is no {begins}*.json", dir.display());
    paths.iter().map(|path| Ok(secret_file::read_to_import(path)?.to_string())).collect()
}
