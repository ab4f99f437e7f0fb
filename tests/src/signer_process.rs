//! palisade-signer as an operator has it: a directory with signer.toml, a key and a state, and a process that gets killed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use comet::consensus::{KeyType, PublicKey};
use comet::key_file::read_priv_validator_key;

use crate::exposition::Exposition;
use crate::process::{Process, until};
use crate::{binaries, http, ports};

/// One signer with one key for one chain.
pub struct Signer {
    dir: PathBuf,
    /// `host:port` of its metrics.
    pub listen: String,
    /// The validator's key, made by `palisade-signer key generate`.
    pub key: PublicKey,
    process: Option<Process>,
    /// What its commands are run by: nothing, or `ip netns exec NAME`.
    inside: Vec<String>,
}

impl Signer {
    /// A signer beside others with the same key, in the namespace `inside` if there is one: the key is copied from `keys`, and its
    /// state made with `init`.
    pub fn with_same_key(
        dir: &Path,
        (chain_id, nodes, settings): (&str, &[String], &str),
        key: &Path,
        inside: Vec<String>,
    ) -> Result<Self> {
        std::fs::create_dir_all(dir.join("keys"))?;
        std::fs::copy(key, dir.join("keys/own.json"))?;
        let mut signer = Self::set_up(dir, chain_id, nodes, settings, &[])?;
        signer.inside = inside;
        signer.command(&[
            "state",
            "init",
            "--config",
            "signer.toml",
            "--chain",
            chain_id,
            "--height",
            "0",
        ])?;
        Ok(signer)
    }

    /// Where it lives.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes key, configuration and state below `dir` with the signer's own commands; runs nothing yet.
    pub fn make(dir: &Path, chain_id: &str, nodes: &[String]) -> Result<Self> {
        Self::with_key(KeyType::Ed25519, dir, chain_id, nodes)
    }

    /// The same with a key of this type.
    pub fn with_key(key_type: KeyType, dir: &Path, chain_id: &str, nodes: &[String]) -> Result<Self> {
        let generate: &[&str] = &["key", "generate", "--type", key_type.name(), "keys/own.json"];
        let init = &["state", "init", "--config", "signer.toml", "--chain", chain_id, "--height", "0"];
        Self::set_up(dir, chain_id, nodes, "", &[generate, init])
    }

    /// Makes a configuration below `dir` and runs these commands there, which make the key `keys/own.json`. `settings` are more
    /// lines for the chain.
    pub fn set_up(
        dir: &Path,
        chain_id: &str,
        nodes: &[String],
        settings: &str,
        commands: &[&[&str]],
    ) -> Result<Self> {
        let backend = "backend = \"softsign\"\npath = \"keys/own.json\"\n";
        Self::with_backend(dir, chain_id, nodes, [backend, settings], commands)
    }

    /// The same for a key that is used from elsewhere; `keys/own.json` only says which one it is.
    pub fn with_backend(
        dir: &Path,
        chain_id: &str,
        nodes: &[String],
        [backend, settings]: [&str; 2],
        commands: &[&[&str]],
    ) -> Result<Self> {
        std::fs::create_dir_all(dir.join("keys"))?;
        let listen = ports::address();
        let nodes: Vec<String> = nodes.iter().map(|node| format!("{node:?}")).collect();
        let config = format!(
            "state_dir = \"state\"\nlisten = \"{listen}\"\n\n\
             [[key]]\nname = \"own\"\n{backend}\n\
             [[chain]]\nid = \"{chain_id}\"\nkey = \"own\"\nnodes = [{}]\n{settings}",
            nodes.join(", ")
        );
        std::fs::write(dir.join("signer.toml"), config)?;
        for args in commands {
            command(dir, &[], args)?;
        }
        let key = read_priv_validator_key(&std::fs::read_to_string(dir.join("keys/own.json"))?)?;
        Ok(Self { dir: dir.to_owned(), listen, key: key.public().clone(), process: None, inside: Vec::new() })
    }

    /// Adds lines to its chain's configuration.
    pub fn configure(&self, settings: &str) -> Result<()> {
        let path = self.dir.join("signer.toml");
        let config = std::fs::read_to_string(&path)?;
        Ok(std::fs::write(path, config + settings)?)
    }

    /// Waits until it ends by itself; its last words stay in [`Self::tail`].
    pub fn ended(&mut self, limit: Duration) -> Result<std::process::ExitStatus> {
        self.process.as_mut().context("it was not started")?.wait(limit)
    }

    /// Starts it.
    pub fn start(&mut self) -> Result<()> {
        let mut program = program(&self.inside)?;
        program.args(["run", "--config", "signer.toml"]).current_dir(&self.dir);
        self.process = Some(Process::start("palisade-signer", &mut program, &self.dir.join("signer.log"))?);
        Ok(())
    }

    /// Waits until it serves its metrics.
    pub fn ready(&mut self, limit: Duration) -> Result<()> {
        until("the signer's /livez", limit, || {
            // What has ended will not serve any more: that is known now, and not when the time is up.
            if let Some(ended) = self.process.as_mut().and_then(|process| process.still_runs().err()) {
                return Ok(Some(Err(ended)));
            }
            http::get(&self.listen, "/livez").map(|_| Some(Ok(())))
        })?
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// SIGTERM; it must end well and soon.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            let status = process.terminate(Duration::from_secs(10))?;
            ensure!(status.success(), "the signer ended with {status}");
        }
        Ok(())
    }

    /// Its metrics.
    pub fn metrics(&self) -> Result<Exposition> {
        Exposition::parse(&http::get(&self.listen, "/metrics")?)
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        self.process.as_ref().map(Process::tail).unwrap_or_default()
    }

    /// Runs one of its commands in its directory; what it printed.
    pub fn command(&self, args: &[&str]) -> Result<String> {
        command(&self.dir, &self.inside, args)
    }

    /// Sends a signal to it.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        self.process.as_ref().context("it does not run")?.signal(signal)
    }
}

fn program(inside: &[String]) -> Result<Command> {
    let signer = binaries::own("palisade-signer")?;
    let Some((first, rest)) = inside.split_first() else { return Ok(Command::new(signer)) };
    let mut command = Command::new(first);
    command.args(rest).arg(signer);
    Ok(command)
}

fn command(dir: &Path, inside: &[String], args: &[&str]) -> Result<String> {
    let out = program(inside)?.args(args).current_dir(dir).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    ensure!(
        out.status.success(),
        "palisade-signer {args:?}: {}\n{text}{}",
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(text)
}
