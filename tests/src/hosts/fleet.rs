//! A fleet on five hosts with an inventory written by hand, as somebody without `palisade` has it: two sentries, the validator's
//! node, its signer, and a monitor with Prometheus; WireGuard between all of them, secrets in a vault.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use comet::key::PrivateKey;
use comet::key_file::{read_priv_validator_key, write_node_key};
use rand_core::OsRng;
use serde_json::{Value, json};

use super::Hosts;
use super::recap::{Recap, recap};
use crate::binaries;

/// The chain's id.
pub const CHAIN: &str = "local-1";

/// The hosts, in the order of their addresses.
pub const HOSTS: [&str; 5] = ["sentry1", "sentry2", "val", "signer", "monitor"];

/// The hosts that run a node.
const NODES: [&str; 3] = ["sentry1", "sentry2", "val"];

/// The hosts and the directory that they are deployed from.
pub struct Fleet {
    /// The machines.
    pub hosts: Hosts,
    dir: PathBuf,
    node_keys: Vec<PrivateKey>,
}

/// The inner address of a host.
pub fn inner(host: &str) -> String {
    let index = HOSTS.iter().position(|name| *name == host).unwrap_or(HOSTS.len());
    format!("10.66.0.{}", index + 2)
}

// === impl Fleet ===

impl Fleet {
    /// Boots the hosts and writes the inventory. Nothing is installed yet.
    pub fn boot() -> Result<Self> {
        let hosts = Hosts::boot(&HOSTS)?;
        let dir = hosts.dir().join("operator-files");
        for sub in [
            "inventory/group_vars",
            "inventory/host_vars",
            "files",
            "collections/ansible_collections/palisade",
        ] {
            fs::create_dir_all(dir.join(sub))?;
        }
        let collection = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ansible").canonicalize()?;
        std::os::unix::fs::symlink(collection, dir.join("collections/ansible_collections/palisade/kit"))?;
        // Debug information is most of a binary, and all of it would travel.
        for name in ["palisade-signer", "palisade-monitor", "palisade-sentry"] {
            output(
                Command::new("objcopy")
                    .arg("--strip-debug")
                    .arg(binaries::own(name)?)
                    .arg(dir.join("files").join(name)),
            )?;
        }
        let node_keys = NODES.iter().map(|_| PrivateKey::generate(&mut OsRng)).collect();
        let fleet = Self { hosts, dir, node_keys };
        fleet.inventory()?;
        fleet.settings("signer")?;
        fleet.settings("monitor")?;
        Ok(fleet)
    }

    /// Plays a playbook of the collection with the oldest or newest ansible-core.
    pub fn play(&self, newest: bool, playbook: &str, more: &[&str]) -> Result<Recap> {
        let out = self.playing(newest, playbook, more)?.output()?;
        recap(&out).with_context(|| format!("{playbook} {more:?}"))
    }

    /// The same, as a command that is not started yet.
    pub fn playing(&self, newest: bool, playbook: &str, more: &[&str]) -> Result<Command> {
        let program = binaries::ansible_playbook(newest)?;
        let mut command = self.hosts.command(&program);
        command.args(["-i", "inventory/hosts.yml", "--vault-password-file", "vault-password"]);
        command.arg(format!("palisade.kit.{playbook}")).args(more).current_dir(&self.dir);
        command
            .env("ANSIBLE_COLLECTIONS_PATH", self.dir.join("collections"))
            .env("ANSIBLE_HOME", self.dir.join("home"));
        command.env("ANSIBLE_PIPELINING", "1").env("ANSIBLE_NOCOLOR", "1").env("ANSIBLE_FORKS", "5");
        // Short, because a socket's path may not be long.
        command.env("ANSIBLE_SSH_CONTROL_PATH_DIR", self.hosts.dir().join("cp"));
        Ok(command)
    }

    /// Makes key and mark on the signer's host, with the signer's own commands, and the chain's genesis from its public half.
    pub fn make_key(&self) -> Result<()> {
        let own = |args: &[&str]| {
            let all = [&["runuser", "-u", "palisade-signer", "--", "palisade-signer"], args].concat();
            self.hosts.run("signer", &all)
        };
        own(&["key", "generate", "/etc/palisade/signer/keys/local.json"])?;
        own(&[
            "state",
            "init",
            "--config",
            "/etc/palisade/signer/signer.toml",
            "--chain",
            CHAIN,
            "--height",
            "0",
        ])?;
        let file = fs::read_to_string(self.hosts.layer("signer", "/etc/palisade/signer/keys/local.json"))?;
        let key: Value = serde_json::from_str(&file)?;
        let validator =
            json!({"address": key["address"], "pub_key": key["pub_key"], "power": "10", "name": ""});
        let genesis = json!({
            "genesis_time": "2024-01-01T00:00:00Z", "chain_id": CHAIN, "initial_height": "1",
            "validators": [validator], "app_hash": "",
        });
        self.write("files/genesis.json", &genesis.to_string())?;
        NODES.iter().try_for_each(|host| self.settings(host))
    }

