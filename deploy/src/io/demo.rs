//! The demo: an embedded chain in this process, a signer and a monitor as processes of their own, in one directory that
//! disappears with them.

use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use palisade_devnet::io::{Handle, Options, Remote};
use palisade_devnet::script::{DEMO, Script};
use palisade_devnet::truth::Truth;
use serde::Serialize;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use super::daemon::{self, Daemon, DaemonError};
use super::monitor_api::MonitorApi;
use crate::demo::seen::Seen;
use crate::demo::table;
use crate::demo::verdict::{self, Disagreement};

/// The seat whose key only the signer has.
const OWN: usize = 0;
/// Nodes that ask for its signatures, both for every vote.
const NODES: usize = 2;
/// The signer must have named its key by then.
const START: Duration = Duration::from_secs(10);
/// The monitor may need so long for the last block.
const CATCH_UP: Duration = Duration::from_secs(20);
/// Where people expect a monitor; another port when it is taken.
const USUAL_PORT: u16 = 9464;

/// What to show, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Stop after this many blocks; without it, at Ctrl-C.
    pub blocks: Option<i64>,
    /// From one block to the next.
    pub block_time: Duration,
    /// Nothing but the summary on the standard output.
    pub json: bool,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Chain id.
    pub chain_id: String,
    /// Blocks made.
    pub blocks: i64,
    /// Blocks that needed more than one round.
    pub late_rounds: u64,
    /// Our validator.
    pub valoper: String,
    /// Its signatures in commits, of `signed_height` possible ones.
    pub signed: u64,
    /// Last height whose commit is known.
    pub signed_height: i64,
    /// Heights, rounds and steps with more than one signature.
    pub double_signs: usize,
    /// Validators in jail.
    pub jailed: usize,
    /// Validators compared.
    pub validators: usize,
    /// Times the monitor's arithmetic and the chain's events differed.
    pub self_check_disagreements: u64,
    /// Numbers on which monitor and chain differ.
    pub disagreements: Vec<Disagreement>,
    /// All of the above as it must be.
    pub good: bool,
}

/// A demo that cannot go on.
#[derive(Debug, Error)]
pub enum DemoError {
    /// A directory, file or socket.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// One of the daemons.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] palisade_devnet::io::StartError),
    /// The script that comes with the program.
    #[error("the demo's script: {0}")]
    Script(String),
    /// Something took longer than it may.
    #[error("{what} within {} s\n{log}", .limit.as_secs())]
    TooSlow {
        /// What did not happen.
        what: &'static str,
        /// How long was waited.
        limit: Duration,
        /// The end of the log that may say why.
        log: String,
    },
    /// A daemon ended although nobody asked it to.
    #[error("`palisade {name}` ended by itself\n{log}")]
    Died {
        /// Subcommand.
        name: &'static str,
        /// The end of its log.
        log: String,
    },
}

/// Runs the demo to its end. `None` when it was interrupted before the blocks that were asked for.
pub async fn run(plan: Plan) -> Result<Option<Summary>, DemoError> {
    let home = Home::create()?;
    let loopback = "tcp://127.0.0.1:0";
    let options = Options {
        script: Script::parse(DEMO, Options::default().origin.seats.len())
            .map_err(|error| DemoError::Script(error.to_string()))?,
        block_time: plan.block_time,
        remote: Some(Remote { seat: OWN, addresses: vec![loopback.into(); NODES], key: None }),
        blocks: plan.blocks,
        ..Options::default()
    };
    let valoper = options.origin.seats[OWN].valoper.clone();
    let chain = palisade_devnet::io::start(options).await?;
    let mut stage = Stage { home, chain, valoper, signer: None, monitor: None };
    let outcome = stage.perform(plan).await;
    stage.close().await;
    outcome
}

/// Everything that runs.
struct Stage {
    home: Home,
    chain: Handle,
    valoper: String,
    signer: Option<Daemon>,
    monitor: Option<Daemon>,
}

// === impl Stage ===

