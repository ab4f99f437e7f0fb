//! `palisade init`: asks on a terminal for what the flags did not say, and writes a draft that passes the audit.

use std::io::{BufRead, IsTerminal, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use palisade_sentry::{NodeId, Severity, audit, report, resolve};

use crate::init::{self, Answers, Sentry, draft};

/// Arguments of `palisade init`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct InitArgs {
    /// The new file.
    #[arg(long, value_name = "FILE", default_value = "fleet.toml")]
    pub out: PathBuf,
    /// Chain id.
    #[arg(long)]
    pub chain: Option<String>,
    /// What its nodes run: 0.33 to 1.0.
    #[arg(long)]
    pub node_line: Option<String>,
    /// The validator's node, HOST=NODE_ID; without one the signer serves the sentries.
    #[arg(long, value_name = "HOST=NODE_ID")]
    pub validator: Option<String>,
    /// A sentry, HOST=NODE_ID@PUBLIC_IP; two at least.
    #[arg(long, value_name = "HOST=NODE_ID@IP")]
    pub sentry: Vec<String>,
    /// Host of the signer.
    #[arg(long, default_value = "signer-1")]
    pub signer: String,
    /// Host of the monitor.
    #[arg(long)]
    pub monitor: Option<String>,
    /// Operator address of the validator, …valoper….
    #[arg(long)]
    pub valoper: Option<String>,
    /// tmkms.toml of the signer that runs now.
    #[arg(long, value_name = "FILE", conflicts_with = "from_horcrux")]
    pub from_tmkms: Option<PathBuf>,
    /// config.yaml of the horcrux that runs now.
    #[arg(long, value_name = "FILE")]
    pub from_horcrux: Option<PathBuf>,
    /// Home of the validator's node that runs now: its id, and its peers as sentries.
    #[arg(long, value_name = "DIR")]
    pub node_home: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// Something is missing and nobody is there to be asked, a file cannot be read, or there is a fleet file already.
pub fn run(args: &InitArgs) -> anyhow::Result<u8> {
    ensure!(!args.out.exists(), "{} is there already\ntry: --out with another name", args.out.display());
    let answers = answers(args)?;
    let text = draft(&answers);
    let fleet = resolve(&text).map_err(|e| anyhow::anyhow!("the draft: {e}"))?;
    let report = audit(&fleet);
    print!("{}", report::text(&report, &args.out.display().to_string()));
    if report.fails(Severity::Error) {
        bail!(
            "what was said makes a fleet that the audit rejects; nothing is written\ntry: put right what it names"
        );
    }
    std::fs::write(&args.out, text).with_context(|| args.out.display().to_string())?;
    println!("wrote {}; read it, then: palisade sentry show {}", args.out.display(), args.out.display());
    Ok(0)
}

fn answers(args: &InitArgs) -> anyhow::Result<Answers> {
    let mut of = Answers {
        signer: args.signer.clone(),
        key: ("keys/validator.json".into(), "softsign".into()),
        monitor: args.monitor.clone(),
        valoper: args.valoper.clone(),
        ..Answers::default()
    };
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
    let imported = match (&args.from_tmkms, &args.from_horcrux) {
        (Some(path), _) => Some(("tmkms", init::tmkms(&read(path)?)?)),
        (None, Some(path)) => Some(("horcrux", init::horcrux(&read(path)?)?)),
        (None, None) => None,
    };
    if let Some((program, found)) = imported {
        if let Some((path, backend)) = found.key {
            of.remarks.push(format!(
                "{program} holds the key in {path}: palisade-signer key import, on the new host"
            ));
            of.key.1 = backend;
        }
        for node in found.nodes {
            of.remarks.push(format!("{program} dials {node}"));
        }
        match found.chains.as_slice() {
            [one] => of.chain = one.clone(),
            [] => {}
            many => {
                ensure!(
                    args.chain.is_some(),
                    "{program} signs for {}\ntry: --chain with one of them; the others by hand",
                    many.join(", ")
                );
            }
        }
    }
    if let Some(home) = &args.node_home {
        let key = read(&home.join("config/node_key.json"))?;
        let key =
            comet::key_file::read_node_key(&key).map_err(|e| anyhow::anyhow!("{}: {e}", home.display()))?;
        init::node_home(
            &mut of,
            &key.public().node_id().to_string(),
            &read(&home.join("config/config.toml"))?,
        )?;
    }
    if let Some(chain) = &args.chain {
        of.chain.clone_from(chain);
    }
    if of.chain.is_empty() {
        of.chain = ask("chain id", "--chain")?;
    }
    of.line = match &args.node_line {
        Some(line) => line.clone(),
        None => ask("node line (0.34, 0.37, 0.38, 1.0, …)", "--node-line")?,
    };
    if let Some(validator) = &args.validator {
        let (host, id) = validator.split_once('=').context("--validator is HOST=NODE_ID")?;
        of.validator = Some((host.to_owned(), node_id(id)?));
    }
    for text in &args.sentry {
        of.sentries.push(sentry(text)?);
    }
    while of.sentries.len() < 2 {
        of.sentries.push(sentry(&ask("a sentry, HOST=NODE_ID@PUBLIC_IP", "--sentry")?)?);
    }
    Ok(of)
}

fn sentry(text: &str) -> anyhow::Result<Sentry> {
    let parts = text.split_once('=').and_then(|(host, rest)| Some((host, rest.split_once('@')?)));
    let (host, (id, ip)) = parts.with_context(|| format!("{text}: HOST=NODE_ID@PUBLIC_IP is expected"))?;
    let public: IpAddr = ip.parse().with_context(|| format!("{ip}: an IP address is expected"))?;
    Ok(Sentry { host: host.to_owned(), id: node_id(id)?, public })
}

fn node_id(text: &str) -> anyhow::Result<String> {
    let id: NodeId = text.parse().map_err(|e| anyhow::anyhow!("{e}\ntry: <daemon> comet show-node-id"))?;
    Ok(id.to_string())
}

fn ask(what: &str, flag: &str) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    ensure!(stdin.is_terminal(), "nobody is there to be asked for: {what}\ntry: {flag}");
    eprint!("{what}: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    ensure!(!answer.trim().is_empty(), "no answer\ntry: {flag}");
    Ok(answer.trim().to_owned())
}