    /// The private half of the consensus key, as its file has it: for looking where it must not be.
    pub fn secret(&self) -> Result<String> {
        let file = fs::read_to_string(self.hosts.layer("signer", "/etc/palisade/signer/keys/local.json"))?;
        read_priv_validator_key(&file)?;
        let key: Value = serde_json::from_str(&file)?;
        Ok(key["priv_key"]["value"].as_str().context("a key file has its key")?.to_owned())
    }

    /// Adds a line to the settings of a host, at its top.
    pub fn add_setting(&self, host: &str, line: &str) -> Result<()> {
        let path = self.dir.join("files").join(format!("{host}.toml"));
        let text = fs::read_to_string(&path)?;
        Ok(fs::write(path, format!("{line}\n{text}"))?)
    }

    /// Height of a node, asked on its host.
    pub fn height(&self, host: &str) -> Result<i64> {
        let url = format!("http://{}:26657/status", inner(host));
        let answer: Value = serde_json::from_str(&self.hosts.run(host, &["curl", "-sf", &url])?)?;
        let height = answer["result"]["sync_info"]["latest_block_height"].as_str().context("no height")?;
        Ok(height.parse()?)
    }

    fn inventory(&self) -> Result<()> {
        let node = binaries::node("cometbft")?.canonicalize()?;
        let sum = output(Command::new("sha256sum").arg(&node))?;
        let sum = sum.split(' ').next().context("sha256sum prints a sum")?;
        let files = self.dir.join("files");
        let groups = json!({
            "sentries": {"hosts": {"sentry1": {}, "sentry2": {}}}, "validators": {"hosts": {"val": {}}}, "rpcs": {}, "seeds": {},
            "signers": {"hosts": {"signer": {}}}, "monitors": {"hosts": {"monitor": {}}}, "prometheus": {"hosts": {"monitor": {}}},
        });
        self.write("inventory/hosts.yml", &groups.to_string())?;
        let ssh = format!("-F {}", self.hosts.ssh_config().display());
        let all = json!({
            "ansible_user": "root", "ansible_ssh_common_args": ssh, "ansible_python_interpreter": "/usr/bin/python3",
            "host_install_packages": false, "prometheus_install_packages": false, // no mirror here
            "host_wireguard": true, "host_wireguard_userspace": true,
            "signer_binary_src": files.join("palisade-signer"), "monitor_binary_src": files.join("palisade-monitor"),
        });
        self.write("inventory/group_vars/all.yml", &all.to_string())?;
        let keys: Vec<(String, String)> =
            HOSTS.iter().map(|_| self.wireguard_key()).collect::<Result<_>>()?;
        self.write("vault-password", "open sesame\n")?;
        for (i, host) in HOSTS.into_iter().enumerate() {
            let peers: Vec<Value> = (0..HOSTS.len())
                .filter(|j| *j != i)
                .map(|j| {
                    let endpoint = format!("{}:51820", self.hosts.address(HOSTS[j])?);
                    Ok(json!({"name": HOSTS[j], "public_key": keys[j].1, "endpoint": endpoint, "allowed_ips": [inner(HOSTS[j]) + "/32"]}))
                })
                .collect::<Result<_>>()?;
            let mut vars =
                json!({"host_wireguard_addresses": [inner(host) + "/24"], "host_wireguard_peers": peers});
            let open = |comment: &str, port: u16, from: &str| json!({"comment": comment, "port": port, "interface": "wg0", "sources": [inner(from)]});
            let node_ports = [open("rpc", 26657, "monitor"), open("metrics", 26660, "monitor")];
            match host {
                "signer" => {
                    vars["signer_keys"] = json!(["local"]);
                    vars["host_firewall_in"] = json!([open("metrics", 26661, "monitor")]);
                    vars["signer_config_src"] = json!(files.join("signer.toml"));
                }
                "monitor" => {
                    let target =
                        |host: &str, port: u16| json!({"address": format!("{}:{port}", inner(host))});
                    vars["monitor_config_src"] = json!(files.join("monitor.toml"));
                    vars["prometheus_scrapes"] = json!([
                        {"job": "node", "targets": NODES.map(|host| target(host, 26660))},
                        {"job": "palisade-signer", "targets": [target("signer", 26661)]},
                        {"job": "palisade-monitor", "targets": [{"address": "127.0.0.1:9464"}]},
                    ]);
                    // The way to it is over another host.
                    vars["ansible_ssh_common_args"] = json!(format!("{ssh} -o ProxyJump=sentry1"));
                }
                _ => {
                    let file = |name: &str| files.join(format!("{host}.{name}"));
                    vars["node_instances"] = json!([{
                        "chain": CHAIN, "daemon": "cometbft", "version": "0.38.25", "binary_src": node, "binary_sha256": sum,
                        "config_src": file("toml"), "genesis_src": files.join("genesis.json"), "node_key_src": file("node_key.json"),
                    }]);
                    let (mut ports, first) = (node_ports.to_vec(), json!({"comment": "p2p", "port": 26656}));
                    ports.push(if host == "val" { open("privval", 26659, "signer") } else { first });
                    vars["host_firewall_in"] = json!(ports);
                }
            }
            if ["val", "signer"].contains(&host) {
                vars["host_firewall_egress"] = "allow-list".into();
            }
            fs::create_dir_all(self.dir.join("inventory/host_vars").join(host))?;
            self.write(&format!("inventory/host_vars/{host}/open.yml"), &vars.to_string())?;
            let secret = format!("inventory/host_vars/{host}/vault.yml");
            self.write(&secret, &json!({"host_wireguard_private_key": keys[i].0}).to_string())?;
            let vault = binaries::ansible_playbook(true)?.canonicalize()?.with_file_name("ansible-vault");
            let mut command = Command::new(vault);
            command
                .args(["encrypt", "--vault-password-file", "vault-password", &secret])
                .current_dir(&self.dir);
            output(command.env("ANSIBLE_HOME", self.dir.join("home")))?;
        }
        Ok(())
    }

