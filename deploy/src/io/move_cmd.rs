//! `palisade signer move OLD NEW`: performs a move step by step, and writes down where it stands before each.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use palisade_sentry::io::fleet_file;

use super::move_host::Hosts;
use crate::moving::{Action, Move, Order, Side, Stage, order};

/// Between two questions that are the same.
const PAUSE: Duration = Duration::from_secs(1);

/// Arguments of `palisade signer move`.
#[derive(Debug, Parser)]
#[command(
    name = "palisade signer move",
    about = "Move every key of one signer host to another that stands by: stop, mask, carry the mark, prove, start, watch"
)]
pub struct MoveArgs {
    /// Host that signs now.
    pub from: String,
    /// Host that shall sign, with `standby` for the same keys in the fleet file, and applied.
    pub to: String,
    /// The fleet file.
    #[arg(long, default_value = "fleet.toml")]
    pub fleet: PathBuf,
    /// Blocks that must be final without a signature of the key before the new host starts; 2 at least.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub missed_blocks: u32,
    /// The chain stands still without this validator; that it does, for a minute, is taken as the proof instead.
    #[arg(long)]
    pub chain_halts_without_us: bool,
    /// Where the move is written down, to go on after a cut.
    #[arg(long, value_name = "DIR", default_value = ".palisade")]
    pub journal: PathBuf,
    /// ssh configuration instead of the user's own.
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub yes: bool,
}

/// Runs the command. 0 moved, 1 given up with a way forward, else an error.
///
/// # Errors
/// The fleet does not know such a move, or the journal cannot be written.
pub fn run(args: &MoveArgs) -> anyhow::Result<u8> {
    let fleet = fleet_file::load(&args.fleet)?;
    let order = order(&fleet, &args.from, &args.to, args.missed_blocks, args.chain_halts_without_us)?;
    let Some(hosts) = Hosts::new(&fleet, args.ssh_config.clone()) else {
        bail!("{}: the fleet has no [deploy]\ntry: add [deploy] and [host.ssh]", args.fleet.display());
    };
    let journal = Journal::open(&args.journal, &order)?;
    let mut of = journal.read(&order)?;
    confirm(&of, args.yes)?;
    loop {
        if of.next() == Action::End {
            break;
        }
        journal.write(&of)?;
        if of.waits() {
            std::thread::sleep(PAUSE);
        }
        if let Some(words) = words(&of) {
            eprintln!("{words}");
        }
        let seen = hosts.perform(&of);
        of = of.seen(seen);
    }
    journal.write(&of)?;
    match of.end() {
        Some(Err(abort)) => {
            eprintln!("\ngiven up: {}", abort.doubt);
            for (number, line) in abort.way_forward.iter().enumerate() {
                eprintln!("  {}. {line}", number + 1);
            }
            Ok(1)
        }
        _ => {
            println!("moved: {} signs, {} is stopped and masked", of.order.to, of.order.from);
            println!(
                "now swap them in {}: keys to {}, standby to {}",
                args.fleet.display(),
                of.order.to,
                of.order.from
            );
            Ok(0)
        }
    }
}

/// What is about to happen, where it is worth a line.
fn words(of: &Move) -> Option<String> {
    let (from, to) = (&of.order.from, &of.order.to);
    Some(match (&of.stage, of.next()) {
        (Stage::Confirm(asked) | Stage::WatchOld(asked) | Stage::WatchNew(asked, _), _) if *asked > 0 => {
            return None;
        }
        (Stage::Prove(_, proof), _) if proof.asked > 0 => return None,
        (Stage::LookOld, _) => format!("look at {from}: it must answer, with a key and a mark"),
        (Stage::WatchOld(_), _) => format!("{from}: still silent? and watch the first signature of {to}"),
        (_, Action::Look(Side::Old)) => format!("{from}: stopped, masked, no process, no link to a node?"),
        (Stage::LookNew, _) => format!("look at {to}: same key, room on the disk, nothing running"),
        (Stage::WatchNew(..), _) => return None,
        (Stage::Prove(..), Action::Chain(id, _)) => {
            format!("{id}: {} final blocks without the key", of.order.missed_blocks + 1)
        }
        (_, Action::Chain(id, _)) => format!("{id}: does a node answer?"),
        (_, Action::Mask) => format!("mask {from}"),
        (_, Action::Stop) => format!("stop {from}: from here on blocks are missed"),
        (_, Action::Export(id)) => format!("{from}: carry the mark of {id} away, and put the state aside"),
        (_, Action::Import(id, _)) => format!("{to}: raise the mark of {id} to the one carried"),
        (_, Action::Start) => format!("start {to}"),
        (_, Action::StopNew) => format!("{from} may be alive: stop {to}"),
        (_, Action::Look(Side::New) | Action::End) => return None,
    })
}

fn confirm(of: &Move, yes: bool) -> anyhow::Result<()> {
    let chains = of.order.chains.iter().map(|chain| chain.id.as_str()).collect::<Vec<_>>().join(", ");
    let again = if of.stage == Stage::LookOld { "" } else { " (goes on where it was cut)" };
    eprintln!("move {chains} from {} to {}{again}", of.order.from, of.order.to);
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("nobody is there to confirm this; nothing was changed\ntry: --yes in scripts");
    }
    eprint!("The validator misses blocks meanwhile. Type yes: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    if answer.trim() != "yes" {
        bail!("not confirmed; nothing was changed\ntry: again, and type yes");
    }
    Ok(())
}

/// The file that says where a move stands. Held under a lock: two people do not move the same key at once.
struct Journal {
    path: PathBuf,
    _lock: File,
}

impl Journal {
    fn open(dir: &Path, order: &Order) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let lock_path = dir.join("move.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock_path);
        let lock = lock.with_context(|| lock_path.display().to_string())?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).with_context(
            || format!("{}: another move is under way\ntry: wait until it has ended", lock_path.display()),
        )?;
        Ok(Self { path: dir.join(format!("move-{}-{}.json", order.from, order.to)), _lock: lock })
    }

    /// The move that is written down, to go on with; a new one if there is none, or the last one is over.
    fn read(&self, order: &Order) -> anyhow::Result<Move> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Move::new(order.clone())),
            Err(error) => return Err(error).with_context(|| self.path.display().to_string()),
        };
        let of: Move = serde_json::from_str(&text).with_context(|| {
            format!(
                "{}: not the journal of a move\ntry: keep it, it may hold a mark; give another --journal",
                self.path.display()
            )
        })?;
        if of.stage == Stage::Done {
            return Ok(Move::new(order.clone()));
        }
        let chains = |order: &Order| order.chains.iter().map(|c| c.id.clone()).collect::<Vec<_>>();
        if chains(&of.order) != chains(order) {
            bail!(
                "{}: a move of other chains was cut here\ntry: give the fleet the chains of that move again, and end it first",
                self.path.display()
            );
        }
        // What may be said anew: where to ask, and how the proof is made.
        Ok(Move { order: order.clone(), ..of }.resumed())
    }

    fn write(&self, of: &Move) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(of).expect("strings and numbers");
        let beside = self.path.with_extension("json.new");
        let written = (|| {
            let mut file =
                OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)?;
            File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
        })();
        written.with_context(|| {
            format!("{}: the move cannot be written down, so it does not go on", self.path.display())
        })
    }
}
