//! `palisade-signer key …`.

use std::path::PathBuf;

use clap::Subcommand;
use comet::consensus::KeyType;

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a new key file, in CometBFT's priv_validator_key.json.
    Generate {
        /// New file.
        path: PathBuf,
        /// ed25519, secp256k1, secp256k1eth, bls12_381 or ml_dsa_65.
        #[arg(long = "type", value_parser = key_type, default_value = "ed25519")]
        key_type: KeyType,
        /// Bech32 prefix of the chain, to show the valcons address.
        #[arg(long)]
        prefix: Option<String>,
    },
    /// Copy a key: priv_validator_key.json, or tmkms's base64 in any of its forms.
    Import {
        /// File of the old signer.
        from: PathBuf,
        /// New file.
        to: PathBuf,
        /// Bech32 prefix of the chain, to show the valcons address.
        #[arg(long)]
        prefix: Option<String>,
        /// Public key (hex, base64), address or valcons that the key must have.
        #[arg(long)]
        expect: Option<String>,
    },
    /// Put the shards of a horcrux key together again: as many as its threshold, and the name of the new key file last.
    Recombine {
        /// Shard files (<chain>_shard.json, or share.json of horcrux 2), then the new file.
        #[arg(required = true, num_args = 2..)]
        paths: Vec<PathBuf>,
        /// Bech32 prefix of the chain, to show the valcons address.
        #[arg(long)]
        prefix: Option<String>,
    },
    /// Write a copy of a key file that is encrypted to a passphrase, as age does it.
    Encrypt {
        /// Key file.
        from: PathBuf,
        /// New file.
        to: PathBuf,
        /// File with the passphrase, mode 0600; without it, it is asked for.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
    },
    /// Write a plain copy of an encrypted key file.
    Decrypt {
        /// Encrypted file.
        from: PathBuf,
        /// New file.
        to: PathBuf,
        /// File with the passphrase, mode 0600; without it, it is asked for.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
    },
    /// Show the public side of a key file.
    Show {
        /// Key file, encrypted or not.
        path: PathBuf,
        /// File with the passphrase of an encrypted one, mode 0600; without it, it is asked for.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
        /// Bech32 prefix of the chain, to show the valcons address.
        #[arg(long)]
        prefix: Option<String>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

fn key_type(name: &str) -> Result<KeyType, String> {
    KeyType::from_name(name).ok_or_else(|| {
        let names = KeyType::ALL.map(KeyType::name);
        format!("no node line has such keys; there are {}", names.join(", "))
    })
}
