//! `palisade-signer yubihsm …`.

use std::{io::Write as _, process::ExitCode};

use crate::{
    cli::{
        Failure,
        args::yubihsm::{KeyKind, KeysCommand, Login, Place, YubihsmCommand},
    },
    io::yubihsm_cmd::{self, Said, audit, backup, connector, keys, setup},
    yubihsm::object::Algorithm,
};

pub(super) fn yubihsm(command: YubihsmCommand) -> Result<ExitCode, Failure> {
    let (said, json) = match command {
        YubihsmCommand::Detect { connector, json } => (yubihsm_cmd::detect(connector.as_deref())?, json),
        YubihsmCommand::Info { login, json } => (yubihsm_cmd::info(&login.into())?, json),
        YubihsmCommand::Setup(typed) => {
            let admin = typed.auth_key.zip(typed.password_file).map(|(auth_key, password_file)| {
                yubihsm_cmd::Login { connector: typed.connector.clone(), auth_key, password_file }
            });
            let plan = setup::Plan {
                connector: typed.connector,
                serial: typed.serial,
                chains: typed.chains,
                to: typed.to,
                wrap_key: typed.wrap_key,
                reset: typed.reset,
                admin,
                fix_audit: typed.fix_audit,
                show_secrets: typed.show_secrets,
            };
            (setup::setup(&plan)?, false)
        }
        YubihsmCommand::Keys(command) => keys_command(command)?,
        YubihsmCommand::Backup { login, to } => (backup::backup(&login.into(), &to)?, false),
        YubihsmCommand::Restore { login, from } => (backup::restore(&login.into(), &from)?, false),
        YubihsmCommand::Audit { login, keep, free, json } => {
            (audit::audit(&login.into(), keep.as_deref(), free)?, json)
        }
        YubihsmCommand::Connector { listen, serial, connector } => {
            return serve(&listen, serial, connector);
        }
        YubihsmCommand::Test { login, key, count } => (keys::test(&login.into(), key, count)?, false),
    };
    if json {
        println!("{}", said.json);
    } else {
        said.lines.iter().for_each(|line| println!("{line}"));
    }
    Ok(ExitCode::from(u8::from(said.findings)))
}

/// Serves a device until a signal comes.
fn serve(listen: &str, serial: Option<u32>, connector: Option<String>) -> Result<ExitCode, Failure> {
    let source = match (serial, connector) {
        (Some(serial), _) => connector::Source::Serial(serial),
        (None, text) => connector::Source::Connector(text.unwrap_or_else(|| "usb".into())),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        // Before anything is started, so that no signal finds the default handler and leaves the socket behind.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (served, line) = connector::connector(listen, &source)?;
        println!("{line}");
        std::io::stdout().flush()?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        drop(served);
        Ok(ExitCode::SUCCESS)
    })
}

fn keys_command(command: KeysCommand) -> Result<(Said, bool), Failure> {
    Ok(match command {
        KeysCommand::List { login, json } => (keys::list(&login.into())?, json),
        KeysCommand::Generate { login, place, algorithm, not_exportable } => {
            let algorithm = match algorithm {
                KeyKind::Ed25519 => Algorithm::ED25519,
                KeyKind::Secp256k1 => Algorithm::SECP256K1,
            };
            (keys::generate(&login.into(), &place.with(!not_exportable), algorithm)?, false)
        }
        KeysCommand::Import { login, place, from, expect, wrap_key, not_exportable } => {
            let place = place.with(!not_exportable);
            (keys::import(&login.into(), &place, &from, expect.as_deref(), wrap_key.as_deref())?, false)
        }
        KeysCommand::Export { login, id, to } => (keys::export(&login.into(), id, &to)?, false),
    })
}

impl Place {
    fn with(self, exportable: bool) -> keys::Place {
        keys::Place { domain: self.domain, id: self.id, label: self.label, exportable }
    }
}

impl From<Login> for yubihsm_cmd::Login {
    fn from(typed: Login) -> Self {
        Self { connector: typed.connector, auth_key: typed.auth_key, password_file: typed.password_file }
    }
}
