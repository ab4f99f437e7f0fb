//! `palisade-signer frost …` and `palisade-signer cosign`.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;

use crate::{
    cli::{
        Failure,
        args::{DkgCommand, FrostCommand, LogFormat, Place, ReshareCommand},
        run,
    },
    config::CosignerConfig,
    io::{
        frost::{serve, tls},
        frost_cmd::{self, Shown},
        harden,
    },
    mark::{Hrs, Mark},
    sandbox::Reach,
};

const COMPARE: &str = "compare it with all others by a way that nobody can change (a call will do); where it differs, somebody \
                       has changed files: begin again";

pub(super) fn frost(command: FrostCommand) -> Result<ExitCode, Failure> {
    match command {
        FrostCommand::Split { from, horcrux, threshold, of, out, passphrase_file } => {
            let shown = frost_cmd::split(&from, horcrux, [threshold, of], &out, passphrase_file.as_deref())?;
            println!("wrote {of} shares and group.json to {}", out.display());
            print(&shown);
            eprintln!(
                "warning: the key is whole on this machine, and so are all shares: carry each to its cosigner, then destroy the \
                 key, its backups and what is left here"
            );
        }
        FrostCommand::Dkg(command) => dkg(command)?,
        FrostCommand::Reshare(command) => reshare(command)?,
        FrostCommand::Show { path, passphrase_file, json } => {
            let shown = frost_cmd::show(&path, passphrase_file.as_deref())?;
            match json {
                true => println!("{}", serde_json::to_string(&shown)?),
                false => print(&shown),
            }
        }
        FrostCommand::Identity { path } => println!("{}", tls::make_identity(&path)?),
        FrostCommand::Floor { config: path, chain, height } => {
            let config = load(&path)?;
            if !config.chains.contains(&chain) || height < 0 {
                return Err(anyhow::anyhow!(
                    "the configuration has no chain {chain:?}, or the height is negative"
                )
                .into());
            }
            let floor = Hrs::whole_height(height);
            let made = serve::floor(&config, &chain, Mark::floor(floor)).map_err(|error| Failure {
                code: 2,
                remedy: error.remedy(&path),
                error: error.into(),
            })?;
            let done = if made { "made" } else { "raised" };
            println!("{done} the mark of chain {chain}: nothing will be signed at or below {floor}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn dkg(command: DkgCommand) -> Result<(), Failure> {
    match command {
        DkgCommand::Start { dir, id, threshold, of } => {
            let path = frost_cmd::dkg_start(&dir, id, threshold, of)?;
            println!("wrote {}; bring it to every other cosigner", path.display());
        }
        DkgCommand::Deal(Place { dir, id }) => {
            let (path, transcript) = frost_cmd::dkg_deal(&dir, id)?;
            println!("wrote {}; bring it to every other cosigner", path.display());
            println!("transcript: {transcript}");
            println!("{COMPARE}");
        }
        DkgCommand::Finish { dir, id, transcript, out } => {
            let shown =
                frost_cmd::dkg_finish(&dir, id, &transcript, &out.out, out.passphrase_file.as_deref())?;
            print(&shown);
            println!("the group must be the same on every machine");
        }
    }
    Ok(())
}

fn reshare(command: ReshareCommand) -> Result<(), Failure> {
    match command {
        ReshareCommand::Start(Place { dir, id }) => {
            let path = frost_cmd::reshare_start(&dir, id)?;
            println!("wrote {}; bring it to every new and every dealing cosigner", path.display());
        }
        ReshareCommand::Deal { dir, share, share_passphrase_file, among, threshold } => {
            let (path, transcript) =
                frost_cmd::reshare_deal(&dir, &share, &among, threshold, share_passphrase_file.as_deref())?;
            println!("wrote {}; bring it to every new cosigner", path.display());
            println!("transcript: {transcript}");
            println!("{COMPARE}");
        }
        ReshareCommand::Finish { dir, id, transcript, expect, out } => {
            let shown = frost_cmd::reshare_finish(
                &dir,
                id,
                &transcript,
                &expect,
                &out.out,
                out.passphrase_file.as_deref(),
            )?;
            print(&shown);
            println!("the group must be the same on every new machine");
            eprintln!(
                "warning: the old shares still sign as long as enough of them exist: destroy them and their backups"
            );
        }
    }
    Ok(())
}

/// Runs a cosigner until it is told to stop.
pub(super) fn cosign(path: &Path, log_format: LogFormat) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    run::logs(log_format);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let failure =
            |error: serve::ServeError| Failure { code: 2, remedy: error.remedy(path), error: error.into() };
        let ready = serve::open(&config).map_err(failure)?;
        // No thread of ours runs yet: each inherits the walls.
        harden::around(Reach::of_cosigner(&config, path), true, true);
        let serving = ready.serve().map_err(failure)?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => match load(path) {
                    // Why it is not taken is in the log.
                    Ok(new) => drop(serving.reload(&new)),
                    Err(failure) => tracing::error!(error = %format!("{:#}", failure.error), "the configuration cannot be read"),
                },
            }
        }
        drop(serving);
        Ok(ExitCode::SUCCESS)
    })
}

fn load(path: &Path) -> Result<CosignerConfig, Failure> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let dir = path.parent().unwrap_or(Path::new(""));
    Ok(CosignerConfig::parse(&text, dir).with_context(|| path.display().to_string())?)
}

fn print(shown: &Shown) {
    if let Some(id) = shown.cosigner {
        println!("cosigner: {id}");
    }
    println!("public key: {}", shown.public_key);
    println!("address: {}", shown.address);
    let ids: Vec<_> = shown.cosigners.iter().map(ToString::to_string).collect();
    println!("threshold: {} of {} ({})", shown.threshold, ids.len(), ids.join(", "));
    println!("group: {}", shown.group);
}
