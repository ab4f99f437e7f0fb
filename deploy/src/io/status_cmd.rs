//! `palisade status`: asks every host, read-only, and prints one table. Exit 0 all is well, 1 something is not.

use std::path::PathBuf;
use std::time::Duration;

use palisade_sentry::deployment::Deployment;
use palisade_sentry::io::fleet_file;
use palisade_sentry::{Fleet, Listen};
use serde::Deserialize;

use super::plan_cmd::deployment;
use super::ssh::Ssh;
use crate::moving::{FACTS_SCRIPT, Facts};
use crate::status::{Row, mark_late, table};

const LOOK: Duration = Duration::from_secs(30);

/// Arguments of `palisade status`.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArgs {
    /// The fleet file.
    pub fleet: PathBuf,
    /// For machines.
    #[arg(long)]
    pub json: bool,
    /// ssh configuration instead of the user's own.
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The fleet does not resolve.
pub fn run(args: &StatusArgs) -> anyhow::Result<u8> {
    let fleet = fleet_file::load(&args.fleet)?;
    let of = deployment(&fleet, &args.fleet)?;
    let asking = Asking { fleet: &fleet, of, ssh: Ssh { config: args.ssh_config.clone() } };
    let mut rows: Vec<Row> = std::thread::scope(|scope| {
        let asking = &asking;
        let asked: Vec<_> = fleet.hosts().map(|host| scope.spawn(move || asking.host(&host.name))).collect();
        asked.into_iter().flat_map(|thread| thread.join().expect("asking does not panic")).collect()
    });
    for chain in fleet.chains() {
        mark_late(&mut rows, &chain.id);
    }
    if args.json {
        println!("{}", serde_json::to_string(&rows).expect("strings and numbers"));
    } else {
        print!("{}", table(&rows));
    }
    Ok(u8::from(rows.iter().any(|row| !row.findings.is_empty())))
}

struct Asking<'a> {
    fleet: &'a Fleet,
    of: &'a Deployment,
    ssh: Ssh,
}

/// The line that a node's own answers become.
#[derive(Deserialize)]
struct NodeLine {
    version: String,
    height: i64,
    catching_up: bool,
    peers: usize,
}

impl Asking<'_> {
    fn host(&self, host: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        for view in self.fleet.views().filter(|v| v.host.name == host) {
            let what = format!("{} {}", view.node.role, view.node.name.chain);
            let Some(Listen::Tcp(address)) = &view.settings.rpc_laddr.value else { continue };
            let ip =
                if address.ip().is_unspecified() { "127.0.0.1".into() } else { address.ip().to_string() };
            let script = NODE.replace("@RPC@", &format!("{ip}:{}", address.port()));
            rows.push(match self.ask(host, &script).map(|out| serde_json::from_str::<NodeLine>(&out)) {
                Ok(Ok(node)) => {
                    let state = if node.catching_up { "catching up" } else { "in sync" };
                    let findings = if node.peers == 0 { vec!["no peers".to_owned()] } else { vec![] };
                    let state = format!("{state}, {} peers", node.peers);
                    Row {
                        host: host.into(),
                        what,
                        version: node.version,
                        height: Some(node.height),
                        state,
                        findings,
                    }
                }
                Ok(Err(error)) => dead(host, what, &error.to_string()),
                Err(error) => dead(host, what, &error),
            });
        }
        if let Some(signer) = self.fleet.signers().iter().find(|s| s.host == host) {
            let what = if signer.keys.is_empty() { "signer (standby)" } else { "signer" }.to_owned();
            let facts =
                self.ask(host, FACTS_SCRIPT).and_then(|out| Facts::read(&out).map_err(|e| e.to_string()));
            rows.push(match facts {
                Ok(facts) => signer_row(host, what, signer.keys.is_empty(), &facts),
                Err(error) => dead(host, what, &error),
            });
        }
        let mut daemons = Vec::new();
        if self.fleet.monitors().iter().any(|m| m.host == host) {
            daemons.push("palisade-monitor");
        }
        if self.of.watches.contains_key(host) {
            daemons.push("palisade-sentry-watch");
        }
        if self.of.prometheus.contains_key(host) {
            daemons.extend(["prometheus", "prometheus-alertmanager"]);
        }
        for daemon in daemons {
            let script = format!("systemctl show -p ActiveState --value {daemon}.service; echo end");
            rows.push(match self.ask(host, &script) {
                Ok(out) => {
                    let state = out.lines().next().unwrap_or_default().to_owned();
                    let findings =
                        if state == "active" { vec![] } else { vec![format!("systemctl status {daemon}")] };
                    let (host, what) = (host.to_owned(), daemon.to_owned());
                    Row { host, what, version: String::new(), height: None, state, findings }
                }
                Err(error) => dead(host, daemon.to_owned(), &error),
            });
        }
        rows
    }

    fn ask(&self, host: &str, script: &str) -> Result<String, String> {
        self.ssh.must(host, &self.of.access[host], script, LOOK).map_err(|e| e.to_string())
    }
}

fn signer_row(host: &str, what: String, standby: bool, facts: &Facts) -> Row {
    let running = facts.unit.active == "active";
    let mut findings = Vec::new();
    match (standby, running) {
        (true, true) => findings.push(
            "a standby signer runs: swap keys and standby in the fleet file, if its key was moved here"
                .to_owned(),
        ),
        (false, false) => findings.push("the signer that holds the key does not run".to_owned()),
        // A standby has no mark, and is right to have none.
        (true, false) => {}
        (false, true) => findings.extend(facts.findings.iter().cloned()),
    }
    let state = if facts.unit.load == "masked" { "masked" } else { &facts.unit.active }.to_owned();
    let height = facts.marks.values().map(|mark| mark.height).max();
    Row { host: host.to_owned(), what, version: String::new(), height, state, findings }
}

fn dead(host: &str, what: String, why: &str) -> Row {
    let why = why.lines().next().unwrap_or_default().to_owned();
    Row {
        host: host.to_owned(),
        what,
        version: String::new(),
        height: None,
        state: "no answer".into(),
        findings: vec![why],
    }
}

const NODE: &str = r#"
exec python3 - '@RPC@' <<'PYTHON'
import json, sys, urllib.request
def ask(path):
    with urllib.request.urlopen("http://%s%s" % (sys.argv[1], path), timeout=5) as answer:
        return json.load(answer)["result"]
status = ask("/status")
print(json.dumps({"version": status["node_info"]["version"], "height": int(status["sync_info"]["latest_block_height"]),
                  "catching_up": bool(status["sync_info"]["catching_up"]), "peers": int(ask("/net_info")["n_peers"])}))
PYTHON
"#;
