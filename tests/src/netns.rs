//! A small internet of network namespaces: an outside with a bridge, hosts on it, and private wires between hosts.
//!
//! Needs root and `ip`. Names carry the process id, and everything is deleted when the value is dropped.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Namespaces that exist as long as this value.
pub struct Internet {
    prefix: String,
    names: Vec<String>,
    wires: usize,
}

impl Internet {
    /// Whether namespaces can be made here; if not, why.
    pub fn possible() -> Result<()> {
        ensure!(rustix::process::geteuid().is_root(), "network namespaces need root");
        let made = Self::new("try")?;
        drop(made);
        Ok(())
    }

    /// An outside with a bridge, nobody on it.
    pub fn new(label: &str) -> Result<Self> {
        let prefix = format!("pal{}{label}", std::process::id());
        let mut internet = Self { prefix, names: Vec::new(), wires: 0 };
        let outside = internet.namespace("out")?;
        ip(&["-n", &outside, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &outside, "link", "set", "br0", "up"])?;
        Ok(internet)
    }

    /// Gives the outside itself an address.
    pub fn outside(&self, address: &str) -> Result<()> {
        ip(&["-n", &self.name("out"), "addr", "add", address, "dev", "br0", "nodad"])
    }

    /// A host on the bridge with this public address, e.g. `198.18.0.2/16`.
    pub fn public_host(&mut self, host: &str, address: &str) -> Result<()> {
        let (inside, outside) = (self.namespace(host)?, self.name("out"));
        let port = format!("p{host}");
        ip(&[
            "-n", &outside, "link", "add", &port, "type", "veth", "peer", "name", "pub0", "netns", &inside,
        ])?;
        ip(&["-n", &outside, "link", "set", &port, "master", "br0", "up"])?;
        ip(&["-n", &inside, "link", "set", "pub0", "up"])?;
        self.address(host, "pub0", address)
    }

    /// A host that is on no network yet.
    pub fn private_host(&mut self, host: &str) -> Result<()> {
        self.namespace(host).map(|_| ())
    }

    /// Puts a host on the inner network too, as WireGuard would be; the outside does not see it.
    pub fn inner(&mut self, host: &str, address: &str) -> Result<()> {
        let bridge = self.name("inn");
        if !self.names.contains(&bridge) {
            self.namespace("inn")?;
            ip(&["-n", &bridge, "link", "add", "br0", "type", "bridge"])?;
            ip(&["-n", &bridge, "link", "set", "br0", "up"])?;
        }
        let (inside, port) = (self.name(host), format!("p{host}"));
        ip(&["-n", &bridge, "link", "add", &port, "type", "veth", "peer", "name", "wg0", "netns", &inside])?;
        ip(&["-n", &bridge, "link", "set", &port, "master", "br0", "up"])?;
        ip(&["-n", &inside, "link", "set", "wg0", "up"])?;
        self.address(host, "wg0", address)
    }

    /// One more address of a device.
    pub fn address(&self, host: &str, device: &str, address: &str) -> Result<()> {
        ip(&["-n", &self.name(host), "addr", "add", address, "dev", device, "nodad"])
    }

    /// A wire between two hosts, as WireGuard would be; each end with its address.
    pub fn wire(&mut self, a: (&str, &str), b: (&str, &str)) -> Result<()> {
        let device = format!("wire{}", self.wires);
        self.wires += 1;
        let (na, nb) = (self.name(a.0), self.name(b.0));
        ip(&["-n", &na, "link", "add", &device, "type", "veth", "peer", "name", &device, "netns", &nb])?;
        for (host, address) in [a, b] {
            ip(&["-n", &self.name(host), "link", "set", &device, "up"])?;
            self.address(host, &device, address)?;
        }
        Ok(())
    }

    /// A command that runs inside a host.
    pub fn command(&self, host: &str, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(host)]).arg(program);
        command
    }

    /// What a program is run by to be inside a host.
    pub fn inside(&self, host: &str) -> Vec<String> {
        ["ip", "netns", "exec", &self.name(host)].map(String::from).to_vec()
    }

    /// Whether what a host sends to an address is lost. What the address sends still arrives.
    pub fn lose_to(&self, host: &str, address: &str, lost: bool) -> Result<()> {
        let change = if lost { "add" } else { "del" };
        ip(&["-n", &self.name(host), "route", change, "blackhole", &format!("{address}/32")])
    }

    /// Loses so many of a hundred packets that come to a host, at random; 0 loses none.
    pub fn lose_some(&self, host: &str, percent: u32) -> Result<()> {
        let rules = match percent {
            0 => "delete table ip loss".into(),
            _ => format!(
                "add table ip loss; add chain ip loss in {{ type filter hook input priority 0; }}; \
                 add rule ip loss in numgen random mod 100 < {percent} drop"
            ),
        };
        let output = self.command(host, Path::new("nft")).arg(rules).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "nft (try: apt-get install nftables): {}", said.trim());
        Ok(())
    }

    /// The namespace of a host.
    pub(crate) fn name(&self, host: &str) -> String {
        format!("{}-{host}", self.prefix)
    }

    fn namespace(&mut self, host: &str) -> Result<String> {
        let name = self.name(host);
        ip(&["netns", "add", &name])?;
        self.names.push(name.clone());
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        Ok(name)
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = ip(&["netns", "del", name]);
        }
    }
}

fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(args).output().context("ip (try: apt-get install iproute2)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", args.join(" "), said.trim());
    Ok(())
}
