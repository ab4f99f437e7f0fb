//! Real hosts without a container engine: Debian roots with systemd as PID 1 and sshd, in namespaces on one network.
//!
//! One root is read by all of them; what a host writes is a layer of its own, which stays when the host is killed, so that it
//! comes up again as a machine does. The operator's place is a namespace on the same network: [`Hosts::command`] runs a program
//! there. Needs root. Deliberately absent: a route to the world, and the kernel's settings outside of the network.

mod access;

pub use access::ssh_key;
mod cgroup;
pub mod fleet;
pub mod recap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::binaries;
use crate::netns::Internet;
use crate::process::{Process, until};
use crate::scratch::Scratch;

/// How long a host may take until it lets ssh in.
const BOOT: Duration = Duration::from_secs(60);

/// What a host is started with.
const BOOT_SH: &str = include_str!("hosts/boot.sh");

/// Hosts that run as long as this value, and the keys to them.
pub struct Hosts {
    hosts: BTreeMap<String, Host>,
    internet: Internet,
    image: PathBuf,
    // Last, so that it is removed after everything that writes there has ended.
    scratch: Scratch,
}

struct Host {
    address: String,
    process: Option<Process>,
    cgroup: PathBuf,
}

// === impl Hosts ===

impl Hosts {
    /// Boots a host for each name, at most eight letters long, and waits until all of them let ssh in. The first is 198.18.0.2, the
    /// next .3, and so on; the operator is 198.18.0.1.
    ///
    /// # Errors
    /// The root is not built, this is not root, or a host does not come up.
    pub fn boot(names: &[&str]) -> Result<Self> {
        let image = binaries::debian_root()?;
        let scratch = Scratch::new()?;
        let unique = scratch.path().file_name().context("a scratch directory has a name")?.to_string_lossy();
        let mut internet = Internet::new(unique.trim_start_matches("palisade-test-"))?;
        internet.outside("198.18.0.1/16")?;
        let mut hosts = BTreeMap::new();
        for (i, name) in names.iter().enumerate() {
            let address = format!("198.18.0.{}", i + 2);
            internet.public_host(name, &format!("{address}/16"))?;
            let cgroup = cgroup::of(&format!("{unique}-{name}"))?;
            hosts.insert((*name).to_owned(), Host { address, process: None, cgroup });
        }
        drop(unique);
        let mut all = Self { hosts, internet, image, scratch };
        access::make(all.scratch.path(), &all.addresses())?;
        for name in names {
            all.start(name)?;
        }
        names.iter().try_for_each(|name| all.ready(name))?;
        Ok(all)
    }

    /// Name and address of each host.
    pub fn addresses(&self) -> Vec<(String, String)> {
        self.hosts.iter().map(|(name, host)| (name.clone(), host.address.clone())).collect()
    }

    /// The address of a host.
    pub fn address(&self, name: &str) -> Result<&str> {
        Ok(&self.host(name)?.address)
    }

    /// For `ssh -F`: every host by its name, as root, with its key known. Nothing else is trusted.
    pub fn ssh_config(&self) -> PathBuf {
        self.scratch.path().join("ssh_config")
    }

    /// A directory for what a test writes, gone with the hosts.
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// A program that runs where the operator is.
    pub fn command(&self, program: &Path) -> Command {
        self.internet.command("out", program)
    }

    /// Runs a program on a host, as root, past sshd; what it said, whatever its exit code.
    pub fn exec(&self, name: &str, args: &[&str]) -> Result<Output> {
        let pid = self.init(name)?.to_string();
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "-r", "-w"]);
        command.args([
            "env",
            "-i",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C",
        ]);
        command.args(args).output().with_context(|| format!("{name}: {args:?}"))
    }

    /// Runs a program on a host; what it printed. Fails if the program does.
    pub fn run(&self, name: &str, args: &[&str]) -> Result<String> {
        let out = self.exec(name, args)?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let error = String::from_utf8_lossy(&out.stderr);
        ensure!(out.status.success(), "{name}: {args:?}: {}\n{text}{error}", out.status);
        Ok(text)
    }

    /// What the host has written below this absolute path, as the machine of the test sees it; a file of the image is not there.
    pub fn layer(&self, name: &str, path: &str) -> PathBuf {
        self.scratch.path().join(name).join("upper").join(path.trim_start_matches('/'))
    }

    /// Pulls the plug: everything on the host is gone at once, what it wrote stays.
    pub fn kill(&mut self, name: &str) -> Result<()> {
        let init = rustix::process::Pid::from_raw(self.init(name)?).context("pid 0")?;
        rustix::process::kill_process(init, rustix::process::Signal::KILL)?;
        let host = self.hosts.get_mut(name).context("it was just found")?;
        if let Some(mut process) = host.process.take() {
            process.wait(Duration::from_secs(20))?;
        }
        cgroup::remove(&host.cgroup);
        Ok(())
    }

    /// Boots a host that was killed, and waits until it lets ssh in.
    pub fn restart(&mut self, name: &str) -> Result<()> {
        self.start(name)?;
        self.ready(name)
    }

    /// Whether the host can be reached by ssh.
    pub fn answers(&self, name: &str) -> Result<bool> {
        let mut command = self.command(Path::new("ssh"));
        command.arg("-F").arg(self.ssh_config()).args(["-o", "ConnectTimeout=3", name, "true"]);
        Ok(command.output()?.status.success())
    }

    fn start(&mut self, name: &str) -> Result<()> {
        let layer = self.scratch.path().join(name);
        // `ip netns exec` would give it a /sys of its own; the host mounts one for itself.
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.internet.name(name)));
        command.args(["setpriv", "--pdeathsig", "KILL", "sh", "-c", BOOT_SH, "boot.sh"]);
        let host = self.hosts.get_mut(name).with_context(|| format!("no host {name}"))?;
        command.arg(&self.image).arg(&layer).arg(name).arg(&host.cgroup);
        let log = self.scratch.path().join(format!("{name}.log"));
        host.process = Some(Process::start(name, &mut command, &log)?);
        Ok(())
    }

    fn ready(&mut self, name: &str) -> Result<()> {
        until(&format!("{name} lets ssh in"), BOOT, || {
            self.hosts.get_mut(name).and_then(|h| h.process.as_mut()).context("not started")?.still_runs()?;
            Ok(self.answers(name)?.then_some(()))
        })
    }

    /// PID 1 of a host, as this machine counts: the only child of the process that made its namespaces.
    fn init(&self, name: &str) -> Result<i32> {
        let pid = self.host(name)?.process.as_ref().with_context(|| format!("{name} does not run"))?.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        Ok(children.split_whitespace().next().with_context(|| format!("{name} has no PID 1"))?.parse()?)
    }

    fn host(&self, name: &str) -> Result<&Host> {
        self.hosts.get(name).with_context(|| format!("no host {name}"))
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in self.hosts.keys().cloned().collect::<Vec<_>>() {
            // One that was killed already has no PID 1; its process is dropped with it.
            let _ = self.kill(&name);
        }
    }
}
