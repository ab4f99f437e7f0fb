//! The actions of a move as scripts on the two hosts. What is decided stands in `moving`; here is only what is typed.

use std::path::PathBuf;
use std::time::Duration;

use palisade_sentry::Fleet;
use palisade_sentry::deployment::{Access, Deployment};
use serde::Deserialize;

use super::ssh::{Ssh, SshError};
use crate::moving::{
    Action, Carried, ChainOrder, ChainView, FACTS_SCRIPT, Facts, FactsError, Move, Order, Place, Seen, Side,
};

/// A look or a small change.
const SHORT: Duration = Duration::from_secs(30);
/// Stopping waits for systemd, which waits for the signer.
const LONG: Duration = Duration::from_secs(60);
/// `CommitSig` of a validator that did not sign.
const ABSENT: u8 = 1;

/// The hosts of a move.
pub(super) struct Hosts<'f> {
    ssh: Ssh,
    deployment: &'f Deployment,
}

/// Why an action has no result.
#[derive(Debug, thiserror::Error)]
enum ActError {
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error(transparent)]
    Facts(#[from] FactsError),
    #[error("the fleet does not say how to reach {0}")]
    NoAccess(String),
    #[error("what {0} printed cannot be read: {1}")]
    Unreadable(&'static str, String),
    #[error("{}", .0.join("; "))]
    NoNode(Vec<String>),
}

impl<'f> Hosts<'f> {
    /// The hosts of this fleet, unless it says nothing of deployment.
    pub(super) fn new(fleet: &'f Fleet, config: Option<PathBuf>) -> Option<Self> {
        Some(Self { ssh: Ssh { config }, deployment: fleet.deployment()? })
    }

    /// Performs the next action of a move.
    pub(super) fn perform(&self, of: &Move) -> Seen {
        self.act(of).unwrap_or_else(|error| Seen::Failed(error.to_string()))
    }

    fn act(&self, of: &Move) -> Result<Seen, ActError> {
        let order = &of.order;
        match of.next() {
            Action::Look(side) => {
                let host = side.host(order);
                Ok(Seen::Facts(Facts::read(&self.must(host, FACTS_SCRIPT, SHORT)?)?))
            }
            Action::Chain(id, from) => {
                let chain = order.chains.iter().find(|c| c.id == id).expect("its own chain");
                Ok(Seen::Chain(self.chain(chain, from, of.keys.get(&id))?))
            }
            Action::Mask => self.done(&order.from, MASK, LONG),
            Action::Stop => self.done(&order.from, STOP, LONG),
            Action::Export(chain) => {
                let script = EXPORT.replace("@CHAIN@", &chain).replace("@TO@", &order.to);
                let text = self.must(&order.from, &script, SHORT)?;
                Ok(Seen::Exported(carried(&text, &chain)?))
            }
            Action::Import(chain, text) => {
                let script = IMPORT.replace("@CHAIN@", &chain).replace("@MARK@", text.trim());
                let out = self.must(&order.to, &script, SHORT)?;
                let facts = Facts::read(&out)?;
                let mark = facts.marks.get(&chain).copied();
                Ok(Seen::Imported(mark.ok_or(ActError::Unreadable("the new host's check", out))?))
            }
            Action::Start => self.done(&order.to, START, LONG),
            Action::StopNew => self.done(&order.to, &format!("{STOP}\n{MASK}"), LONG),
            Action::End => Ok(Seen::Done),
        }
    }

    fn done(&self, host: &str, script: &str, limit: Duration) -> Result<Seen, ActError> {
        self.must(host, script, limit).map(|_| Seen::Done)
    }

    fn must(&self, host: &str, script: &str, limit: Duration) -> Result<String, ActError> {
        Ok(self.ssh.must(host, self.access(host)?, script, limit)?)
    }

    /// A node's own host, or this machine for the nodes of others.
    fn node(&self, host: &str, script: &str) -> Result<String, ActError> {
        if !host.is_empty() {
            return self.must(host, script, SHORT);
        }
        let out = std::process::Command::new("sh").arg("-c").arg(script).output().map_err(SshError::Start)?;
        if out.status.success() {
            return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        Err(SshError::Failed { host: "a node of others".into(), said }.into())
    }

    fn access(&self, host: &str) -> Result<&Access, ActError> {
        self.deployment.access.get(host).ok_or_else(|| ActError::NoAccess(host.into()))
    }

    /// Asks the nodes of a chain, each on its own host, until one answers; the newest tip of all counts where several do.
    fn chain(
        &self,
        chain: &ChainOrder,
        from: Option<i64>,
        address: Option<&String>,
    ) -> Result<ChainView, ActError> {
        let mut best = ChainView::default();
        let mut errors = Vec::new();
        for (host, rpc) in &chain.rpc {
            let script = RPC
                .replace("@RPC@", &rpc.replace('\'', ""))
                .replace("@CHAIN@", &chain.id)
                .replace("@FROM@", &from.map_or_else(|| "-".into(), |height| height.to_string()));
            let read =
                self.node(host, &script).and_then(|out| view(&out, address.map_or("", String::as_str)));
            match read {
                // A node that is behind shows less; one that lies about heights is not ours.
                Ok(view) if view.tip > best.tip => best = view,
                Ok(_) => {}
                Err(error) => errors.push(error.to_string()),
            }
        }
        if best.tip > 0 { Ok(best) } else { Err(ActError::NoNode(errors)) }
    }
}

impl Side {
    fn host(self, order: &Order) -> &str {
        match self {
            Self::Old => &order.from,
            Self::New => &order.to,
        }
    }
}

/// Height, round and step of an exported mark; the signer's import reads the rest, and refuses what was changed on the way.
fn carried(text: &str, chain: &str) -> Result<Carried, ActError> {
    #[derive(Deserialize)]
    struct Exported {
        chain_id: String,
        height: String,
        round: i32,
        step: u8,
    }
    let wrong = |why: String| ActError::Unreadable("the export", why);
    let read: Exported = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
    if read.chain_id != chain {
        return Err(wrong(format!("it is of {}", read.chain_id)));
    }
    let height = read.height.parse().map_err(|_| wrong("its height".into()))?;
    Ok(Carried { at: Place { height, round: read.round, step: read.step }, text: text.to_owned() })
}

/// Of an answer of /commit, the commit.
#[derive(Deserialize)]
struct Answer {
    signed_header: OnlyCommit,
}

#[derive(Deserialize)]
struct OnlyCommit {
    commit: comet::rpc::Commit,
}

/// The lines of the script [`RPC`].
fn view(text: &str, address: &str) -> Result<ChainView, ActError> {
    let wrong = |why: String| ActError::Unreadable("a node's RPC", why);
    let mut lines = text.lines();
    let tip = lines.next().and_then(|line| line.strip_prefix("tip ")?.parse().ok());
    let mut view = ChainView { tip: tip.ok_or_else(|| wrong("no tip".into()))?, commits: Vec::new() };
    let mut ended = false;
    for line in lines {
        ended = line == "end";
        if ended {
            break;
        }
        let answer: Answer = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        let commit = answer.signed_header.commit;
        let signed = commit.signatures.iter().any(|entry| {
            entry.block_id_flag != ABSENT && entry.validator_address.eq_ignore_ascii_case(address)
        });
        view.commits.push((commit.height, signed.then_some(commit.round)));
    }
    if ended { Ok(view) } else { Err(wrong("cut off".into())) }
}

/// A unit file in /etc cannot be masked, so it is put aside first. A drop-in that refuses the start stays beside it: even a unit
/// that somebody installs again does not start here.
const MASK: &str = r"
set -eu
u=palisade-signer.service
f=/etc/systemd/system/$u
systemctl disable $u 2>/dev/null || true
if [ -f $f ] && [ ! -L $f ]; then mv $f $f.moved-away; fi
systemctl mask $u
systemctl daemon-reload
sync -f /etc/systemd/system
[ $(readlink $f) = /dev/null ]
";

const STOP: &str = r"
set -eu
systemctl stop palisade-signer.service
";

/// Runs once or again: the state is exported and put aside, or what an earlier run exported is printed.
const EXPORT: &str = r#"
set -eu
s() { runuser -u palisade-signer -- /usr/local/bin/palisade-signer state "$@"; }
c=/etc/palisade/signer/signer.toml
d=/var/lib/palisade-signer/moved
install -d -o palisade-signer -g palisade-signer -m 0700 $d
n="$d/to-@TO@-@CHAIN@.json"
if s show --config $c --chain '@CHAIN@' >/dev/null; then
  rm -f "$n.new"
  s export --config $c --chain '@CHAIN@' --out "$n.new" --retire >/dev/null
fi
if [ -f "$n.new" ]; then mv -f "$n.new" "$n"; sync -f "$d"; fi
cat "$n"
"#;

/// The mark must be there and above the old one, or the import fails; a mark that an earlier run imported is as good.
const IMPORT: &str = r#"
set -eu
s() { runuser -u palisade-signer -- /usr/local/bin/palisade-signer "$@"; }
c=/etc/palisade/signer/signer.toml
d=/var/lib/palisade-signer/carried
install -d -o palisade-signer -g palisade-signer -m 0700 $d
n="$d/@CHAIN@.json"
cat >"$n" <<'MARK'
@MARK@
MARK
chown palisade-signer:palisade-signer "$n"
chmod 0600 "$n"
sync -f "$n"
s state import --config $c --chain '@CHAIN@' --i-stopped-the-old-signer --yes "$n" >&2 || true
systemctl show -p LoadState -p ActiveState -p UnitFileState -p MainPID palisade-signer.service | sed 's/^/unit /'
s check --json --config $c | sed 's/^/check /'
echo end
"#;

/// What an earlier move away from here put aside comes back.
const START: &str = r"
set -eu
u=palisade-signer.service
f=/etc/systemd/system/$u
if [ -L $f ]; then systemctl unmask $u; fi
if [ -f $f.moved-away ] && [ ! -e $f ]; then mv $f.moved-away $f; fi
systemctl daemon-reload
systemctl enable --now $u
";

/// Asked on the node's own host by what every host has that Ansible manages. Prints the newest height, then whole answers of
/// /commit for final heights, 20 at most, and a last line.
const RPC: &str = r#"
exec python3 - '@RPC@' '@CHAIN@' '@FROM@' <<'PYTHON'
import json, sys, urllib.request
rpc, chain, start = sys.argv[1:]
def ask(path):
    with urllib.request.urlopen(rpc + path, timeout=5) as answer:
        got = json.load(answer)
    if "result" not in got:
        raise SystemExit("%s%s: %s" % (rpc, path, got.get("error")))
    return got["result"]
status = ask("/status")
if status["node_info"]["network"] != chain:
    raise SystemExit("%s is a node of %s" % (rpc, status["node_info"]["network"]))
tip = int(status["sync_info"]["latest_block_height"])
print("tip %d" % tip)
if start != "-":
    for height in list(range(int(start), tip))[:20]:
        print(json.dumps(ask("/commit?height=%d" % height)))
print("end")
PYTHON
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_shows_whether_the_key_signed() {
        let commit = |height: i64, flag: i32| {
            serde_json::json!({ "signed_header": { "header": null, "commit": { "height": height.to_string(), "round": 1,
                "block_id": { "hash": "", "parts": { "total": 0, "hash": "" } },
                "signatures": [{ "block_id_flag": flag, "validator_address": "AB", "timestamp": "0001-01-01T00:00:00Z",
                    "signature": null }] } }, "canonical": true })
            .to_string()
        };
        let text = format!("tip 9\n{}\n{}\nend\n", commit(7, 2), commit(8, 1));
        match view(&text, "ab") {
            Ok(view) => assert_eq!(view, ChainView { tip: 9, commits: vec![(7, Some(1)), (8, None)] }),
            Err(error) => panic!("{error}"),
        }
        assert!(view("tip 9\n", "ab").is_err(), "cut off");
        assert!(view("tip x\nend\n", "ab").is_err());
    }
}
