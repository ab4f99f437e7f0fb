//! `palisade-signer status | pause | resume | reload | drain`: commands for the signer that runs with this configuration.

use std::process::ExitCode;

use anyhow::anyhow;
use prost::Message;

use crate::{
    admin::{self, Named, Nothing, Said, path},
    cli::{
        Failure,
        args::{AdminCommand, Subject},
        load,
    },
    io::admin_cmd,
};

pub(super) fn admin(command: AdminCommand) -> Result<ExitCode, Failure> {
    match command {
        AdminCommand::Status { config, json } => {
            let status: admin::Status = ask(&config, path::STATUS, Nothing {})?;
            if json {
                println!("{}", serde_json::to_string(&status)?);
            } else {
                print!("{}", admin::table(&status));
            }
            return Ok(if status.ready { ExitCode::SUCCESS } else { ExitCode::from(1) });
        }
        AdminCommand::Pause { config, subject } => said(ask(&config, path::PAUSE, named(subject))?),
        AdminCommand::Resume { config, subject } => said(ask(&config, path::RESUME, named(subject))?),
        AdminCommand::Reload { config } => said(ask(&config, path::RELOAD, Nothing {})?),
        AdminCommand::Drain { config } => said(ask(&config, path::DRAIN, Nothing {})?),
    }
    Ok(ExitCode::SUCCESS)
}

fn named(Subject { key, chain }: Subject) -> Named {
    Named { key: key.unwrap_or_default(), chain: chain.unwrap_or_default() }
}

fn said(Said { what }: Said) {
    println!("{what}");
}

fn ask<A, B>(config: &std::path::Path, path: &'static str, message: A) -> Result<B, Failure>
where
    A: Message + Send + Sync + 'static,
    B: Message + Default + Send + Sync + 'static,
{
    // What is running may be older than what the file says: with another [admin] there, it is not found.
    let socket = load(config)?.admin.socket;
    match admin_cmd::call(&socket, path, message) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(refusal)) => Err(Failure { code: 1, error: anyhow!(refusal), remedy: None }),
        Err(error) => Err(Failure {
            code: 2,
            error,
            remedy: Some("as root or the signer's own user, while palisade-signer run is at work".into()),
        }),
    }
}
