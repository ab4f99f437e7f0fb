//! The fleet file of the hosts that were booted.

use std::fs;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::{CHAIN, DeployedFleet};

impl DeployedFleet {
    /// fleet.toml with the key on `holder`.
    ///
    /// # Errors
    /// A file that it names is not there.
    pub fn write_fleet(&self, holder: &str) -> Result<()> {
        let standby = if holder == "signer1" { "signer2" } else { "signer1" };
        let sha = |name: &str| -> Result<String> {
            Ok(hex::encode(Sha256::digest(fs::read(self.dir.join(name))?)))
        };
        let bin = |name: &str| -> Result<String> {
            let path = format!("bin/{name}");
            Ok(format!("{{ path = \"{path}\", sha256 = \"{}\" }}", sha(&path)?))
        };
        let peer = fs::read_to_string(self.dir.join("world-peer"))?;
        // With members of etcd among the hosts the key is on every signer, and each signer has a sentry of its own.
        let shared = self.names.contains(&"etcd1");
        let (tls, etcd, store) = match shared {
            true => ("etcd_tls = \"etcd-tls\"\n", format!("etcd = {}\n", bin("etcd")?), "store = \"etcd\"\n"),
            false => ("", String::new(), ""),
        };
        let mut text = format!(
            "[deploy]\nadmins = [\"198.18.0.1/32\"]\nssh_user = \"root\"\nwireguard_userspace = true\n{tls}\
             [deploy.binaries]\n{etcd}palisade-signer = {}\npalisade-monitor = {}\n\
             [deploy.ansible]\nhost_install_packages = false\nprometheus_install_packages = false\n\
             [[chain]]\nid = \"{CHAIN}\"\nnode_line = \"0.38\"\nrpc = [\"http://{}:26657\"]\n\
             [chain.software]\ndaemon = \"cometbft\"\nversion = \"v0.38.25\"\nbinary = {}\ngenesis = {{ path = \"genesis.json\", sha256 = \"{}\" }}\n\
             init = [\"init\"]\nargs = [\"start\", \"--proxy_app=kvstore\"]\n\
             [[key]]\nname = \"ours\"\nchain = \"{CHAIN}\"\nbackend = \"softsign\"\npath = \"keys/ours.json\"\n{store}",
            bin("palisade-signer")?,
            bin("palisade-monitor")?,
            self.world_address(),
            bin("cometbft")?,
            sha("genesis.json")?,
        );
        for name in &self.names {
            let (public, inner) = (format!("198.18.0.{}", self.number(name)), self.inner(name));
            let kind = if self.tunnels.is_empty() { "private" } else { "wireguard" };
            text += &format!(
                "[[host]]\nname = \"{name}\"\nprovider = \"lab\"\nsite = \"rack\"\n{kind} = \"{inner}\"\n"
            );
            if name.starts_with("sentry") {
                text += &format!("public = [\"{public}\"]\n");
            }
            text += &format!("[host.ssh]\naddress = \"{public}\"\n");
            if *name == "mon1" {
                // The way to it is over another host of the fleet.
                text += "jump = \"root@198.18.0.2\"\n";
            }
            if let Some(key) = self.tunnels.get(name) {
                text += &format!("[host.tunnel]\npublic_key = \"{key}\"\nendpoint = \"{public}:51820\"\n");
            }
            if let Some(key) = self.node_keys.get(name) {
                let (role, more) = match *name {
                    "val1" => ("validator", "signed_by = \"ours\"\n".to_owned()),
                    _ if shared => ("sentry", format!("signed_by = \"ours\"\npeers = [\"{peer}\"]\n")),
                    _ => ("sentry", format!("peers = [\"{peer}\"]\n")),
                };
                text += &format!(
                    "[[host.node]]\nchain = \"{CHAIN}\"\nrole = \"{role}\"\nid = \"{}\"\nnode_key = \"{name}.node_key.json\"\n{more}",
                    key.public().node_id()
                );
            }
            match *name {
                "signer1" | "signer2" if shared => {
                    let own = name.replace("signer", "sentry");
                    text +=
                        &format!("[host.signer]\nkeys = [\"ours\"]\nnodes = [\"{own}\"]\naudit_log = true\n");
                }
                member if member.starts_with("etcd") => text += "[host.etcd]\n",
                signer if signer == holder => text += "[host.signer]\nkeys = [\"ours\"]\naudit_log = true\n",
                signer if signer == standby => {
                    text += "[host.signer]\nstandby = [\"ours\"]\naudit_log = true\n";
                }
                "mon1" => text += "[host.monitor]\n[host.prometheus]\n",
                _ => {}
            }
        }
        Ok(fs::write(self.dir.join("fleet.toml"), text)?)
    }
}
