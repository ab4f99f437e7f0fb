//! `palisade apply PLAN`: the plan and nothing else, host by host, each behind its gate. Stops on doubt; the same command goes on.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use palisade_sentry::deployment::{Deployment, Source};
use palisade_sentry::io::fleet_file;
use palisade_sentry::{Fleet, Listen, Party, Speech, View};
use sha2::{Digest, Sha256};

use super::out_dir;
use super::plan_cmd::{deployment, seen};
use super::ssh::Ssh;
use crate::gate::{self, Gate, Sample, Verdict};
use crate::plan::{HostPlan, Plan, Turn};
use crate::progress::{Progress, still_holds};

/// Between two samples of a node.
const SAMPLE: Duration = Duration::from_secs(2);

/// What Ansible calls ssh with by itself.
const KEPT_OPEN: &str = "-C -o ControlMaster=auto -o ControlPersist=60s";

/// Arguments of `palisade apply`.
#[derive(Clone, Debug, clap::Args)]
pub struct ApplyArgs {
    /// The plan that `palisade plan --out` wrote.
    pub plan: PathBuf,
    /// The fleet file it was made from.
    #[arg(long, default_value = "fleet.toml")]
    pub fleet: PathBuf,
    /// Start the signer of this host, which has a key and a mark, once everything else is done. One a run.
    #[arg(long, value_name = "HOST", conflicts_with = "restart_signer")]
    pub start_signer: Option<String>,
    /// Restart the running signer of this host, if it has not seen its newest files. One a run.
    #[arg(long, value_name = "HOST")]
    pub restart_signer: Option<String>,
    /// The chain has no blocks yet, so nodes are let through without any.
    #[arg(long)]
    pub new_chain: bool,
    /// Peers that a node must have before the next host is touched; no more are asked for than the fleet gives it.
    #[arg(long, default_value_t = 2)]
    pub min_peers: usize,
    /// Seconds that a node may take to pass its gate.
    #[arg(long, default_value_t = 600)]
    pub gate_seconds: u64,
    /// Leave out the audit from outside after each sentry, where this machine cannot reach them.
    #[arg(long)]
    pub no_live_audit: bool,
    /// Directory with the collection palisade.kit (`ansible_collections/palisade/kit` below it), if Ansible does not find it.
    #[arg(long, value_name = "DIR")]
    pub collections: Option<PathBuf>,
    /// The program to run.
    #[arg(long, default_value = "ansible-playbook")]
    pub ansible: PathBuf,
    /// ssh configuration instead of the user's own.
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
}

