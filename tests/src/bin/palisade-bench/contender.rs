//! Signers as their users run them: a process of their own with softsign, dialling out to us. Here they are only started.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use comet::privval::{Message, PubKeyRequest, Sum};
use tempfile::TempDir;

use crate::node::Link;

/// A running signer, ended by its own id whatever happens, with one link for each of its chains.
pub(crate) struct Contender {
    child: Child,
    /// What it works with, ended after it.
    beside: Vec<Child>,
    pub(crate) links: Vec<Link>,
    /// From the start of the process to the first answer.
    pub(crate) ready: Duration,
    _home: TempDir,
}

impl Drop for Contender {
    fn drop(&mut self) {
        for child in std::iter::once(&mut self.child).chain(&mut self.beside) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Name of a bench's chain.
pub(crate) fn chain(index: usize) -> String {
    format!("bench-{index}")
}

impl Contender {
    /// palisade-signer with so many chains, each with a key and a node of its own.
    pub(crate) fn palisade(chains: usize) -> Result<Self> {
        Self::palisade_with(chains, "")
    }

    /// The same with these settings at each chain.
    pub(crate) fn palisade_with(chains: usize, settings: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let listeners = listeners(chains)?;
        let mut config = "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n".to_owned();
        for (index, listener) in listeners.iter().enumerate() {
            let (id, port) = (chain(index), listener.local_addr()?.port());
            config += &format!(
                "\n[[key]]\nname = \"{id}\"\nbackend = \"softsign\"\npath = \"keys/{id}.json\"\n\n\
                 [[chain]]\nid = \"{id}\"\nkey = \"{id}\"\nnodes = [\"tcp://127.0.0.1:{port}\"]\n{settings}"
            );
        }
        std::fs::write(home.path().join("signer.toml"), config)?;
        // The binary lies beside this one.
        let program = std::env::current_exe()?.with_file_name("palisade-signer");
        for index in 0..chains {
            let id = chain(index);
            run(&program, home.path(), &["key", "generate", &format!("keys/{id}.json")])?;
            let init = ["state", "init", "--config", "signer.toml", "--chain", &id, "--height", "0"];
            run(&program, home.path(), &init)?;
        }
        Self::start(&program, &["run", "--config", "signer.toml"], home, &listeners)
    }

    /// palisade-signer with one chain and a threshold key, two of three cosigners, all on this machine.
    pub(crate) fn threshold() -> Result<Self> {
        Self::threshold_with("")
    }

    /// The same with these settings at the chain.
    pub(crate) fn threshold_with(settings: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let (at, id, listeners) = (home.path(), chain(0), listeners(1)?);
        let program = std::env::current_exe()?.with_file_name("palisade-signer");
        let identity = |file: &str| -> Result<String> {
            let output = Command::new(&program).args(["frost", "identity", file]).current_dir(at).output()?;
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        run(&program, at, &["key", "generate", "key.json"])?;
        run(
            &program,
            at,
            &["frost", "split", "key.json", "--threshold", "2", "--of", "3", "--out", "shares"],
        )?;
        let signer = identity("identity.json")?;
        let (mut beside, mut cosigners) = (Vec::new(), Vec::new());
        for n in 1..=3 {
            let (address, pin) = (palisade_tests::ports::address(), identity(&format!("identity-{n}.json"))?);
            let file = format!("cosigner-{n}.toml");
            let config = format!(
                "listen = \"{address}\"\nstate_dir = \"state-{n}\"\nidentity = \"identity-{n}.json\"\n\
                 share = \"shares/share-{n}.json\"\nsigners = [\"{signer}\"]\nchains = [\"{id}\"]\n"
            );
            std::fs::write(at.join(&file), config)?;
            run(&program, at, &["frost", "floor", "--config", &file, "--chain", &id, "--height", "0"])?;
            let quiet = || Stdio::null();
            let mut cosigner = Command::new(&program);
            cosigner.args(["cosign", "--config", &file]).current_dir(at).stdout(quiet()).stderr(quiet());
            beside.push(cosigner.spawn()?);
            cosigners.push(format!("{{ id = {n}, address = \"{address}\", pin = \"{pin}\" }}"));
        }
        let config = format!(
            "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n\n[[key]]\nname = \"k\"\nbackend = \"frost\"\n\
             group = \"shares/group.json\"\nidentity = \"identity.json\"\ncosigners = [{}]\n\n\
             [[chain]]\nid = \"{id}\"\nkey = \"k\"\nnodes = [\"tcp://127.0.0.1:{}\"]\n{settings}",
            cosigners.join(", "),
            listeners[0].local_addr()?.port()
        );
        std::fs::write(at.join("signer.toml"), config)?;
        run(&program, at, &["state", "init", "--config", "signer.toml", "--chain", &id, "--height", "0"])?;
        let mut contender = Self::start(&program, &["run", "--config", "signer.toml"], home, &listeners)?;
        contender.beside = beside;
        Ok(contender)
    }

    /// tmkms with one chain; `None` where nobody has it.
    pub(crate) fn tmkms() -> Result<Option<Self>> {
        let Some(program) = std::env::var_os("PALISADE_BENCH_TMKMS").map(PathBuf::from) else {
            return Ok(None);
        };
        let home = tempfile::tempdir()?;
        let listeners = listeners(1)?;
        for key in ["consensus.key", "identity.key"] {
            run(&program, home.path(), &["softsign", "keygen", key])?;
        }
        let (id, at, port) = (chain(0), home.path().display(), listeners[0].local_addr()?.port());
        let config = format!(
            "[[chain]]\nid = \"{id}\"\nkey_format = {{ type = \"hex\" }}\nstate_file = \"{at}/state.json\"\n\
             [[validator]]\naddr = \"tcp://127.0.0.1:{port}\"\nchain_id = \"{id}\"\nsecret_key = \"{at}/identity.key\"\n\
             protocol_version = \"v0.34\"\nreconnect = true\n[[providers.softsign]]\nchain_ids = [\"{id}\"]\n\
             key_type = \"consensus\"\npath = \"{at}/consensus.key\"\n"
        );
        std::fs::write(home.path().join("tmkms.toml"), config)?;
        Self::start(&program, &["start", "-c", "tmkms.toml"], home, &listeners).map(Some)
    }

    fn start(program: &Path, arguments: &[&str], home: TempDir, listeners: &[TcpListener]) -> Result<Self> {
        let started = Instant::now();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let mut contender =
            Self { child, beside: Vec::new(), links: Vec::new(), ready: Duration::ZERO, _home: home };
        for (index, listener) in listeners.iter().enumerate() {
            let mut link = Link::shake_hands(listener.accept()?.0)?;
            link.ask(&Message::of(Sum::PubKeyRequest(PubKeyRequest { chain_id: chain(index) })))?;
            if index == 0 {
                contender.ready = started.elapsed();
            }
            contender.links.push(link);
        }
        Ok(contender)
    }

    /// Process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

fn listeners(count: usize) -> Result<Vec<TcpListener>> {
    Ok((0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?)
}

fn run(program: &Path, home: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).current_dir(home).output()?;
    anyhow::ensure!(
        output.status.success(),
        "{} {arguments:?}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
