//! `palisade-signer etcd …`.

use std::{path::Path, process::ExitCode};

use serde_json::json;

use crate::{
    cli::{
        Failure,
        args::{EtcdCommand, Look},
        load,
    },
    io::{
        etcd_cmd::{self, Checked},
        state_cmd::{StateError, Target},
    },
};

pub(super) fn etcd(command: EtcdCommand) -> Result<ExitCode, Failure> {
    match command {
        EtcdCommand::Check(Look { config, chain, json }) => check(&config, chain.as_deref(), json),
        EtcdCommand::Pin { config, chain, i_stopped_every_signer } => {
            pin(&config, &chain, i_stopped_every_signer)
        }
    }
}

fn check(path: &Path, chain: Option<&str>, as_json: bool) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    if let Some(id) = chain.filter(|id| config.chain(id).is_none()) {
        return Err(state_failure(StateError::NoSuchChain(id.into()), path, id));
    }
    let chains: Vec<_> = config
        .chains
        .iter()
        .filter(|of| of.store.etcd().is_some() && chain.is_none_or(|id| id == of.id))
        .collect();
    if chains.is_empty() {
        return Err(Failure {
            code: 2,
            error: anyhow::anyhow!("no chain of this configuration has its mark in etcd"),
            remedy: Some("store = { etcd = { … } } at a [[chain]] (docs/etcd.md)".into()),
        });
    }
    let mut code = ExitCode::SUCCESS;
    for chain in chains {
        let target = Target::of(&config, chain).map_err(|error| state_failure(error, path, &chain.id))?;
        for Checked { check, good, news, remedy } in etcd_cmd::check(chain, &target, path) {
            if !good {
                code = ExitCode::from(1);
            }
            if as_json {
                println!(
                    "{}",
                    json!({ "chain_id": chain.id, "check": check, "ok": good, "news": news, "try": remedy })
                );
                continue;
            }
            println!("{}: chain {}: {check}: {news}", if good { "ok" } else { "finding" }, chain.id);
            if let Some(remedy) = remedy {
                println!("  try: {remedy}");
            }
        }
    }
    Ok(code)
}

fn pin(path: &Path, chain: &str, stopped: bool) -> Result<ExitCode, Failure> {
    if !stopped {
        return Err(Failure {
            code: 1,
            error: anyhow::anyhow!("a restored backup may lack what any signer of this key has signed"),
            remedy: Some(
                "stop every signer of this key, then run this with --i-stopped-every-signer on each of them, then start them"
                    .into(),
            ),
        });
    }
    let config = load(path)?;
    let failed = |error| state_failure(error, path, chain);
    let target = Target::find(&config, chain).map_err(failed)?;
    let (cluster, mark) = target.pin().map_err(failed)?;
    println!("chain {chain}: bound to cluster {cluster:016x}, last signed {}", mark.hrs);
    Ok(ExitCode::SUCCESS)
}

fn state_failure(error: StateError, config: &Path, chain: &str) -> Failure {
    let remedy = error.remedy(config, chain);
    Failure { code: if error.is_refusal() { 1 } else { 2 }, error: error.into(), remedy }
}