impl Stage {
    async fn perform(&mut self, plan: Plan) -> Result<Option<Summary>, DemoError> {
        self.start_signer().await?;
        let begun = timeout(START, self.chain.subscribe()).await;
        let Ok(Some(mut blocks)) = begun else {
            return Err(self.too_slow("the signer did not reach the chain's nodes", START, "signer"));
        };
        let api = self.start_monitor()?;
        self.announce(plan, &api);

        let mut screen = Screen::new(plan.json);
        let interrupted = interrupted();
        tokio::pin!(interrupted);
        let last = plan.blocks.unwrap_or(i64::MAX);
        while self.chain.height() < last {
            tokio::select! {
                () = &mut interrupted => return Ok(None),
                block = blocks.recv() => match block {
                    Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => break,
                },
            }
            self.check_alive()?;
            if let Some(seen) = api.seen(self.chain.chain_id()).await {
                screen.show(&seen);
            }
        }
        tokio::select! {
            () = &mut interrupted => Ok(None),
            summary = self.judge(&api) => summary.map(Some),
        }
    }

    async fn start_signer(&mut self) -> Result<(), DemoError> {
        let nodes = self.chain.privval_addrs().iter().map(|node| format!("{node:?}")).collect::<Vec<_>>();
        let config = format!(
            "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n\n[[key]]\nname = \"demo\"\nbackend = \"softsign\"\n\
             path = \"keys/demo.json\"\n\n[[chain]]\nid = {:?}\nkey = \"demo\"\nnodes = [{}]\n",
            self.chain.chain_id(),
            nodes.join(", "),
        );
        self.home.write("signer.toml", &config)?;
        let chain = self.chain.chain_id();
        daemon::run_once(&self.home.0, &["signer", "key", "generate", "keys/demo.json"]).await?;
        let init = ["signer", "state", "init", "--config", "signer.toml", "--chain", chain, "--height", "0"];
        daemon::run_once(&self.home.0, &init).await?;
        self.signer = Some(Daemon::start("signer", &self.home.0)?);
        Ok(())
    }

    fn start_monitor(&mut self) -> Result<MonitorApi, DemoError> {
        let listen = free_address()?;
        let config = format!(
            "listen = \"{listen}\"\ndata_dir = \"data\"\n\n[[chain]]\nid = {:?}\nrpc = [\"http://{}\"]\n\
             grpc = [\"http://{}\"]\nwatch = [{:?}]\n",
            self.chain.chain_id(),
            self.chain.rpc_addr(),
            self.chain.grpc_addr(),
            self.valoper,
        );
        self.home.write("monitor.toml", &config)?;
        self.monitor = Some(Daemon::start("monitor", &self.home.0)?);
        Ok(MonitorApi::new(listen))
    }

    fn announce(&self, plan: Plan, api: &MonitorApi) {
        let say = |line: String| if plan.json { eprintln!("{line}") } else { println!("{line}") };
        let pid = |daemon: &Option<Daemon>| daemon.as_ref().and_then(Daemon::id).unwrap_or_default();
        say(format!("page     http://{}", api.address()));
        say(format!("metrics  http://{}/metrics", api.address()));
        say(format!(
            "chain    {}  64 validators, RPC http://{}, gRPC http://{}",
            self.chain.chain_id(),
            self.chain.rpc_addr(),
            self.chain.grpc_addr()
        ));
        say(format!(
            "signer   process {}, signs for {} at {}",
            pid(&self.signer),
            self.valoper,
            self.chain.privval_addrs().join(" and ")
        ));
        say(format!("monitor  process {}", pid(&self.monitor)));
        say(format!("files    {} (removed at the end; Ctrl-C ends)\n", self.home.0.display()));
    }

    fn check_alive(&mut self) -> Result<(), DemoError> {
        for daemon in [&mut self.signer, &mut self.monitor].into_iter().flatten() {
            if daemon.ended().is_some() {
                return Err(DemoError::Died { name: daemon.name(), log: self.home.log_end(daemon.name()) });
            }
        }
        Ok(())
    }