/// Runs the command. 0 applied, 1 stopped.
///
/// # Errors
/// The plan is stale, or something could not be done; what was done is written down.
pub fn run(args: &ApplyArgs) -> anyhow::Result<u8> {
    let text = std::fs::read_to_string(&args.plan).with_context(|| args.plan.display().to_string())?;
    let plan: Plan = serde_json::from_str(&text).with_context(|| {
        format!("{}: not a plan\ntry: palisade plan FLEET --out FILE", args.plan.display())
    })?;
    let fleet = fleet_file::load(&args.fleet)?;
    let run =
        Run { args, fleet: &fleet, of: deployment(&fleet, &args.fleet)?, dir: beside(&args.plan, "run") };
    std::fs::create_dir_all(&run.dir).with_context(|| run.dir.display().to_string())?;
    let lock_path = run.dir.join("lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path)?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).with_context(|| {
        format!("{}: this plan is being applied\ntry: wait until that has ended", lock_path.display())
    })?;
    run.own_files_are_right()?;
    run.signers_asked_for_are_signers()?;
    let mut progress = run.progress()?;
    for host in &plan.hosts {
        let asked = run.signer_state(&host.host).is_some();
        if progress.done.contains(&host.host) && !asked {
            continue;
        }
        // Looked at again before every host: what the last one did, or somebody else, is known before the next is touched.
        let mut look = seen(run.fleet, run.of, &args.ssh_config)?;
        if let Err(stale) = still_holds(&plan, &look.plan, &progress) {
            bail!(
                "{stale}; nothing more is changed\ntry: palisade plan {} --out {}",
                args.fleet.display(),
                args.plan.display()
            );
        }
        let now = look.plan.host(&host.host).cloned().expect("every host of the fleet is in its plan");
        let nothing = now.is_empty() && !asked;
        // One that was stopped at its gate has everything, and is still to pass.
        if nothing && progress.under_way.as_ref() != Some(&host.host) {
            progress.done.insert(host.host.clone());
            run.write_progress(&progress)?;
            continue;
        }
        progress.under_way = Some(host.host.clone());
        run.write_progress(&progress)?;
        if !nothing {
            eprintln!("{}: {} files, restarts {}", host.host, now.changes.len(), or_none(&now.restarts));
            run.write_tree(&look.rendered.tree)?;
            run.play(&host.host, now.playbook(&look.rendered.tree))?;
        }
        if !now.fresh.is_empty() {
            // Its daemon has made a home: now the settings are known, and it may speak.
            look = seen(run.fleet, run.of, &args.ssh_config)?;
            let left = look.plan.host(&host.host).map(|h| h.fresh.clone()).unwrap_or_default();
            ensure!(
                left.is_empty(),
                "{}: no home was made for {}\ntry: see {}",
                host.host,
                left.join(", "),
                run.log().display()
            );
            run.write_tree(&look.rendered.tree)?;
            run.play(&host.host, "palisade.kit.nodes")?;
        }
        if let Err(stopped) = run.gate(host) {
            eprintln!("stopped: {stopped:#}");
            eprintln!("try: put that right; the same command goes on at {}", host.host);
            return Ok(1);
        }
        progress.under_way = None;
        progress.done.insert(host.host.clone());
        run.write_progress(&progress)?;
        eprintln!("{}: done", host.host);
    }
    // What is left of this run is its log; the same plan again is stale or empty.
    std::fs::remove_file(run.dir.join("progress.json")).context("the progress of this run")?;
    println!("applied: {} hosts", plan.hosts.len());
    Ok(0)
}

struct Run<'a> {
    args: &'a ApplyArgs,
    fleet: &'a Fleet,
    of: &'a Deployment,
    dir: PathBuf,
}

