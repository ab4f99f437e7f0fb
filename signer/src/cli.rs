//! The command line: `palisade-signer run | check | version | key … | state …`.
//!
//! Exit 0 good, 1 findings or refused, 2 error. Each error says what is wrong and, where there is something to be done, ends
//! with one line "try: …".

mod args;

use std::{ffi::OsString, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use serde_json::json;

use crate::{
    cli::args::{Args, Command, KeyCommand, LogFormat, StateCommand},
    config::Config,
    io::{
        check_cmd, harden, key_cmd,
        run::{self, StartError},
        secret_file::SecretFileError,
        state_cmd::{self, ImportOptions, StateError, Target},
    },
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What went wrong, and what can be done.
struct Failure {
    /// 1 refused, 2 error.
    code: u8,
    error: anyhow::Error,
    remedy: Option<String>,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let remedy = error.downcast_ref::<SecretFileError>().and_then(SecretFileError::remedy);
        Self { code: 2, error, remedy }
    }
}

/// Runs the program; the first argument is its name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    harden::process();
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Nobody is left to tell when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = match args.command {
        Command::Run { config, log_format } => run(&config, log_format),
        Command::Check { config } => check(&config),
        Command::Version => {
            println!("palisade-signer {VERSION}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Key(command) => key(command),
        Command::State(command) => state(command),
    };
    done.unwrap_or_else(|Failure { code, error, remedy }| {
        eprintln!("error: {}", in_words(&error));
        if let Some(remedy) = remedy {
            eprintln!("try: {remedy}");
        }
        ExitCode::from(code)
    })
}

/// The error with its causes, each said once: many of our errors quote theirs.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

fn load(path: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let dir = path.parent().unwrap_or(Path::new(""));
    Ok(Config::parse(&text, dir).with_context(|| path.display().to_string())?)
}

fn run(path: &Path, log_format: LogFormat) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where the caller logs already; then its way is kept.
    let _ = match log_format {
        LogFormat::Text => logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        // Before anything is started, so that no signal finds the default handler.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let running = run::start(&config, VERSION).map_err(|error| {
            let remedy = match &error {
                StartError::Key { source, .. } => source.remedy(),
                StartError::State { chain_id, source } => source.remedy(path, chain_id),
                StartError::Listen { .. } => Some("another address for listen in the configuration".into()),
                StartError::Identity(_) | StartError::Thread(_) => None,
            };
            Failure { code: 2, error: error.into(), remedy }
        })?;
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        drop(running);
        Ok(ExitCode::SUCCESS)
    })
}

fn check(path: &Path) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    let mut code = ExitCode::SUCCESS;
    for check_cmd::Finding { subject, result } in check_cmd::check(&config, path) {
        match result {
            Ok(news) => println!("ok: {subject}: {news}"),
            Err((error, remedy)) => {
                code = ExitCode::from(1);
                println!("finding: {subject}: {error}");
                if let Some(remedy) = remedy {
                    println!("  try: {remedy}");
                }
            }
        }
    }
    Ok(code)
}

fn key(command: KeyCommand) -> Result<ExitCode, Failure> {
    let (public, prefix, note) = match command {
        KeyCommand::Generate { path, prefix } => {
            (key_cmd::generate(&path)?, prefix, format!("wrote {}", path.display()))
        }
        KeyCommand::Import { from, to, prefix, expect } => {
            let (public, form) = key_cmd::import(&from, &to, expect.as_deref())?;
            (public, prefix, format!("read {}, wrote {}", form.describe(), to.display()))
        }
        KeyCommand::Show { path, prefix, json } => {
            let public = key_cmd::show(&path)?;
            if json {
                println!("{}", serde_json::to_string(&key_cmd::describe(&public, prefix.as_deref())?)?);
                return Ok(ExitCode::SUCCESS);
            }
            (public, prefix, path.display().to_string())
        }
    };
    let shown = key_cmd::describe(&public, prefix.as_deref())?;
    println!("{note}");
    println!("public key: {} (base64 {})", shown.public_key, shown.public_key_base64);
    println!("address: {}", shown.address);
    if let Some(valcons) = shown.valcons {
        println!("valcons: {valcons}");
    }
    Ok(ExitCode::SUCCESS)
}

fn state(command: StateCommand) -> Result<ExitCode, Failure> {
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

fn show(config: &Config, chain: &crate::config::ChainConfig, as_json: bool) -> Result<(), StateError> {
    let target = Target::of(config, chain)?;
    let mark = target.show()?;
    if as_json {
        let line = json!({
            "chain_id": chain.id,
            "public_key": hex::encode(target.identity.public_key),
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