    /// Waits until the monitor has counted what the chain has, and compares.
    async fn judge(&mut self, api: &MonitorApi) -> Result<Summary, DemoError> {
        let give_up = Instant::now() + CATCH_UP;
        loop {
            let truth = self.chain.truth();
            let seen = api.seen(self.chain.chain_id()).await;
            if let (Some(truth), Some(seen)) = (truth, seen) {
                let summary = self.summary(&truth, &seen);
                // Operator addresses and jailings are asked for now and then, so the last words may take a moment.
                if summary.disagreements.is_empty() || Instant::now() >= give_up {
                    return Ok(summary);
                }
            } else if Instant::now() >= give_up {
                return Err(self.too_slow("the monitor did not answer", CATCH_UP, "monitor"));
            }
            self.check_alive()?;
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn summary(&self, truth: &Truth, seen: &Seen) -> Summary {
        let disagreements = verdict::compare(truth, seen);
        let double_signs = self.chain.double_signs().len();
        let own = truth.validators.iter().find(|validator| validator.seat == OWN);
        let signed = own.map_or(0, |own| own.signed);
        let signed_all = i64::try_from(signed).is_ok_and(|signed| signed == truth.signed_height);
        Summary {
            chain_id: self.chain.chain_id().into(),
            blocks: truth.height,
            late_rounds: truth.late_rounds,
            valoper: self.valoper.clone(),
            signed,
            signed_height: truth.signed_height,
            double_signs,
            jailed: truth.validators.iter().filter(|validator| validator.jailed).count(),
            validators: truth.validators.len(),
            self_check_disagreements: seen.disagreements,
            good: disagreements.is_empty() && double_signs == 0 && signed_all && seen.disagreements == 0,
            disagreements,
        }
    }

    fn too_slow(&self, what: &'static str, limit: Duration, log: &str) -> DemoError {
        DemoError::TooSlow { what, limit, log: self.home.log_end(log) }
    }

    /// Monitor first, so that it does not report an outage; the chain last.
    async fn close(self) {
        for daemon in [self.monitor, self.signer].into_iter().flatten() {
            daemon.stop().await;
        }
        self.chain.stop().await;
    }
}

/// The demo's directory, removed when it is dropped.
struct Home(PathBuf);

// === impl Home ===

impl Home {
    fn create() -> Result<Self, DemoError> {
        let path = std::env::temp_dir().join(format!("palisade-demo-{}", std::process::id()));
        let failed = |source| DemoError::Io { what: format!("cannot create {}", path.display()), source };
        std::fs::create_dir(&path).map_err(failed)?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), DemoError> {
        let path = self.0.join(name);
        let failed = |source| DemoError::Io { what: format!("cannot write {}", path.display()), source };
        std::fs::write(&path, text).map_err(failed)
    }

    fn log_end(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.0.join(format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The live table: redrawn on a terminal, now and then a line elsewhere, nothing beside JSON.
struct Screen {
    silent: bool,
    terminal: bool,
    drawn: usize,
    height: Option<i64>,
}

// === impl Screen ===

impl Screen {
    fn new(silent: bool) -> Self {
        Self { silent, terminal: std::io::stdout().is_terminal(), drawn: 0, height: None }
    }

    fn show(&mut self, seen: &Seen) {
        if self.silent || seen.height == self.height || seen.height.is_none() {
            return;
        }
        let first = self.height.is_none();
        self.height = seen.height;
        if self.terminal {
            if self.drawn > 0 {
                print!("\x1b[{}A\x1b[J", self.drawn);
            }
        } else if !first && seen.height.is_some_and(|height| height % 10 != 0) {
            return;
        }
        let lines = table::draw(seen);
        self.drawn = lines.len();
        println!("{}", lines.join("\n"));
    }
}

/// SIGINT or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// The usual address if it is free, else any free port.
fn free_address() -> Result<SocketAddr, DemoError> {
    let bind =
        |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| listener.local_addr());
    bind(USUAL_PORT)
        .or_else(|_| bind(0))
        .map_err(|source| DemoError::Io { what: "cannot listen on loopback".into(), source })
}
