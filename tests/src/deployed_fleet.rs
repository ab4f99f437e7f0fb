//! A small fleet on real hosts for `palisade apply`: two sentries, a validator, a signer and its standby, a monitor; and a host that is
//! the rest of the world, with three validators of other people, so that the chain goes on while ours is silent.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use comet::consensus::SecretKey;
use comet::key::PrivateKey;
use comet::key_file::{write_node_key, write_priv_validator_key};
use rand_core::OsRng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::binaries;
use crate::comet_node::copy_of;
use crate::hosts::Hosts;
use crate::process::until;

/// The chain.
pub const CHAIN: &str = "palisade-deploys";
/// The hosts of the fleet, in the order of their addresses; `world` is the last host.
pub const NAMES: [&str; 6] = ["sentry1", "sentry2", "val1", "signer1", "signer2", "mon1"];

/// The hosts, the operator's directory, and what the operator knows.
pub struct DeployedFleet {
    /// Seven hosts.
    pub hosts: Hosts,
    /// fleet.toml, binaries, genesis, node keys.
    pub dir: PathBuf,
    key: PrivateKey,
    node_keys: BTreeMap<&'static str, PrivateKey>,
}

impl DeployedFleet {
    /// Boots the hosts and starts the rest of the world.
    ///
    /// # Errors
    /// A host does not come up, or a program is missing.
    pub fn boot() -> Result<Self> {
        let names: Vec<&str> = NAMES.into_iter().chain(["world"]).collect();
        let hosts = Hosts::boot(&names)?;
        for (i, name) in names.iter().enumerate() {
            // The network that the hosts of the fleet have among themselves.
            let device = "ip -o route get 198.18.0.1 | sed 's/.* dev \\([^ ]*\\) .*/\\1/'";
            let script = format!("ip addr add 10.10.0.{}/24 dev \"$({device})\"", i + 2);
            hosts.run(name, &["sh", "-c", &script])?;
        }
        let dir = hosts.dir().join("operator-files");
        fs::create_dir_all(dir.join("bin"))?;
        let node_keys = ["sentry1", "sentry2", "val1"].map(|name| (name, PrivateKey::generate(&mut OsRng)));
        let fleet = Self { hosts, dir, key: PrivateKey::generate(&mut OsRng), node_keys: node_keys.into() };
        fleet.operators_files()?;
        fleet.world()?;
        Ok(fleet)
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

    /// Three validators on the last host, and the genesis that they share with ours.
    fn world(&self) -> Result<()> {
        let validators: Vec<PrivateKey> = (0..3).map(|_| PrivateKey::generate(&mut OsRng)).collect();
        let nodes: Vec<PrivateKey> = (0..3).map(|_| PrivateKey::generate(&mut OsRng)).collect();
        let member = |key: &PrivateKey| {
            use base64::prelude::{BASE64_STANDARD, Engine as _};
            let public = comet::consensus::PublicKey::from(key.public());
            json!({ "address": public.address().to_string(), "power": "10", "name": "",
                "pub_key": { "type": "tendermint/PubKeyEd25519", "value": BASE64_STANDARD.encode(public.as_bytes()) } })
        };
        let set: Vec<Value> = validators.iter().chain([&self.key]).map(member).collect();
        let genesis = json!({ "genesis_time": "2024-01-01T00:00:00Z", "chain_id": CHAIN, "initial_height": "1",
            "validators": set, "app_hash": "" });
        fs::write(self.dir.join("genesis.json"), serde_json::to_string_pretty(&genesis)?)?;
        let layer = self.dir.join("world");
        fs::create_dir_all(&layer)?;
        fs::copy(self.dir.join("bin/cometbft"), layer.join("cometbft"))?;
        let peers: Vec<String> = nodes
            .iter()
            .enumerate()
            .map(|(i, key)| format!("{}@198.18.0.8:{}", key.public().node_id(), 26656 + 10 * i))
            .collect();
        for (i, validator) in validators.iter().enumerate() {
            let home = layer.join(format!("node{i}"));
            fs::create_dir_all(home.join("config"))?;
            fs::create_dir_all(home.join("data"))?;
            fs::write(home.join("config/genesis.json"), serde_json::to_string_pretty(&genesis)?)?;
            fs::write(home.join("config/node_key.json"), write_node_key(&nodes[i]).as_bytes())?;
            let key: SecretKey = copy_of(validator);
            fs::write(
                home.join("config/priv_validator_key.json"),
                write_priv_validator_key(&key).as_bytes(),
            )?;
            fs::write(
                home.join("data/priv_validator_state.json"),
                "{\"height\":\"0\",\"round\":0,\"step\":0}",
            )?;
            let config = format!(
                "proxy_app = \"kvstore\"\n[rpc]\nladdr = \"tcp://0.0.0.0:{}\"\n[p2p]\nladdr = \"tcp://0.0.0.0:{}\"\npersistent_peers = \"{}\"\n\
                 addr_book_strict = false\nallow_duplicate_ip = true\n[consensus]\ntimeout_commit = \"1s\"\n",
                26657 + 10 * i,
                26656 + 10 * i,
                peers.join(",")
            );
            fs::write(home.join("config/config.toml"), config)?;
        }
        self.put("world", &layer, "/srv/")?;
        for i in 0..3 {
            let home = format!("/srv/world/node{i}");
            let unit = format!("--unit=node{i}");
            self.hosts.run(
                "world",
                &[
                    "systemd-run",
                    &unit,
                    "-p",
                    "Restart=always",
                    "/srv/world/cometbft",
                    "start",
                    "--home",
                    &home,
                ],
            )?;
        }
        fs::write(self.dir.join("world-peer"), &peers[0])?;
        Ok(())
    }

    /// fleet.toml with the key on `holder`, and `more` under `[deploy.ansible]`.
    pub fn write_fleet(&self, holder: &str, more: &str) -> Result<PathBuf> {
        let standby = if holder == "signer1" { "signer2" } else { "signer1" };
        let sha = |name: &str| -> Result<String> {
            Ok(hex::encode(Sha256::digest(fs::read(self.dir.join(name))?)))
        };
        let bin = |name: &str| -> Result<String> {
            let path = format!("bin/{name}");
            Ok(format!("{{ path = \"{path}\", sha256 = \"{}\" }}", sha(&path)?))
        };
        let peer = fs::read_to_string(self.dir.join("world-peer"))?;
        let mut text = format!(
            "[deploy]\nadmins = [\"198.18.0.1/32\"]\nssh_user = \"root\"\n[deploy.binaries]\npalisade-signer = {}\npalisade-monitor = {}\n\
             [deploy.ansible]\nhost_install_packages = false\n{more}\n[[chain]]\nid = \"{CHAIN}\"\nnode_line = \"0.38\"\nrpc = [\"http://198.18.0.8:26657\"]\n\
             [chain.software]\ndaemon = \"cometbft\"\nversion = \"v0.38.25\"\nbinary = {}\ngenesis = {{ path = \"genesis.json\", sha256 = \"{}\" }}\n\
             init = [\"init\"]\nargs = [\"start\", \"--proxy_app=kvstore\"]\n\
             [[key]]\nname = \"ours\"\nchain = \"{CHAIN}\"\nbackend = \"softsign\"\npath = \"keys/ours.json\"\n",
            bin("palisade-signer")?,
            bin("palisade-monitor")?,
            bin("cometbft")?,
            sha("genesis.json")?,
        );
        for (i, name) in NAMES.iter().enumerate() {
            let (public, private) = (format!("198.18.0.{}", i + 2), format!("10.10.0.{}", i + 2));
            text += &format!(
                "[[host]]\nname = \"{name}\"\nprovider = \"lab\"\nsite = \"rack\"\nprivate = \"{private}\"\n"
            );
            if name.starts_with("sentry") {
                text += &format!("public = [\"{public}\"]\n");
            }
            text += &format!("[host.ssh]\naddress = \"{public}\"\n");
            if let Some(key) = self.node_keys.get(name) {
                let (role, more) = match *name {
                    "val1" => ("validator", "signed_by = \"ours\"\n".to_owned()),
                    _ => ("sentry", format!("peers = [\"{peer}\"]\n")),
                };
                text += &format!(
                    "[[host.node]]\nchain = \"{CHAIN}\"\nrole = \"{role}\"\nid = \"{}\"\nnode_key = \"{name}.node_key.json\"\n{more}",
                    key.public().node_id()
                );
            }
            match *name {
                signer if signer == holder => text += "[host.signer]\nkeys = [\"ours\"]\naudit_log = true\n",
                signer if signer == standby => {
                    text += "[host.signer]\nstandby = [\"ours\"]\naudit_log = true\n";
                }
                "mon1" => text += "[host.monitor]\n",
                _ => {}
            }
        }
        let path = self.dir.join("fleet.toml");
        fs::write(&path, text)?;
        Ok(path)
    }

    /// `palisade` where the operator is.
    pub fn palisade(&self, args: &[&str]) -> Result<Output> {
        let mut command = self.hosts.command(&binaries::own("palisade")?);
        command.current_dir(&self.dir).args(args);
        Ok(command.output()?)
    }

    /// The same, started and left alone.
    pub fn spawn(&self, args: &[&str]) -> Result<Child> {
        let mut command = self.hosts.command(&binaries::own("palisade")?);
        command.current_dir(&self.dir).args(args).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command.spawn()?)
    }

