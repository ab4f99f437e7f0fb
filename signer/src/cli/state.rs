//! `palisade-signer state …`.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
};

use serde_json::json;

use crate::{
    cli::{
        Failure,
        args::{ImportArgs, Look, RecoverArgs, StateCommand},
        load,
    },
    config::{ChainConfig, Config, RpcUrl},
    io::{
        import_cmd::{Import, ImportOptions},
        key_cmd,
        recover_cmd::RecoverOptions,
        state_cmd::{self, StateError, Target},
    },
    mark::Mark,
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
        StateCommand::Show(Look { config: path, chain, json }) => {
            let config = load(&path)?;
            if let Some(id) = chain.as_deref().filter(|id| config.chain(id).is_none()) {
                return Err(state_failure(StateError::NoSuchChain(id.into()), &path, id));
            }
            for of in config.chains.iter().filter(|of| chain.as_ref().is_none_or(|id| *id == of.id)) {
                show(&config, of, json).map_err(|error| state_failure(error, &path, &of.id))?;
            }
        }
        StateCommand::Export { config: path, chain, out, retire } => {
            let config = load(&path)?;
            let (text, aside) = Target::find(&config, &chain)
                .and_then(|target| target.export(out.as_deref(), retire))
                .map_err(|error| state_failure(error, &path, &chain))?;
            match out {
                Some(out) => println!("wrote {}", out.display()),
                None => print!("{text}"),
            }
            if let Some(aside) = aside {
                println!("no signer starts here with this state any more; it is kept as {}", aside.display());
            }
        }
        StateCommand::Import(args) => import(&args)?,
        StateCommand::Recover(args) => recover(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn import(args: &ImportArgs) -> Result<(), Failure> {
    old_signer_stopped(args.i_stopped_the_old_signer)?;
    let (config, chain) = (load(&args.config)?, args.chain.as_str());
    let failed = |error| state_failure(error, &args.config, chain);
    let options = ImportOptions {
        new_chain: args.new_chain,
        bump_to_precommit: args.bump_to_precommit,
        bump_heights: args.bump_heights,
    };
    let target = Target::find(&config, chain).map_err(failed)?;
    let Import { files, mark, bumped } = target.read_states(&args.files, options).map_err(failed)?;
    for (path, imported) in &files {
        match imported {
            None => println!("{}: never signed", path.display()),
            Some(it) => {
                println!("{}: {}, last signed {}", path.display(), it.origin.describe(), it.mark.hrs);
                if let Some(why) = it.dropped {
                    eprintln!("warning: {}: took the height, round and step only: {why}", path.display());
                }
            }
        }
    }
    if bumped > 0 {
        println!("and {bumped} heights above the highest, whole");
    }
    confirm(
        &target,
        args.prefix.as_deref(),
        &format!("nothing will be signed at or below {}", mark.hrs),
        args.yes,
    )?;
    if let Some(blocks) = args.wait_blocks {
        let rpcs = rpcs(&args.rpc, &config, chain);
        let tell =
            &mut |height| println!("block {height}: no signature of this key above the imported state");
        target.wait_blocks(&mark, blocks, &rpcs, tell).map_err(failed)?;
    }
    target.raise(&mark).map_err(failed)?;
    println!("chain {chain}: last signed {}", mark.hrs);
    Ok(())
}

fn recover(args: &RecoverArgs) -> Result<(), Failure> {
    old_signer_stopped(args.i_stopped_the_old_signer)?;
    let (config, chain) = (load(&args.config)?, args.chain.as_str());
    let failed = |error| state_failure(error, &args.config, chain);
    let target = Target::find(&config, chain).map_err(failed)?;
    let options = RecoverOptions {
        margin: args.margin,
        look_back: args.look_back,
        halted: args.chain_is_halted,
        replace: args.replace,
    };
    let rpcs = rpcs(&args.rpc, &config, chain);
    let recovery = target.look_for_floor(&rpcs, options).map_err(failed)?;
    for view in &recovery.views {
        let header = &view.newest.header;
        println!(
            "{}: chain {}, newest block {} of {}",
            view.rpc, header.chain_id, header.height, header.time
        );
    }
    match &recovery.signed {
        Some(seen) => println!("newest precommit of this key: {}", seen.hrs),
        None => println!(
            "no precommit of this key from block {} on: is it the right key, and is it a validator?",
            recovery.searched_from
        ),
    }
    let floor = recovery.floor;
    let words = format!("nothing will be signed at or below {floor} (newest block and {} more)", args.margin);
    confirm(&target, args.prefix.as_deref(), &words, args.yes)?;
    if let Some(kept) = target.recover(floor, args.replace).map_err(failed)? {
        println!("kept the old state as {}", kept.display());
    }
    println!("chain {chain}: last signed {floor}");
    Ok(())
}

/// The nodes named on the command line, or else those of the configuration.
fn rpcs(named: &[RpcUrl], config: &Config, chain: &str) -> Vec<RpcUrl> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let guard = config.chain(chain).and_then(|chain| chain.doppelganger.as_ref());
    guard.map(|guard| guard.rpc.clone()).unwrap_or_default()
}

fn old_signer_stopped(said: bool) -> Result<(), Failure> {
    if said {
        return Ok(());
    }
    Err(Failure {
        code: 1,
        error: anyhow::anyhow!("two signers for one key are a double sign waiting to happen"),
        remedy: Some("stop and disable the old signer, then add --i-stopped-the-old-signer".into()),
    })
}

/// Shows chain, key and what is about to happen, and asks on a terminal.
fn confirm(target: &Target, prefix: Option<&str>, words: &str, yes: bool) -> Result<(), Failure> {
    let shown = key_cmd::describe(&target.identity.public_key, prefix)?;
    println!("chain {}", target.identity.chain_id);
    println!("{} key: {} (base64 {})", shown.key_type, shown.public_key, shown.public_key_base64);
    println!("address: {}", shown.address);
    if let Some(valcons) = shown.valcons {
        println!("valcons: {valcons}");
    }
    println!("{words}");
    if yes {
        return Ok(());
    }
    let declined = |why: &str, remedy: &str| Failure {
        code: 1,
        error: anyhow::anyhow!("{why}; nothing was changed"),
        remedy: Some(remedy.into()),
    };
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(declined("nobody is there to confirm this", "--yes in scripts"));
    }
    print!("Is this the right chain and key? Type yes: ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    if answer.trim() == "yes" {
        return Ok(());
    }
    Err(declined("not confirmed", "again, and type yes"))
}

