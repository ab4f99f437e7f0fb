//! Real etcd: clusters with mutual TLS and users, on loopback or in namespaces, and what can happen to their members.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::etcd_tls::Authority;
use crate::process::{Process, until};
use crate::{binaries, ports};

/// Which etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// 3.5.
    V3_5,
    /// 3.6.
    V3_6,
}

impl Line {
    /// Its program among those of `tests/run nodes`.
    pub fn program(self) -> &'static str {
        match self {
            Self::V3_5 => "etcd-v3.5",
            Self::V3_6 => "etcd-v3.6",
        }
    }
}

/// How a program is started where a member is.
pub type Place = Box<dyn Fn(&Path) -> Command + Send>;

/// One member, running or not.
pub struct Member {
    /// Its name in the cluster.
    pub name: String,
    /// Where clients reach it.
    pub client: String,
    peer: String,
    data: PathBuf,
    log: PathBuf,
    place: Place,
    process: Option<Process>,
}

/// A cluster with users: `root`, and `signer` that sees `/palisade/` and nothing else.
pub struct Cluster {
    dir: PathBuf,
    line: Line,
    token: String,
    /// More flags for every member.
    pub flags: Vec<String>,
    /// In the order of their names.
    pub members: Vec<Member>,
}

impl Cluster {
    /// Members on loopback.
    pub fn on_loopback(dir: &Path, line: Line, members: usize) -> Result<Self> {
        let places = (0..members)
            .map(|_| -> (String, Place) { ("127.0.0.1".into(), Box::new(|program| Command::new(program))) });
        Self::new(dir, line, places.collect())
    }

