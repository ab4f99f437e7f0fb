//! `palisade-sentry audit`: the rules on a planned fleet, and on what the world sees of it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::audit::examine;
use crate::finding::Severity;
use crate::fleet::Fleet;
use crate::home::Home;
use crate::io::fleet_file::load;
use crate::io::node_home;
use crate::io::probe::{Options, Way};
use crate::io::survey::Survey;
use crate::live::Live;
use crate::named::named;
use crate::peer::{NodeId, PeerAddress};
use crate::report;
use crate::rules::Evidence;

/// What to judge, and how to say it.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// The fleet file.
    #[arg(required_unless_present_any = ["target", "home"])]
    fleet: Option<PathBuf>,
    /// Look at a node's home instead of the plan: the directory above config/. Beside a fleet its files are judged by every
    /// rule; without one, by what they say alone. Read it as its owner or as root.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["live", "target", "from"])]
    home: Option<PathBuf>,
    /// Whose home it is: its host in the fleet, or host/chain where a host has several nodes.
    #[arg(long, value_name = "HOST[/CHAIN]", requires_all = ["home", "fleet"])]
    node: Option<String>,
    /// Look at the fleet from outside as well: P2P handshakes, address books by PEX, and every port that gives something away.
    #[arg(long)]
    live: bool,
    /// Look from a jump host, ssh://user@host[:port]; the system's ssh must get there without a password.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// A node to look at, id@host:port. Without a fleet it is taken for a sentry of ours; beside one, for somebody else's
    /// node that is asked what it hands on.
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    target: Vec<PeerAddress>,
    /// Ask the public seeds of the fleet's chains what they hand on.
    #[arg(long, requires = "live")]
    seeds: bool,
    /// Node ids that nobody may be told, beside those of the fleet.
    #[arg(long, value_name = "NODE_ID", value_delimiter = ',')]
    private: Vec<NodeId>,
    /// Addresses that nobody may be told, beside those of the fleet.
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    private_ip: Vec<IpAddr>,
    /// PEX requests to each node, two on a connection.
    #[arg(long, value_name = "N", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pex_requests: u32,
    /// Seconds until a connection must stand; what is said on it has three times as long.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// Print JSON instead of text.
    #[arg(long, conflicts_with = "sarif")]
    json: bool,
    /// Print SARIF 2.1.0 instead of text.
    #[arg(long)]
    sarif: bool,
    /// Exit 1 from this severity on.
    #[arg(long, value_name = "SEVERITY", default_value = "warn")]
    fail_on: Severity,
}

/// Runs it; returns what to print and the exit code.
pub(super) fn run(args: &Audit) -> anyhow::Result<(String, u8)> {
    let fleet = args.fleet.as_deref().map(load).transpose()?;
    let live = if args.live || !args.target.is_empty() {
        Some(look(args, fleet.as_ref())?)
    } else if args.home.is_none()
        && (args.from.is_some() || !args.private.is_empty() || !args.private_ip.is_empty())
    {
        bail!(
            "--from, --private and --private-ip are for looking at what there is\ntry: add --live or --home"
        );
    } else {
        None
    };
    let home = args.home.as_deref().map(|dir| read(args, dir, fleet.as_ref())).transpose()?;
    let planned = if home.is_some() { None } else { fleet.as_ref() };
    let report = examine(&Evidence { planned, live: live.as_ref(), home: home.as_ref() });
    let source = match args.home.as_ref().or(args.fleet.as_ref()) {
        Some(file) => file.display().to_string(),
        None => args.target.iter().map(|peer| peer.host.clone()).collect::<Vec<_>>().join(","),
    };
    let text = match () {
        () if args.json => report::json(&report, &source),
        () if args.sarif => report::sarif(&report, &source),
        () => report::text(&report, &source),
    };
    Ok((text, u8::from(report.fails(args.fail_on))))
}

/// The home at `dir`.
fn read(args: &Audit, dir: &Path, fleet: Option<&Fleet>) -> anyhow::Result<Home> {
    let hidden = survey(args, fleet).hidden();
    let Some(fleet) = fleet else { return Ok(node_home::load(dir, None, None, &hidden)?) };
    let name = args.node.as_deref().with_context(|| {
        format!("whose home is {}?\ntry: --node HOST, as the fleet file calls it", dir.display())
    })?;
    let view = named(fleet, name)?;
    Ok(node_home::load(dir, Some((fleet, view)), view.node.line, &hidden)?)
}

fn look(args: &Audit, fleet: Option<&Fleet>) -> anyhow::Result<Live> {
    let way = match &args.from {
        None => Way::Direct,
        Some(url) => Way::from_url(url)
            .with_context(|| format!("\"{url}\" names no jump host\ntry: --from ssh://user@host"))?,
    };
    let connect = Duration::from_secs(args.timeout);
    let options =
        Options { way, connect, talk: 3 * connect, requests: args.pex_requests, ..Options::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(survey(args, fleet).look(&options))?)
}

fn survey<'a>(args: &'a Audit, fleet: Option<&'a Fleet>) -> Survey<'a> {
    Survey {
        fleet,
        whole: args.live,
        targets: &args.target,
        seeds: args.seeds,
        private: &args.private,
        private_ip: &args.private_ip,
    }
}