    /// Validator node, signer and standby as `render` writes them, without Ansible: what a move needs and no more.
    pub fn install_by_hand(&self) -> Result<()> {
        self.must(0, &["render", "fleet.toml", "--out", "tree"])?;
        let peer = fs::read_to_string(self.dir.join("world-peer"))?;
        let home = self.dir.join("val1");
        fs::create_dir_all(home.join("config"))?;
        fs::copy(self.dir.join("genesis.json"), home.join("config/genesis.json"))?;
        fs::copy(self.dir.join("val1.node_key.json"), home.join("config/node_key.json"))?;
        fs::copy(self.dir.join("bin/cometbft"), home.join("cometbft"))?;
        let config = format!(
            "proxy_app = \"kvstore\"\npriv_validator_laddr = \"tcp://10.10.0.4:26659\"\n[rpc]\nladdr = \"tcp://10.10.0.4:26657\"\n\
             [p2p]\nladdr = \"tcp://10.10.0.4:26656\"\npersistent_peers = \"{peer}\"\naddr_book_strict = false\npex = false\n\
             [consensus]\ntimeout_commit = \"1s\"\n"
        );
        fs::write(home.join("config/config.toml"), config)?;
        self.put("val1", &home, "/srv/")?;
        let start = [
            "systemd-run",
            "--unit=node",
            "-p",
            "Restart=always",
            "/srv/val1/cometbft",
            "start",
            "--home",
            "/srv/val1",
        ];
        self.hosts.run("val1", &start)?;
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

    /// The first mark of a new chain.
    pub fn make_mark(&self, host: &str) -> Result<()> {
        let script = format!(
            "runuser -u palisade-signer -- palisade-signer state init --config /etc/palisade/signer/signer.toml --chain {CHAIN} --height 0"
        );
        self.hosts.run(host, &["sh", "-c", &script]).map(drop)
    }

    /// The same, which must end with this code; what it printed on both channels.
    pub fn must(&self, code: i32, args: &[&str]) -> Result<String> {
        let out = self.palisade(args)?;
        let text =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        ensure!(
            out.status.code() == Some(code),
            "palisade {args:?} ended with {}:\n{text}\n{}",
            out.status,
            self.log_tail()
        );
        Ok(text)
    }

    fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.dir.join("plan.json.run/ansible.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// What every call over ssh needs here.
    pub fn ssh_config(&self) -> String {
        self.hosts.ssh_config().display().to_string()
    }

    /// A directory in which Ansible finds the collection.
    pub fn collections(&self) -> Result<String> {
        let dir = self.dir.join("collections/ansible_collections/palisade");
        fs::create_dir_all(&dir)?;
        let kit = dir.join("kit");
        if !kit.exists() {
            let collection = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ansible").canonicalize()?;
            std::os::unix::fs::symlink(collection, kit)?;
        }
        Ok(self.dir.join("collections").display().to_string())
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

    /// The address of our key, in hex.
    pub fn address(&self) -> String {
        comet::consensus::PublicKey::from(self.key.public()).address().to_string()
    }

    /// A path of a world node's RPC.
    pub fn ask(&self, path: &str) -> Result<Value> {
        let script = format!("curl -fsS --max-time 5 'http://127.0.0.1:26657{path}'");
        let text = self.hosts.run("world", &["sh", "-c", &script])?;
        let answer: Value = serde_json::from_str(&text)?;
        Ok(answer["result"].clone())
    }

    /// The newest height that the world has seen.
    pub fn height(&self) -> Result<i64> {
        let status = self.ask("/status")?;
        Ok(status["sync_info"]["latest_block_height"].as_str().context("a height")?.parse()?)
    }

    /// Whether our key signed this height.
    pub fn signed(&self, height: i64) -> Result<bool> {
        let commit = self.ask(&format!("/commit?height={height}"))?;
        let entries =
            commit["signed_header"]["commit"]["signatures"].as_array().context("signatures")?.clone();
        Ok(entries.iter().any(|e| e["validator_address"] == self.address() && e["block_id_flag"] == 2))
    }

    /// Waits for a block with our signature above `height`.
    pub fn signs_above(&self, height: i64, limit: Duration) -> Result<i64> {
        until(&format!("a block above {height} with our signature"), limit, || {
            let tip = self.height()?;
            for at in (height + 1)..tip {
                if self.signed(at)? {
                    return Ok(Some(at));
                }
            }
            Ok(None)
        })
    }

    /// Every signature that either signer gave, from their own logs: by type, height, round and step, the sign-bytes. Fails if one place has two.
    pub fn nothing_signed_twice(&self) -> Result<usize> {
        let mut places: BTreeMap<(String, i64, i64), String> = BTreeMap::new();
        for host in ["signer1", "signer2"] {
            let path = self.hosts.layer(host, "/var/lib/palisade-signer/audit.log");
            let Ok(log) = fs::read_to_string(&path) else { continue };
            for line in log.lines() {
                let line: Value = serde_json::from_str(line)?;
                let signed = matches!(line["verdict"].as_str(), Some("signed" | "repeated" | "late"));
                let (Some(height), true) = (line["height"].as_i64(), signed) else { continue };
                let bytes = line["sign_bytes_sha256"].as_str().context("what was signed")?.to_owned();
                let kind = line["type"].as_str().unwrap_or_default().to_owned();
                let place = (kind, height, line["round"].as_i64().unwrap_or_default());
                let before = places.insert(place.clone(), bytes.clone());
                ensure!(before.is_none_or(|b| b == bytes), "{host} signed {place:?} a second time");
            }
        }
        // What the chain itself says: nobody was seen signing two things.
        for height in 1..self.height()? {
            let block = self.ask(&format!("/block?height={height}"))?;
            let evidence = &block["block"]["evidence"]["evidence"];
            ensure!(evidence.as_array().is_none_or(Vec::is_empty), "evidence in block {height}: {evidence}");
        }
        Ok(places.len())
    }
}
