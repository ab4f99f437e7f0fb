//! The command line: `palisade-signer run | check | status | pause | resume | reload | drain | version | peer-id |
//! audit-log … | config … | etcd … | key … | state … | yubihsm … | frost … | cosign`.
//!
//! Exit 0 good, 1 findings or refused, 2 error. Each error says what is wrong and, where there is something to be done, ends
//! with one line "try: …".

mod admin;
mod args;
mod audit_log;
mod check;
mod config;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "frost")]
mod frost;
mod key;
mod peer_id;
mod run;
mod state;
mod yubihsm;

use std::{ffi::OsString, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;

use crate::{
    cli::args::{Args, Command},
    config::Config,
    io::{
        harden,
        key::{
            sealed::SealedError,
            yubihsm::{audit::AuditError, session::HsmError},
        },
        secret_file::SecretFileError,
        yubihsm_cmd::Refused,
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
        if let Some(refused) = error.downcast_ref::<Refused>() {
            let remedy = Some(refused.remedy.clone());
            return Self { code: 1, error, remedy };
        }
        let remedy = error
            .downcast_ref::<SecretFileError>()
            .and_then(SecretFileError::remedy)
            .or_else(|| error.downcast_ref::<SealedError>().and_then(SealedError::remedy))
            .or_else(|| error.downcast_ref::<HsmError>().and_then(HsmError::remedy))
            .or_else(|| error.downcast_ref::<AuditError>().map(AuditError::remedy));
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
        Command::Run { config, log_format } => run::run(&config, log_format),
        Command::Check { config, json } => check::check(&config, json),
        Command::PeerId { config, node_key, json } => {
            peer_id::peer_id(config.as_deref(), node_key.as_deref(), json)
        }
        Command::AuditLog(command) => audit_log::audit_log(command),
        Command::Config(command) => config::config(command),
        #[cfg(feature = "etcd")]
        Command::Etcd(command) => etcd::etcd(command),
        Command::Admin(command) => admin::admin(command),
        #[cfg(feature = "frost")]
        Command::Cosign { config, log_format } => frost::cosign(&config, log_format),
        #[cfg(feature = "frost")]
        Command::Frost(command) => frost::frost(*command),
        Command::Version => {
            println!("palisade-signer {VERSION}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Key(command) => key::key(command),
        Command::State(command) => state::state(command),
        Command::Yubihsm(command) => yubihsm::yubihsm(*command),
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