    /// Members at these addresses, each started by its own `place`.
    pub fn new(dir: &Path, line: Line, places: Vec<(String, Place)>) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let names: Vec<&str> = places.iter().map(|(ip, _)| ip.as_str()).collect();
        let authority = Authority::new()?;
        authority.write(dir, "member", &names)?;
        authority.write(dir, "root", &[])?;
        authority.write(dir, "signer", &[])?;
        authority.write(dir, "stranger", &[])?;
        let mut cluster =
            Self { dir: dir.into(), line, token: "first".into(), flags: Vec::new(), members: Vec::new() };
        for (ip, place) in places {
            cluster.add(&ip, place);
        }
        Ok(cluster)
    }

    /// One more member, which nobody knows of yet; its index.
    pub fn add(&mut self, ip: &str, place: Place) -> usize {
        let at = self.members.len();
        let name = format!("m{at}");
        let [client, peer] = [ports::free(), ports::free()].map(|port| format!("https://{ip}:{port}"));
        let [data, log] = [self.dir.join(&name), self.dir.join(format!("{name}.log"))];
        self.members.push(Member { name, client, peer, data, log, place, process: None });
        at
    }

    /// Starts every member as a new cluster, waits for it, and makes its users.
    pub fn start(&mut self) -> Result<()> {
        let all: Vec<usize> = (0..self.members.len()).collect();
        for at in &all {
            self.start_member(*at, &all, "new")?;
        }
        self.healthy(Duration::from_secs(30))?;
        for args in [
            "role add palisade",
            "role grant-permission palisade --prefix=true readwrite /palisade/",
            "user add root --no-password",
            "user grant-role root root",
            "user add signer --no-password",
            "user grant-role signer palisade",
            "auth enable",
        ] {
            self.ctl(&args.split(' ').collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Starts one member of a cluster of these members.
    pub fn start_member(&mut self, at: usize, of: &[usize], state: &str) -> Result<()> {
        let initial: Vec<String> =
            of.iter().map(|at| format!("{}={}", self.members[*at].name, self.members[*at].peer)).collect();
        let program = binaries::node(self.line.program())?;
        let [ca, cert, key] = ["ca.pem", "member.pem", "member.key"].map(|name| self.dir.join(name));
        let member = &mut self.members[at];
        let mut command = (member.place)(&program);
        for (flag, value) in [
            ("name", member.name.as_str()),
            ("listen-client-urls", &member.client),
            ("advertise-client-urls", &member.client),
            ("listen-peer-urls", &member.peer),
            ("initial-advertise-peer-urls", &member.peer),
            ("initial-cluster", &initial.join(",")),
            ("initial-cluster-state", state),
            ("initial-cluster-token", &self.token),
            ("log-level", "warn"),
        ] {
            command.arg(format!("--{flag}={value}"));
        }
        for (flag, path) in [
            ("data-dir", &member.data),
            ("trusted-ca-file", &ca),
            ("cert-file", &cert),
            ("key-file", &key),
            ("peer-trusted-ca-file", &ca),
            ("peer-cert-file", &cert),
            ("peer-key-file", &key),
        ] {
            command.arg(format!("--{flag}={}", path.display()));
        }
        command.args(["--client-cert-auth", "--peer-client-cert-auth"]).args(&self.flags);
        member.process = Some(Process::start(&member.name, &mut command, &member.log)?);
        Ok(())
    }

    /// Starts a member again with what it has on its disk.
    pub fn restart_member(&mut self, at: usize) -> Result<()> {
        let all: Vec<usize> = (0..self.members.len()).collect();
        self.start_member(at, &all, "existing")
    }

    /// Waits until a write succeeds.
    pub fn healthy(&self, limit: Duration) -> Result<()> {
        until("a healthy etcd", limit, || self.ctl(&["endpoint", "health"]).map(Some)).map(drop)
    }

    /// Runs etcdctl as root against every member that runs; what it said.
    pub fn ctl(&self, args: &[&str]) -> Result<String> {
        self.ctl_as("root", args)
    }

    /// The same with another certificate.
    pub fn ctl_as(&self, user: &str, args: &[&str]) -> Result<String> {
        let at = self.members.iter().position(|member| member.process.is_some()).context("no member runs")?;
        let running = self.members.iter().filter(|member| member.process.is_some());
        let endpoints: Vec<&str> = running.map(|member| member.client.as_str()).collect();
        self.tool("etcdctl", at, |command| {
            command.args(["--command-timeout=5s", "--dial-timeout=2s"]);
            command.arg(format!("--endpoints={}", endpoints.join(",")));
            for (flag, name) in
                [("cacert", "ca.pem".into()), ("cert", format!("{user}.pem")), ("key", format!("{user}.key"))]
            {
                command.arg(format!("--{flag}={}", self.dir.join(name).display()));
            }
            command.args(args);
        })
    }

    /// Saves a snapshot of a running member.
    pub fn snapshot(&self, at: usize, file: &Path) -> Result<()> {
        let endpoint = self.members[at].client.as_str();
        let file = file.display().to_string();
        self.tool("etcdctl", at, |command| {
            command.arg(format!("--endpoints={endpoint}"));
            for (flag, name) in [("cacert", "ca.pem"), ("cert", "root.pem"), ("key", "root.key")] {
                command.arg(format!("--{flag}={}", self.dir.join(name).display()));
            }
            command.args(["snapshot", "save", &file]);
        })
        .map(drop)
    }

    /// Puts a snapshot in the place of every member's data, as a cluster with this token. Every member has to be stopped.
    pub fn restore(&mut self, file: &Path, token: &str) -> Result<()> {
        self.token = token.into();
        let initial: Vec<String> =
            self.members.iter().map(|member| format!("{}={}", member.name, member.peer)).collect();
        for at in 0..self.members.len() {
            let member = &self.members[at];
            ensure!(member.process.is_none(), "{} runs", member.name);
            // It was there, or its disk was lost.
            let _ = std::fs::remove_dir_all(&member.data);
            self.tool("etcdutl", at, |command| {
                command.arg("snapshot").arg("restore").arg(file);
                command.arg(format!("--name={}", member.name));
                command.arg(format!("--initial-cluster={}", initial.join(",")));
                command.arg(format!("--initial-cluster-token={token}"));
                command.arg(format!("--initial-advertise-peer-urls={}", member.peer));
                command.arg(format!("--data-dir={}", member.data.display()));
            })?;
        }
        let all: Vec<usize> = (0..self.members.len()).collect();
        for at in &all {
            self.start_member(*at, &all, "existing")?;
        }
        self.healthy(Duration::from_secs(30))
    }

    fn tool(&self, name: &str, at: usize, with: impl FnOnce(&mut Command)) -> Result<String> {
        let mut command = (self.members[at].place)(&binaries::node(name)?);
        with(&mut command);
        let out = command.output()?;
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&out.stderr).into_owned();
        ensure!(out.status.success(), "{command:?}: {}\n{said}{complaint}", out.status);
        Ok(said + &complaint)
    }

    /// SIGKILL.
    pub fn kill(&mut self, at: usize) -> Result<()> {
        self.members[at].process.take().map_or(Ok(()), Process::kill)
    }

    /// SIGTERM.
    pub fn stop(&mut self) -> Result<()> {
        for member in &mut self.members {
            if let Some(process) = member.process.take() {
                process.terminate(Duration::from_secs(10))?;
            }
        }
        Ok(())
    }

    /// SIGSTOP, or SIGCONT.
    pub fn pause(&self, at: usize, pause: bool) -> Result<()> {
        let process = self.members[at].process.as_ref().context("it does not run")?;
        process.signal(if pause { Signal::STOP } else { Signal::CONT })
    }

    /// Whether a member runs still.
    pub fn runs(&mut self, at: usize) -> bool {
        self.members[at].process.as_mut().is_some_and(|process| matches!(process.ended(), Ok(None)))
    }

    /// Forgets a process that has ended.
    pub fn bury(&mut self, at: usize) {
        drop(self.members[at].process.take());
    }

    /// The index of the leader.
    pub fn leader(&self) -> Result<usize> {
        until("a leader of etcd", Duration::from_secs(20), || {
            let said = self.ctl(&["endpoint", "status", "--write-out=simple"])?;
            // endpoint, id, version, [storage version,] sizes…, is leader, is learner, …
            let leader = said.lines().find(|line| line.split(", ").any(|field| field == "true"));
            let client = leader.and_then(|line| line.split(", ").next());
            Ok(client.and_then(|client| self.members.iter().position(|member| member.client == client)))
        })
    }

    /// From its next start on a member is started this way, with its data in `data`.
    pub fn move_member(&mut self, at: usize, place: Place, data: Option<PathBuf>) {
        self.members[at].place = place;
        if let Some(data) = data {
            self.members[at].data = data;
        }
    }

    /// Where a member's data is.
    pub fn data(&self, at: usize) -> &Path {
        &self.members[at].data
    }

    /// The peer address of a member.
    pub fn peer(&self, at: usize) -> &str {
        &self.members[at].peer
    }

    /// The end of a member's log.
    pub fn tail(&self, at: usize) -> String {
        self.members[at].process.as_ref().map(Process::tail).unwrap_or_default()
    }

    /// The chain's `store` for a signer with `user`'s certificate.
    pub fn store(&self, user: &str) -> String {
        let endpoints: Vec<String> =
            self.members.iter().map(|member| format!("{:?}", member.client)).collect();
        let file = |name: String| format!("{:?}", self.dir.join(name).display().to_string());
        format!(
            "store = {{ etcd = {{ endpoints = [{}], ca = {}, cert = {}, key = {}, prefix = \"/palisade\" }} }}\n",
            endpoints.join(", "),
            file("ca.pem".into()),
            file(format!("{user}.pem")),
            file(format!("{user}.key")),
        )
    }
}

/// The checks in what `palisade-signer etcd check --json` printed, and those that found something. Latency is left out of these: it tells of
/// the machine that runs the tests.
pub fn checks(text: &str) -> Result<(Vec<String>, Vec<String>)> {
    let (mut all, mut findings) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let one: serde_json::Value = serde_json::from_str(line)?;
        let name = one["check"].as_str().context("a check without a name")?;
        all.push(name.to_owned());
        if one["ok"] != true && name != "latency" {
            findings.push(line.to_owned());
        }
    }
    Ok((all, findings))
}
