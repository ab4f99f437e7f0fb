//! Several signers that share a mark: their certificates, the users of etcd, and whether hosts had their turn one after the other.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::DeployedFleet;
use crate::binaries;
use crate::etcd::Line;
use crate::etcd_tls::Authority;
use crate::hosts::recap::Recap;

/// What was rendered, and beside it what the operator keeps in a vault.
const INVENTORIES: [&str; 2] = ["tree/inventory/hosts.yml", "secrets/hosts.yml"];

impl DeployedFleet {
    /// Certificates of members and signers, as the operator's own authority makes them.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn certificates(&self) -> Result<()> {
        let (tls, secrets) = (self.dir.join("etcd-tls"), self.dir.join("secrets/host_vars"));
        fs::create_dir_all(&tls)?;
        fs::create_dir_all(&secrets)?;
        let authority = Authority::new()?;
        authority.write(&tls, "root", &[])?;
        for name in &self.names {
            if name.starts_with("etcd") {
                authority.write(&tls, name, &[&self.inner(name)])?;
            }
            if name.starts_with("signer") {
                authority.write(&tls, name, &[])?;
                let file = |to: &str, from: &str| -> Result<Value> {
                    Ok(json!({ "name": to, "content": fs::read_to_string(tls.join(from))? }))
                };
                let files = [
                    file("etcd-ca.pem", "ca.pem")?,
                    file("etcd.pem", &format!("{name}.pem"))?,
                    file("etcd.key", &format!("{name}.key"))?,
                ];
                let vars = json!({ "signer_secret_files": files });
                fs::write(secrets.join(format!("{name}.yml")), vars.to_string())?;
            }
        }
        let groups = json!({ "signers": { "hosts": { "signer1": {}, "signer2": {} } } });
        Ok(fs::write(self.dir.join("secrets/hosts.yml"), groups.to_string())?)
    }

    /// Puts this etcd where the fleet file names it.
    ///
    /// # Errors
    /// It is not built.
    pub fn take_etcd(&self, line: Line) -> Result<()> {
        Ok(fs::copy(binaries::node(line.program())?, self.dir.join("bin/etcd")).map(drop)?)
    }

    /// Renders what the fleet file says.
    ///
    /// # Errors
    /// Something in it is refused.
    pub fn render(&self) -> Result<()> {
        self.must(0, &["render", "fleet.toml", "--out", "tree"]).map(drop)
    }

    /// A playbook of the collection on what was rendered.
    ///
    /// # Errors
    /// A host failed.
    pub fn play_rendered(&self, book: &str, more: &[&str]) -> Result<Recap> {
        self.play_on(&INVENTORIES, book, more)
    }

    /// Nodes without Ansible, and on every host the firewall that was rendered for it.
    ///
    /// # Errors
    /// A host refuses.
    pub fn nodes_and_firewalls(&self) -> Result<()> {
        for name in &self.names {
            if name.starts_with("sentry") {
                self.node_by_hand(name)?;
            }
            let rules = "/etc/palisade/host/nftables.nft";
            self.hosts.run(name, &["mkdir", "-p", "/etc/palisade/host"])?;
            self.put(name, &self.dir.join(format!("tree/hosts/{name}/files{rules}")), rules)?;
            self.hosts.run(name, &["nft", "-f", rules])?;
        }
        Ok(())
    }

    /// Users of etcd as docs/etcd.md makes them, on the host of its first member: nobody else may speak with it but the signers.
    ///
    /// # Errors
    /// Etcd refuses.
    pub fn etcd_users(&self) -> Result<()> {
        self.put("etcd1", &binaries::node("etcdctl")?.canonicalize()?, "/usr/local/bin/etcdctl")?;
        for file in ["ca.pem", "root.pem", "root.key"] {
            self.put("etcd1", &self.dir.join("etcd-tls").join(file), &format!("/srv/{file}"))?;
        }
        let script = format!(
            "export ETCDCTL_ENDPOINTS=https://{}:2379 ETCDCTL_CACERT=/srv/ca.pem ETCDCTL_CERT=/srv/root.pem ETCDCTL_KEY=/srv/root.key
             etcdctl role add palisade; etcdctl role grant-permission palisade --prefix=true readwrite /palisade/
             for user in root signer1 signer2; do etcdctl user add $user --no-password; done
             etcdctl user grant-role root root; etcdctl user grant-role signer1 palisade; etcdctl user grant-role signer2 palisade
             etcdctl auth enable",
            self.inner("etcd1")
        );
        self.hosts.run("etcd1", &["sh", "-ec", &script]).map(drop)
    }

    /// When the unit was last away on this host, from and to, in microseconds since the machine was booted: all hosts are on one.
    ///
    /// # Errors
    /// It was not, or is.
    pub fn last_away(&self, host: &str, unit: &str) -> Result<(u64, u64)> {
        let ask = |property: &str| -> Result<u64> {
            let text = self.hosts.run(host, &["systemctl", "show", "--value", "-p", property, unit])?;
            text.trim().parse().with_context(|| format!("{host}: {property} of {unit}: {text:?}"))
        };
        let (left, back) = (ask("ActiveExitTimestampMonotonic")?, ask("ActiveEnterTimestampMonotonic")?);
        ensure!(left > 0 && left < back, "{host}: {unit} left at {left} and came at {back}");
        Ok((left, back))
    }
}
