//! A validator, its sentries and outsiders, each on addresses of its own: set up by `palisade-sentry render` from one fleet file,
//! broken one setting at a time, and audited from outside and by their files.
//!
//! The inner network is 100.64.7.0/24: nodes take such addresses for public ones, so nothing but the settings keeps them out
//! of the gossip. The validator has a public address too, and should be silent there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use comet::key::PrivateKey;
use palisade_sentry::node_config::{File, Value as Wanted, edit};
use serde_json::{Value, json};

use crate::binaries;
use crate::hidden_validator::{genesis, write_home};
use crate::netns::Internet;
use crate::node_line::Line;
use crate::process::{Process, until};
use crate::scratch::Scratch;

/// What a host's node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Signs, and is behind every sentry.
    Validator,
    /// Faces the outside.
    Sentry,
    /// Gives addresses to whoever asks.
    Seed,
    /// Somebody else's node, which gossips as any other and is not in the fleet file.
    Outsider,
}

/// One host and its node.
struct Member {
    name: &'static str,
    part: Part,
    node_key: PrivateKey,
}

/// The fleet and who is outside of it, running or not.
pub struct Guarded {
    /// The namespaces: `out`, and each host's.
    pub internet: Internet,
    scratch: Scratch,
    line: Line,
    members: Vec<Member>,
    running: Vec<Process>,
}

