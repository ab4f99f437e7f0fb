//! `palisade-signer key …`.

use std::process::ExitCode;

use crate::{
    cli::{Failure, args::KeyCommand},
    io::key_cmd,
};

pub(super) fn key(command: KeyCommand) -> Result<ExitCode, Failure> {
    let (public, prefix, note) = match command {
        KeyCommand::Generate { path, key_type, prefix } => {
            (key_cmd::generate(&path, key_type)?, prefix, format!("wrote {}", path.display()))
        }
        KeyCommand::Import { from, to, prefix, expect } => {
            let (public, form) = key_cmd::import(&from, &to, expect.as_deref())?;
            (public, prefix, format!("read {}, wrote {}", form.describe(), to.display()))
        }
        KeyCommand::Recombine { paths, prefix } => {
            let (to, shards) = paths.split_last().expect("clap asks for two or more");
            let public = key_cmd::recombine(shards, to)?;
            eprintln!(
                "warning: shards hold no seed, so this key can never be written to a node's priv_validator_key.json; the key is whole \
                 in one place now, so destroy the shards"
            );
            (public, prefix, format!("put {} shards together, wrote {}", shards.len(), to.display()))
        }
        KeyCommand::Encrypt { from, to, passphrase_file } => {
            let public = key_cmd::encrypt(&from, &to, passphrase_file.as_deref())?;
            eprintln!(
                "warning: {} is still there, in the clear; try the new file before you destroy it and its backups",
                from.display()
            );
            (public, None, format!("encrypted {}, wrote {}", from.display(), to.display()))
        }
        KeyCommand::Decrypt { from, to, passphrase_file } => {
            let public = key_cmd::decrypt(&from, &to, passphrase_file.as_deref())?;
            (public, None, format!("decrypted {}, wrote {}", from.display(), to.display()))
        }
        KeyCommand::Show { path, passphrase_file, prefix, json } => {
            let public = key_cmd::show(&path, passphrase_file.as_deref())?;
            if json {
                println!("{}", serde_json::to_string(&key_cmd::describe(&public, prefix.as_deref())?)?);
                return Ok(ExitCode::SUCCESS);
            }
            (public, prefix, path.display().to_string())
        }
    };
    let shown = key_cmd::describe(&public, prefix.as_deref())?;
    println!("{note}");
    println!("type: {}", shown.key_type);
    println!("public key: {} (base64 {})", shown.public_key, shown.public_key_base64);
    println!("address: {}", shown.address);
    if let Some(valcons) = shown.valcons {
        println!("valcons: {valcons}");
    }
    Ok(ExitCode::SUCCESS)
}