fn show(config: &Config, chain: &ChainConfig, as_json: bool) -> Result<(), StateError> {
    let target = Target::of(config, chain)?;
    let mark = target.show()?;
    if as_json {
        #[allow(unused_mut, reason = "without etcd there is nothing to add")]
        let mut line = json!({
            "chain_id": chain.id,
            "public_key": target.identity.public_key.to_string(),
            "height": mark.hrs.height,
            "round": mark.hrs.round,
            "step": mark.hrs.step,
            "sign_bytes": hex::encode_upper(&mark.sign_bytes),
            "floor": mark.is_floor(),
        });
        #[cfg(feature = "etcd")]
        if let Some((shared, look)) = target.show_shared()? {
            let mark = look.mark.map(|mark| {
                json!({
                    "height": mark.hrs.height,
                    "round": mark.hrs.round,
                    "step": mark.hrs.step,
                    "sign_bytes": hex::encode_upper(&mark.sign_bytes),
                    "floor": mark.is_floor(),
                })
            });
            let bound = shared.pin()?.map(|pin| format!("{pin:016x}"));
            line["etcd"] = json!({
                "key": shared.key(), "cluster": format!("{:016x}", look.cluster), "bound_to": bound,
                "record": look.sequence, "revision": look.revision, "mark": mark,
            });
        }
        println!("{line}");
    } else {
        println!("chain {}: last signed {} ({})", chain.id, mark.hrs, kind(&mark));
        #[cfg(feature = "etcd")]
        if let Some((shared, look)) = target.show_shared()? {
            let cluster = look.cluster;
            match look.mark {
                Some(mark) => println!(
                    "chain {}: in etcd (cluster {cluster:016x}, {}): last signed {} ({})",
                    chain.id,
                    shared.key(),
                    mark.hrs,
                    kind(&mark)
                ),
                None => {
                    println!(
                        "chain {}: nothing in etcd (cluster {cluster:016x}, {})",
                        chain.id,
                        shared.key()
                    );
                }
            }
        }
    }
    Ok(())
}

fn kind(mark: &Mark) -> &'static str {
    if mark.is_floor() { "floor, sign-bytes unknown" } else { "sign-bytes known" }
}

fn state_failure(error: StateError, config: &Path, chain: &str) -> Failure {
    let remedy = error.remedy(config, chain);
    Failure { code: if error.is_refusal() { 1 } else { 2 }, error: error.into(), remedy }
}
