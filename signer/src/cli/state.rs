//! `palisade-signer state …`.

use std::{path::Path, process::ExitCode};

use serde_json::json;

use crate::{
    cli::{Failure, args::StateCommand, load},
    config::{ChainConfig, Config},
    io::state_cmd::{self, ImportOptions, StateError, Target},
};

pub(super) fn state(command: StateCommand) -> Result<ExitCode, Failure> {
    match command {
        StateCommand::Init { config: path, chain, height, round, step, replace } => {
            let config = load(&path)?;
            let floor = state_cmd::floor(height, round, step);
            let kept = Target::find(&config, &chain)
                .and_then(|target| target.init(floor, replace))
                .map_err(|error| state_failure(error, &path, &chain))?;
            if let Some(kept) = kept {
                println!("kept the old state as {}", kept.display());
            }
            println!("chain {chain}: nothing will be signed at or below {floor}");
        }
        StateCommand::Show { config: path, chain, json } => {
            let config = load(&path)?;
            if let Some(id) = chain.as_deref().filter(|id| config.chain(id).is_none()) {
                return Err(state_failure(StateError::NoSuchChain(id.into()), &path, id));
            }
            for of in config.chains.iter().filter(|of| chain.as_ref().is_none_or(|id| *id == of.id)) {
                show(&config, of, json).map_err(|error| state_failure(error, &path, &of.id))?;
            }
        }
        StateCommand::Import {
            config: path,
            chain,
            file,
            i_stopped_the_old_signer,
            new_chain,
            bump_to_precommit,
        } => {
            if !i_stopped_the_old_signer {
                return Err(Failure {
                    code: 1,
                    error: anyhow::anyhow!("two signers for one key are a double sign waiting to happen"),
                    remedy: Some(
                        "stop and disable the old signer, then add --i-stopped-the-old-signer".into(),
                    ),
                });
            }
            let config = load(&path)?;
            let options = ImportOptions { new_chain, bump_to_precommit };
            let outcome = Target::find(&config, &chain)
                .and_then(|target| target.import(&file, options))
                .map_err(|error| state_failure(error, &path, &chain))?;
            if let Some(imported) = outcome.imported {
                println!("read {}", imported.origin.describe());
                if let Some(why) = imported.dropped {
                    eprintln!("warning: took the height, round and step only: {why}");
                }
            }
            println!("chain {chain}: last signed {}", outcome.mark.hrs);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(config: &Config, chain: &ChainConfig, as_json: bool) -> Result<(), StateError> {
    let target = Target::of(config, chain)?;
    let mark = target.show()?;
    if as_json {
        let line = json!({
            "chain_id": chain.id,
            "public_key": target.identity.public_key.to_string(),
            "height": mark.hrs.height,
            "round": mark.hrs.round,
            "step": mark.hrs.step,
            "sign_bytes": hex::encode_upper(&mark.sign_bytes),
            "floor": mark.is_floor(),
        });
        println!("{line}");
    } else {
        let kind = if mark.is_floor() { "floor, sign-bytes unknown" } else { "sign-bytes known" };
        println!("chain {}: last signed {} ({kind})", chain.id, mark.hrs);
    }
    Ok(())
}

fn state_failure(error: StateError, config: &Path, chain: &str) -> Failure {
    let remedy = error.remedy(config, chain);
    Failure { code: if error.is_refusal() { 1 } else { 2 }, error: error.into(), remedy }
}