    /// `signer.toml`, `monitor.toml`, or a node's `config.toml` and its node key.
    fn settings(&self, host: &str) -> Result<()> {
        let at = inner(host);
        let text = match host {
            "signer" => format!(
                "state_dir = \"/var/lib/palisade-signer\"\nlisten = \"{at}:26661\"\n[[key]]\nname = \"local\"\nbackend = \"softsign\"\n\
                 path = \"keys/local.json\"\n[[chain]]\nid = \"{CHAIN}\"\nkey = \"local\"\nnodes = [\"tcp://{}:26659\"]\n",
                inner("val")
            ),
            "monitor" => format!(
                "listen = \"127.0.0.1:9464\"\ndata_dir = \"/var/lib/palisade-monitor\"\n[[chain]]\nid = \"{CHAIN}\"\n\
                 rpc = [\"http://{}:26657\", \"http://{}:26657\"]\ngrpc = []\nwatch = []\n",
                inner("sentry1"),
                inner("sentry2")
            ),
            _ => return self.node_settings(host),
        };
        self.write(&format!("files/{host}.toml"), &text)
    }

    fn node_settings(&self, host: &str) -> Result<()> {
        let (at, validator) = (inner(host), host == "val");
        let ids: Vec<String> = self.node_keys.iter().map(|key| key.public().node_id().to_string()).collect();
        let peers: Vec<String> = NODES
            .iter()
            .zip(&ids)
            .filter(|(name, _)| **name != host && **name != "val")
            .map(|(name, id)| format!("{id}@{}:26656", inner(name)))
            .collect();
        let hidden = if validator { "" } else { &ids[2] };
        let privval = if validator { format!("tcp://{at}:26659") } else { String::new() };
        let p2p = if validator { at.as_str() } else { "0.0.0.0" };
        let text = format!(
            "proxy_app = \"kvstore\"\nmoniker = \"{host}\"\npriv_validator_laddr = \"{privval}\"\n\
             [rpc]\nladdr = \"tcp://{at}:26657\"\n[p2p]\nladdr = \"tcp://{p2p}:26656\"\npersistent_peers = \"{}\"\n\
             private_peer_ids = \"{hidden}\"\nunconditional_peer_ids = \"{hidden}\"\npex = {}\n\
             [consensus]\ntimeout_commit = \"500ms\"\n[instrumentation]\nprometheus = true\nprometheus_listen_addr = \"{at}:26660\"\n",
            peers.join(","),
            !validator
        );
        self.write(&format!("files/{host}.toml"), &text)?;
        let index = NODES.iter().position(|name| *name == host).context("a node")?;
        Ok(fs::write(
            self.dir.join(format!("files/{host}.node_key.json")),
            write_node_key(&self.node_keys[index]).as_bytes(),
        )?)
    }

    fn wireguard_key(&self) -> Result<(String, String)> {
        let both = self.hosts.run("val", &["sh", "-c", "k=$(wg genkey); echo $k; echo $k | wg pubkey"])?;
        let (private, public) = both.trim().split_once('\n').context("two lines")?;
        Ok((private.to_owned(), public.to_owned()))
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.dir.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

/// What a program printed; fails if it did.
fn output(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}
