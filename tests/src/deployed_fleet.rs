//! A small fleet on real hosts, as `palisade` deploys and moves it: sentry, validator, signers, monitor; and a host that is the rest of
//! the world, with three validators of other people, so that the chain goes on while ours is silent.

mod chain;
mod fleet_file;
mod operator;
mod shared;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use comet::key::PrivateKey;
use comet::key_file::{write_node_key, write_priv_validator_key};
use rand_core::OsRng;

use crate::binaries;
use crate::comet_node::copy_of;
use crate::hosts::Hosts;

/// The chain.
pub const CHAIN: &str = "palisade-deploys";

/// The hosts, the operator's directory, and what the operator knows.
pub struct DeployedFleet {
    /// Those of the fleet, and `world`.
    pub hosts: Hosts,
    /// Hosts of the fleet, in the order of their addresses.
    pub names: Vec<&'static str>,
    /// fleet.toml, binaries, genesis, node keys.
    pub dir: PathBuf,
    key: PrivateKey,
    node_keys: BTreeMap<&'static str, PrivateKey>,
    /// WireGuard's public keys.
    tunnels: BTreeMap<&'static str, String>,
}

impl DeployedFleet {
    /// Boots the hosts and starts the rest of the world. What a host is follows from its name: `sentry1`, `val1`, `signer1`, `signer2`, `mon1`, `etcd1`.
    ///
    /// # Errors
    /// A host does not come up, or a program is missing.
    pub fn boot(names: &[&'static str]) -> Result<Self> {
        let all: Vec<&str> = names.iter().copied().chain(["world"]).collect();
        let hosts = Hosts::boot(&all)?;
        for (i, name) in all.iter().enumerate() {
            // The network that the hosts of the fleet have among themselves.
            let device = "ip -o route get 198.18.0.1 | sed 's/.* dev \\([^ ]*\\) .*/\\1/'";
            let script = format!("ip addr add 10.10.0.{}/24 dev \"$({device})\"", i + 2);
            hosts.run(name, &["sh", "-c", &script])?;
        }
        let dir = hosts.dir().join("operator-files");
        fs::create_dir_all(dir.join("bin"))?;
        let nodes = names.iter().filter(|name| name.starts_with("sentry") || **name == "val1");
        let node_keys = nodes.map(|name| (*name, PrivateKey::generate(&mut OsRng))).collect();
        let (key, tunnels) = (PrivateKey::generate(&mut OsRng), BTreeMap::new());
        let fleet = Self { hosts, names: names.to_vec(), dir, key, node_keys, tunnels };
        fleet.operators_files()?;
        fleet.world()?;
        Ok(fleet)
    }

    /// The last part of a host's addresses.
    fn number(&self, name: &str) -> usize {
        self.names.iter().position(|one| *one == name).unwrap_or(self.names.len()) + 2
    }

    /// Where the rest of the world is.
    pub fn world_address(&self) -> String {
        format!("198.18.0.{}", self.number("world"))
    }

    /// The address of a host among the others: inside WireGuard, once there are tunnels.
    pub fn inner(&self, name: &str) -> String {
        let net = if self.tunnels.is_empty() { "10.10.0" } else { "10.66.0" };
        format!("{net}.{}", self.number(name))
    }

    /// Makes WireGuard's keys on the hosts, as their operator does before they are in a fleet file.
    ///
    /// # Errors
    /// A host has no `wg`.
    pub fn dig_tunnels(&mut self) -> Result<()> {
        for name in self.names.clone() {
            let script = "umask 077; mkdir -p /etc/palisade/host; wg genkey | tee /etc/palisade/host/wireguard.key | wg pubkey";
            let public = self.hosts.run(name, &["sh", "-ec", script])?.trim().to_owned();
            self.tunnels.insert(name, public);
        }
        Ok(())
    }

    /// Everything that a fleet file names.
    fn operators_files(&self) -> Result<()> {
        for (name, from) in [
            ("palisade-signer", binaries::own("palisade-signer")?),
            ("palisade-monitor", binaries::own("palisade-monitor")?),
            ("cometbft", binaries::cometbft()?),
        ] {
            let to = self.dir.join("bin").join(name);
            fs::copy(&from, &to)?;
            // Names and lines of a debug build make hundreds of megabytes; the hosts need the program.
            Command::new("strip").arg(&to).status().context("strip (try: apt-get install binutils)")?;
        }
        for (name, key) in &self.node_keys {
            fs::write(self.dir.join(format!("{name}.node_key.json")), write_node_key(key).as_bytes())?;
        }
        Ok(())
    }

    /// Validator node, signer and standby as `render` writes them, without Ansible: what a move needs and no more.
    pub fn install_by_hand(&self) -> Result<()> {
        self.must(0, &["render", "fleet.toml", "--out", "tree"])?;
        self.node_by_hand("val1")?;
        for host in ["signer1", "signer2"] {
            let script = "useradd --system --home-dir /var/lib/palisade-signer --shell /usr/sbin/nologin palisade-signer; \
                mkdir -p /etc/palisade/signer/keys /usr/local/lib/systemd/system; \
                install -d -o palisade-signer -g palisade-signer -m 0700 /var/lib/palisade-signer; \
                chown palisade-signer:palisade-signer /etc/palisade/signer/keys; chmod 0700 /etc/palisade/signer/keys";
            self.hosts.run(host, &["sh", "-ec", script])?;
            self.put(host, &self.dir.join("bin/palisade-signer"), "/usr/local/bin/")?;
            for target in
                ["/etc/palisade/signer/signer.toml", "/usr/local/lib/systemd/system/palisade-signer.service"]
            {
                self.put(host, &self.dir.join(format!("tree/hosts/{host}/files{target}")), target)?;
            }
            self.hosts.run(host, &["chmod", "0644", "/etc/palisade/signer/signer.toml"])?;
            self.give_key(host)?;
            self.hosts.run(host, &["systemctl", "daemon-reload"])?;
        }
        self.make_mark("signer1")?;
        self.hosts.run("signer1", &["systemctl", "enable", "--now", "palisade-signer"]).map(drop)
    }

    /// A node that waits for its signer, without Ansible.
    fn node_by_hand(&self, host: &str) -> Result<()> {
        let peer = fs::read_to_string(self.dir.join("world-peer"))?;
        let home = self.dir.join(host);
        fs::create_dir_all(home.join("config"))?;
        fs::copy(self.dir.join("genesis.json"), home.join("config/genesis.json"))?;
        fs::copy(self.dir.join(format!("{host}.node_key.json")), home.join("config/node_key.json"))?;
        fs::copy(self.dir.join("bin/cometbft"), home.join("cometbft"))?;
        let config = format!(
            "proxy_app = \"kvstore\"\npriv_validator_laddr = \"tcp://{at}:26659\"\n[rpc]\nladdr = \"tcp://{at}:26657\"\n\
             [p2p]\nladdr = \"tcp://{at}:26656\"\npersistent_peers = \"{peer}\"\naddr_book_strict = false\npex = false\n\
             [consensus]\ntimeout_commit = \"1s\"\n",
            at = self.inner(host)
        );
        fs::write(home.join("config/config.toml"), config)?;
        self.put(host, &home, "/srv/")?;
        let dir = format!("/srv/{host}");
        let start = [
            "systemd-run",
            "--unit=node",
            "-p",
            "Restart=always",
            &format!("{dir}/cometbft"),
            "start",
            "--home",
            &dir,
        ];
        self.hosts.run(host, &start).map(drop)
    }

    /// The first mark of a new chain.
    pub fn make_mark(&self, host: &str) -> Result<()> {
        let script = format!(
            "runuser -u palisade-signer -- palisade-signer state init --config /etc/palisade/signer/signer.toml --chain {CHAIN} --height 0"
        );
        self.hosts.run(host, &["sh", "-c", &script]).map(drop)
    }

    /// The key goes to a signer's host, as its operator brings it there.
    pub fn give_key(&self, host: &str) -> Result<()> {
        let key = self.dir.join("ours.json");
        fs::write(&key, write_priv_validator_key(&copy_of(&self.key)).as_bytes())?;
        let path = "/etc/palisade/signer/keys/ours.json";
        self.put(host, &key, path)?;
        self.hosts.run(host, &["chown", "palisade-signer:palisade-signer", path])?;
        self.hosts.run(host, &["chmod", "0600", path]).map(drop)
    }

    /// Copies a file or directory to a host.
    fn put(&self, host: &str, from: &Path, to: &str) -> Result<()> {
        let mut scp = self.hosts.command(Path::new("scp"));
        let out = scp
            .args(["-q", "-r", "-F", &self.ssh_config()])
            .arg(from)
            .arg(format!("{host}:{to}"))
            .output()?;
        ensure!(out.status.success(), "scp: {}", String::from_utf8_lossy(&out.stderr));
        Ok(())
    }
}