impl Run<'_> {
    /// The binaries on this machine are those that the fleet names.
    fn own_files_are_right(&self) -> anyhow::Result<()> {
        let software = self.of.software.values().flat_map(|s| {
            let upgrades = s.upgrades.values().map(|u| &u.binary);
            [&s.binary].into_iter().chain(&s.cosmovisor).chain(&s.genesis).chain(upgrades)
        });
        for artefact in self.of.binaries.values().chain(software) {
            if let Source::Path(path) = &artefact.source {
                let path = self.own_dir().join(path);
                let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
                let digest = hex::encode(Sha256::digest(&bytes));
                ensure!(
                    digest == artefact.sha256,
                    "{}: sha256 is {digest}, the fleet says {}\ntry: get the right file, or correct sha256 if you know where this one is from",
                    path.display(),
                    artefact.sha256
                );
            }
        }
        Ok(())
    }

    fn signers_asked_for_are_signers(&self) -> anyhow::Result<()> {
        for host in self.args.start_signer.iter().chain(&self.args.restart_signer) {
            let signer = self.fleet.signers().iter().find(|s| s.host == *host);
            ensure!(
                signer.is_some_and(|s| !s.keys.is_empty()),
                "{host} holds no key in the fleet\ntry: palisade signer move OLD {host}, if it stands by"
            );
        }
        Ok(())
    }

    fn signer_state(&self, host: &str) -> Option<&'static str> {
        match () {
            () if self.args.start_signer.as_deref() == Some(host) => Some("started"),
            () if self.args.restart_signer.as_deref() == Some(host) => Some("restarted"),
            () => None,
        }
    }

    /// The directory of the fleet file: its relative paths start there.
    fn own_dir(&self) -> PathBuf {
        let parent = self.args.fleet.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::canonicalize(parent).unwrap_or_else(|_| parent.to_owned())
    }

    /// Different for every plan's place.
    fn tag(&self) -> String {
        let dir = std::fs::canonicalize(&self.dir).unwrap_or_else(|_| self.dir.clone());
        hex::encode(&Sha256::digest(dir.as_os_str().as_encoded_bytes())[..3])
    }

    fn log(&self) -> PathBuf {
        self.dir.join("ansible.log")
    }

    fn write_tree(&self, tree: &crate::tree::Tree) -> anyhow::Result<()> {
        let out = self.dir.join("tree");
        let manifest = tree.manifest(self.fleet);
        let changes = out_dir::compare(&out, tree, &manifest)?;
        Ok(out_dir::write(&out, tree, &manifest, &changes)?)
    }

    fn play(&self, host: &str, book: &str) -> anyhow::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = Command::new(&self.args.ansible);
        command
            .args(["-i"])
            .arg(self.dir.join("tree/inventory/hosts.yml"))
            .args([book, "--limit", host, "-e"])
            .arg(serde_json::json!({ "palisade_files": self.own_dir() }).to_string())
            .env("ANSIBLE_NOCOLOR", "1")
            .env("ANSIBLE_PIPELINING", "1")
            // Open connections are found by host, port, user and jump: two fleets may have all of these in common.
            .env("ANSIBLE_SSH_CONTROL_PATH", format!("%(directory)s/{}-%%C", self.tag()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(state) = self.signer_state(host) {
            command.args(["-e", &format!("signer_state={state}")]);
        }
        // A masked signer has given its key away; its host may still have other things to be kept up.
        if self.masked(host)? {
            command.args(["--skip-tags", "signer"]);
        }
        if let Some(dir) = &self.args.collections {
            command.env("ANSIBLE_COLLECTIONS_PATH", dir);
        }
        if let Some(config) = &self.args.ssh_config {
            // Ansible's own arguments as well, or every task would be a handshake.
            command.env("ANSIBLE_SSH_ARGS", format!("{KEPT_OPEN} -F {}", config.display()));
        }
        let status = command.status().with_context(|| {
            format!("{} cannot be started\ntry: pipx install ansible-core", self.args.ansible.display())
        })?;
        ensure!(
            status.success(),
            "ansible-playbook failed on {host}; nothing more is changed\ntry: the end of {} says why; the same command goes on",
            self.log().display()
        );
        Ok(())
    }

    fn masked(&self, host: &str) -> anyhow::Result<bool> {
        if !self.fleet.signers().iter().any(|s| s.host == host) {
            return Ok(false);
        }
        let script = "systemctl show -p LoadState --value palisade-signer.service; echo end";
        let out = self.ssh().must(host, &self.of.access[host], script, Duration::from_secs(30))?;
        ensure!(out.trim_end().ends_with("end"), "{host}: the answer is cut off");
        Ok(out.lines().next() == Some("masked"))
    }

    fn ssh(&self) -> Ssh {
        Ssh { config: self.args.ssh_config.clone() }
    }

    /// Nothing else is touched before this host is as it should be.
    fn gate(&self, host: &HostPlan) -> anyhow::Result<()> {
        for view in self.fleet.views().filter(|v| v.host.name == host.host) {
            match self.silent_signer(view)? {
                Some(silent) => {
                    eprintln!("{}: waits for its signer on {silent}, which is not started", view.node.name);
                }
                None => self.node_passes(view, self.args.new_chain)?,
            }
        }
        if host.turn == Turn::Sentry && !self.args.no_live_audit {
            eprintln!("{}: audit from outside", host.host);
            let me = std::env::current_exe().context("the path of this program")?;
            let audit = Command::new(me)
                .args(["sentry", "audit", "--live", "--json", "--pex-requests", "2"])
                .arg(&self.args.fleet)
                .output()?;
            let findings =
                gate::seen_from_outside(&String::from_utf8_lossy(&audit.stdout)).with_context(|| {
                    format!("the audit from outside: {}", String::from_utf8_lossy(&audit.stderr))
                })?;
            ensure!(
                findings.is_empty(),
                "the audit from outside is not clean:\n{}\nsee: palisade sentry audit --live {}",
                findings.join("\n"),
                self.args.fleet.display()
            );
        }
        if self.signer_state(&host.host).is_some() {
            let script = "palisade-signer status --config /etc/palisade/signer/signer.toml && echo end";
            let end = Instant::now() + Duration::from_secs(self.args.gate_seconds);
            loop {
                let reply = self.ssh().run(
                    &host.host,
                    &self.of.access[&host.host],
                    script,
                    Duration::from_secs(30),
                )?;
                if reply.code == 0 && reply.out.trim_end().ends_with("end") {
                    break;
                }
                ensure!(
                    Instant::now() < end,
                    "{}: the signer is not ready: {}{}",
                    host.host,
                    reply.out,
                    reply.err
                );
                std::thread::sleep(SAMPLE);
            }
            let signer = self.fleet.signers().iter().find(|s| s.host == host.host);
            for view in self.fleet.views().filter(|v| signer.is_some_and(|s| s.serves(v.node))) {
                self.node_passes(view, false)?;
            }
        }
        Ok(())
    }

    /// Waits until a node is in sync, has peers, and moves.
    fn node_passes(&self, view: View<'_>, new_chain: bool) -> anyhow::Result<()> {
        let Some(Listen::Tcp(address)) = &view.settings.rpc_laddr.value else { return Ok(()) };
        let ip = if address.ip().is_unspecified() { "127.0.0.1".into() } else { address.ip().to_string() };
        let own = Party::Node(view.node.name.clone());
        let linked =
            self.fleet.links().iter().filter(|l| l.speech == Speech::P2p && (l.from == own || l.to == own));
        let gate = Gate { peers: self.args.min_peers.min(linked.count()), new_chain };
        let script = gate::script(&format!("{ip}:{}", address.port()));
        let end = Instant::now() + Duration::from_secs(self.args.gate_seconds);
        let (mut samples, mut told) = (Vec::new(), String::new());
        let host = &view.host.name;
        loop {
            let answer = self.ssh().must(host, &self.of.access[host], &script, Duration::from_secs(30));
            let sample = answer.map_err(|e| e.to_string());
            samples
                .push(sample.and_then(|out| serde_json::from_str::<Sample>(&out).map_err(|e| e.to_string())));
            let why = match gate.judge(&samples) {
                Verdict::Pass => return Ok(()),
                Verdict::Wait(why) => why,
            };
            ensure!(Instant::now() < end, "{}: {why}", view.node.name);
            if why != told {
                eprintln!("{host}: waits: {}", why.lines().last().unwrap_or_default());
                told = why;
            }
            std::thread::sleep(SAMPLE);
        }
    }

    /// The host whose signer this node needs, if it does not run: such a node does not even start. Of several that share a key, each serves
    /// nodes of its own.
    fn silent_signer(&self, view: View<'_>) -> anyhow::Result<Option<String>> {
        let Some(signer) = self.fleet.signers().iter().find(|s| s.serves(view.node)) else {
            return Ok(None);
        };
        let script = "systemctl show -p ActiveState --value palisade-signer.service; echo end";
        let out =
            self.ssh().must(&signer.host, &self.of.access[&signer.host], script, Duration::from_secs(30))?;
        ensure!(out.trim_end().ends_with("end"), "{}: the answer is cut off", signer.host);
        Ok((out.lines().next() != Some("active")).then(|| signer.host.clone()))
    }

    fn progress(&self) -> anyhow::Result<Progress> {
        let path = self.dir.join("progress.json");
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| path.display().to_string()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Progress::default()),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    fn write_progress(&self, progress: &Progress) -> anyhow::Result<()> {
        let (path, beside) = (self.dir.join("progress.json"), self.dir.join("progress.new"));
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(serde_json::to_string_pretty(progress).expect("strings").as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &path).with_context(|| path.display().to_string())
    }
}

fn beside(plan: &Path, what: &str) -> PathBuf {
    let mut name = plan.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

fn or_none(units: &[String]) -> String {
    if units.is_empty() { "nothing".into() } else { units.join(", ") }
}