impl Guarded {
    /// Makes the networks and the homes, each rendered from the fleet file; nothing runs yet.
    pub fn new(line: Line, hosts: &[(&'static str, Part)]) -> Result<Self> {
        let mut internet = Internet::new(&format!("g{}", line.name().replace('.', "")))?;
        internet.outside("198.18.0.1/16")?;
        let mut members = Vec::new();
        for (i, (name, part)) in (0_u8..).zip(hosts) {
            internet.public_host(name, &format!("{}/16", public(i)))?;
            if *part != Part::Outsider {
                internet.inner(name, &format!("{}/24", inner(i)))?;
            }
            members.push(Member { name, part: *part, node_key: PrivateKey::from_seed(&[100 + i; 32]) });
        }
        let fleet = Self { internet, scratch: Scratch::new()?, line, members, running: Vec::new() };
        std::fs::write(fleet.file(), fleet.text())?;
        for host in hosts {
            fleet.write(host.0)?;
            fleet.render(host.0)?;
        }
        Ok(fleet)
    }

    /// The home of a host.
    pub fn home(&self, host: &str) -> PathBuf {
        self.scratch.path().join(host)
    }

    /// The fleet file.
    pub fn file(&self) -> PathBuf {
        self.scratch.path().join("fleet.toml")
    }

    /// A node's id.
    pub fn id(&self, host: &str) -> String {
        self.member(host).1.node_key.public().node_id().to_string()
    }

    /// A host's public address.
    pub fn public(&self, host: &str) -> String {
        public(self.member(host).0)
    }

    /// A host's address on the inner network.
    pub fn inner(&self, host: &str) -> String {
        inner(self.member(host).0)
    }

    /// `id@ip:port` on the inner network.
    pub fn inner_peer(&self, host: &str) -> String {
        format!("{}@{}:26656", self.id(host), self.inner(host))
    }

    /// Gives a host a new node key, in its home and in the fleet file.
    pub fn rotate(&mut self, host: &str) -> Result<()> {
        let at = usize::from(self.member(host).0);
        self.members[at].node_key = PrivateKey::from_seed(&[200; 32]);
        std::fs::write(self.file(), self.text())?;
        self.write(host)
    }

    /// Writes the home but for its configuration, which is only begun if there is none.
    fn write(&self, host: &str) -> Result<()> {
        let (number, member) = self.member(host);
        // The one validator's key; the others have keys that sign nothing.
        let consensus = match member.part {
            Part::Validator => PrivateKey::from_seed(&[43; 32]),
            _ => PrivateKey::from_seed(&[150 + number; 32]),
        };
        let mut chain = genesis(self.line, &PrivateKey::from_seed(&[43; 32]));
        // As `gentx` writes it where nobody takes care: leak vector 12.
        let first = self.members.iter().find(|m| m.part == Part::Validator).context("a validator")?;
        let id = PrivateKey::from_seed(&[100 + self.member(first.name).0; 32]).public().node_id();
        let memo = format!("{id}@203.0.113.99:26656");
        chain["app_state"] = json!({"genutil": {"gen_txs": [{"body": {"memo": memo, "messages": []}}]}});
        let home = self.home(host);
        write_home(&home, self.line, &member.node_key, &consensus, &chain)?;
        let config = home.join("config/config.toml");
        if !config.exists() {
            let ours =
                "proxy_app = \"kvstore\"\nlog_level = \"info\"\n\n[consensus]\ntimeout_commit = \"1s\"\n";
            std::fs::write(&config, ours)?;
            std::fs::write(home.join("config/app.toml"), "# of the application\n")?;
        }
        if member.part == Part::Outsider {
            self.set(host, &self.outsider(host))?;
        }
        Ok(())
    }

    /// What an outsider's operator writes: everything public, the sentries as peers.
    fn outsider(&self, host: &str) -> Vec<(&'static str, Wanted)> {
        let sentries = self.members.iter().filter(|m| m.part == Part::Sentry);
        let peers: Vec<String> =
            sentries.map(|m| format!("{}@{}:26656", self.id(m.name), self.public(m.name))).collect();
        vec![
            ("moniker", Wanted::Text("somebody".into())),
            ("rpc.laddr", Wanted::Text("tcp://127.0.0.1:26657".into())),
            ("p2p.laddr", Wanted::Text("tcp://0.0.0.0:26656".into())),
            ("p2p.persistent_peers", Wanted::Text(peers.join(","))),
            ("p2p.external_address", Wanted::Text(format!("{}:26656", self.public(host)))),
            ("p2p.pex", Wanted::Flag(true)),
        ]
    }

    /// Changes settings of `config.toml` behind the back of the fleet file.
    pub fn set(&self, host: &str, settings: &[(&'static str, Wanted)]) -> Result<()> {
        self.set_in(File::Config, host, settings)
    }

    /// The same of either file.
    pub fn set_in(&self, file: File, host: &str, settings: &[(&'static str, Wanted)]) -> Result<()> {
        let path = self.home(host).join(file.path());
        let rows: Vec<_> = settings
            .iter()
            .map(|(key, value)| palisade_sentry::node_config::Wanted {
                file,
                key,
                value: value.clone(),
                why: "",
            })
            .collect();
        let edited = edit(&std::fs::read_to_string(&path)?, &rows)?;
        Ok(std::fs::write(path, edited.text)?)
    }

    /// `palisade-sentry render --write`; an outsider has nothing to render.
    pub fn render(&self, host: &str) -> Result<()> {
        if self.member(host).1.part == Part::Outsider {
            return Ok(());
        }
        let home = self.home(host);
        let output = sentry("render")?
            .arg(self.file())
            .args(["--node", host, "--write", "--home"])
            .arg(&home)
            .output()?;
        ensure!(output.status.success(), "render {host}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Starts every node.
    pub fn start(&mut self) -> Result<()> {
        for member in &self.members {
            let home = self.home(member.name);
            let mut command = self.internet.command(member.name, &self.line.program()?);
            command.arg(self.line.verb()).arg("--home").arg(&home);
            self.running.push(Process::start(member.name, &mut command, &home.join("node.log"))?);
        }
        Ok(())
    }

    /// Stops everything.
    pub fn stop(&mut self) -> Result<()> {
        for process in self.running.drain(..) {
            process.terminate(Duration::from_secs(20))?;
        }
        Ok(())
    }

    /// Waits until this sentry has the validator as a peer, by its own RPC on its loopback.
    pub fn linked(&mut self, sentry: &str, validator: &str) -> Result<()> {
        let (own, hidden) = (format!("{}@127.0.0.1:26656", self.id(sentry)), self.id(validator));
        until("the sentry has the validator as a peer", Duration::from_secs(90), || {
            let args = ["--target", &own, "--private", &hidden, "--pex-requests", "1"];
            let report = self.look(sentry, None, &args)?;
            Ok(rules_at(&report, "live", "127.0.0.1")
                .contains(&"hidden_node_in_answers".to_owned())
                .then_some(()))
        })
        .with_context(|| format!("{sentry}: {}", self.tail(sentry)))
    }

    /// The live audit from `host`, of the fleet if its file is given.
    pub fn look(&mut self, host: &str, fleet: Option<&Path>, more: &[&str]) -> Result<Value> {
        for process in &mut self.running {
            process.still_runs()?;
        }
        let mut command = self.internet.command(host, &binaries::own("palisade-sentry")?);
        command.args(["audit", "--json", "--timeout", "2"]).args(fleet).args(more);
        report(&command.output()?)
    }

    /// The audit of a home by its files.
    pub fn audit_home(&self, host: &str) -> Result<Value> {
        let mut command = sentry("audit")?;
        command.arg(self.file()).args(["--node", host, "--json", "--home"]).arg(self.home(host));
        report(&command.output()?)
    }

    /// The last words of a host's node.
    fn tail(&self, host: &str) -> String {
        let at = usize::from(self.member(host).0);
        self.running.get(at).map(Process::tail).unwrap_or_default()
    }

    fn member(&self, host: &str) -> (u8, &Member) {
        let mut numbered = (0_u8..).zip(&self.members);
        numbered.find(|(_, member)| member.name == host).expect("a host of this fleet")
    }

    fn text(&self) -> String {
        let mut text = format!("[[chain]]\nid = \"probe-1\"\nnode_line = \"{}\"\n", self.line.name());
        for (number, member) in (0_u8..).zip(&self.members) {
            let (role, config) = match member.part {
                Part::Outsider => continue,
                // The node finds its own signatures in its blocks when it starts again, and would stop.
                Part::Validator => {
                    ("validator", "moniker = \"fern\"\nconsensus.double_sign_check_height = 0\n")
                }
                Part::Sentry => ("sentry", "moniker = \"acme\"\n"),
                Part::Seed => ("seed", "moniker = \"acme\"\n"),
            };
            text += &format!(
                "[[host]]\nname = \"{}\"\nprovider = \"p{number}\"\npublic = [\"{}\"]\nwireguard = \"{}\"\n\
                 [[host.node]]\nchain = \"probe-1\"\nrole = \"{role}\"\nid = \"{}\"\n\
                 [host.node.config]\n{config}rpc.laddr = \"tcp://127.0.0.1:26657\"\n",
                member.name,
                public(number),
                inner(number),
                member.node_key.public().node_id(),
            );
        }
        text
    }
}

fn public(number: u8) -> String {
    format!("198.18.0.{}", 10 + number)
}

fn inner(number: u8) -> String {
    format!("100.64.7.{}", 10 + number)
}

fn sentry(verb: &str) -> Result<Command> {
    let mut command = Command::new(binaries::own("palisade-sentry")?);
    command.arg(verb);
    Ok(command)
}

fn report(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Rules that found something on this host in this kind of evidence.
pub fn rules_at(report: &Value, source: &str, host: &str) -> Vec<String> {
    let findings = report["findings"].as_array().expect("an array").iter();
    let here = findings.filter(|f| f["source"] == source && f["subject"]["host"] == host);
    let mut rules: Vec<String> = here.map(|f| f["rule"].as_str().expect("a string").to_owned()).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}
