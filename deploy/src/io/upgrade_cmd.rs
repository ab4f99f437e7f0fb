//! `palisade upgrade`: is every node ready, and, with `--watch`, did every node come through. Read-only. Exit 0 yes, 1 no.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use palisade_sentry::io::fleet_file;
use palisade_sentry::{Fleet, Listen, View};

use super::plan_cmd::deployment;
use super::ssh::Ssh;
use crate::gate::{self, Sample};
use crate::upgrade::{Ready, Way, judge, script, staged_at, way};

const ASK: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(2);

/// Arguments of `palisade upgrade`.
#[derive(Clone, Debug, clap::Args)]
pub struct UpgradeArgs {
    /// The fleet file, with `[chain.software.upgrades.NAME]`.
    pub fleet: PathBuf,
    /// Chain id.
    #[arg(long)]
    pub chain: String,
    /// Name of the plan on the chain.
    #[arg(long)]
    pub name: String,
    /// Watch every node through this height, which is the plan's.
    #[arg(long, value_name = "HEIGHT")]
    pub watch: Option<i64>,
    /// Seconds that the nodes may take from the halt to the first block after it.
    #[arg(long, default_value_t = 3600)]
    pub patience: u64,
    /// ssh configuration instead of the user's own.
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The fleet does not resolve, or knows no such upgrade.
pub fn run(args: &UpgradeArgs) -> anyhow::Result<u8> {
    let fleet = fleet_file::load(&args.fleet)?;
    let of = deployment(&fleet, &args.fleet)?;
    let software =
        of.software.get(&args.chain).with_context(|| format!("the fleet has no chain {}", args.chain))?;
    let Some(upgrade) = software.upgrades.get(&args.name) else {
        bail!(
            "the fleet knows no upgrade \"{}\" of {}\ntry: [chain.software.upgrades.{}] with version and binary, then palisade plan and apply, which put it in place",
            args.name,
            args.chain,
            args.name
        );
    };
    let ssh = Ssh { config: args.ssh_config.clone() };
    let path = staged_at(software, &args.chain, &args.name, &upgrade.version);
    let mut ready = true;
    for view in nodes(&fleet, &args.chain) {
        let host = &view.host.name;
        let answer = ssh.must(host, &of.access[host], &script(&path), ASK);
        let stands = match answer {
            Ok(out) => judge(&out, &upgrade.binary.sha256),
            Err(error) => Ready::Unknown(error.to_string()),
        };
        ready &= stands == Ready::Yes;
        let words = match &stands {
            Ready::Yes => format!("ready: {} at {path}", upgrade.version),
            Ready::Missing => format!("NOT READY: nothing at {path}"),
            Ready::Other(digest) => format!("NOT READY: {path} has sha256 {digest}"),
            Ready::Unknown(why) => format!("UNKNOWN: {}", why.lines().next().unwrap_or_default()),
        };
        println!("{host:<16} {words}");
    }
    if !ready {
        println!(
            "try: palisade plan {0} --out plan.json && palisade apply plan.json --fleet {0}, ahead of the height",
            args.fleet.display()
        );
        return Ok(1);
    }
    if software.cosmovisor.is_none() {
        println!(
            "no cosmovisor: at the height the nodes stop; then set version and binary of the chain to these, plan, apply"
        );
    }
    match args.watch {
        Some(height) => watch(args, &fleet, height, &ssh),
        None => Ok(0),
    }
}

fn watch(args: &UpgradeArgs, fleet: &Fleet, height: i64, ssh: &Ssh) -> anyhow::Result<u8> {
    let of = deployment(fleet, &args.fleet)?;
    let (mut told, mut halted) = (String::new(), None::<Instant>);
    loop {
        let mut heights = BTreeMap::new();
        for view in nodes(fleet, &args.chain) {
            let Some(Listen::Tcp(address)) = &view.settings.rpc_laddr.value else { continue };
            let ip =
                if address.ip().is_unspecified() { "127.0.0.1".into() } else { address.ip().to_string() };
            let script = gate::script(&format!("{ip}:{}", address.port()));
            let answer = ssh.must(&view.host.name, &of.access[&view.host.name], &script, ASK);
            let sample = answer.ok().and_then(|out| serde_json::from_str::<Sample>(&out).ok());
            heights.insert(view.host.name.clone(), sample.map(|sample| sample.height));
        }
        let now = way(height, &heights);
        let words = match &now {
            Way::Before(left) => format!("{left} blocks before the upgrade"),
            Way::Halting(nodes) => format!("at the height: {}", nodes.join(", ")),
            Way::Resuming(nodes) => format!("back: {}", nodes.join(", ")),
            Way::Through => {
                println!("through: every node makes blocks above {height}");
                return Ok(0);
            }
        };
        if words != told {
            println!("{words}");
            told = words;
        }
        if !matches!(now, Way::Before(_)) {
            let since = *halted.get_or_insert_with(Instant::now);
            if since.elapsed() > Duration::from_secs(args.patience) {
                for (node, at) in heights.iter().filter(|(_, at)| at.is_none_or(|at| at <= height)) {
                    println!(
                        "{node} is not back (at {})\ntry: journalctl -u palisade-node@{} there",
                        at.map_or_else(|| "no answer".into(), |h| h.to_string()),
                        args.chain
                    );
                }
                return Ok(1);
            }
        }
        std::thread::sleep(PAUSE);
    }
}

fn nodes<'f>(fleet: &'f Fleet, chain: &'f str) -> impl Iterator<Item = View<'f>> {
    fleet.views().filter(move |view| view.node.name.chain == chain)
}
