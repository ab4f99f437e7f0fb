//! When a node may be left for the next host: in sync, with peers, and its height moves. Judged from samples; not knowing is waiting.

use serde::Deserialize;

/// What a node says of itself at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Newest height.
    pub height: i64,
    /// Whether it still loads old blocks.
    pub catching_up: bool,
    /// Connected peers.
    pub peers: usize,
}

/// What a node must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Peers, at least.
    pub peers: usize,
    /// The chain has no blocks yet: that it answers is all that can be asked.
    pub new_chain: bool,
}

/// May the next host be touched?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Pass,
    /// Not yet, because of this.
    Wait(String),
}

impl Gate {
    /// Judges all samples so far, oldest first.
    pub fn judge(self, samples: &[Result<Sample, String>]) -> Verdict {
        let last = match samples.last() {
            None => return Verdict::Wait("not asked yet".into()),
            Some(Err(why)) => return Verdict::Wait(format!("it does not answer: {why}")),
            Some(Ok(last)) => last,
        };
        if self.new_chain && last.height == 0 {
            return Verdict::Pass;
        }
        if last.catching_up {
            return Verdict::Wait(format!("it is catching up, at {}", last.height));
        }
        if last.peers < self.peers {
            return Verdict::Wait(format!("it has {} of {} peers", last.peers, self.peers));
        }
        // Since it last failed to answer: a height from before a restart is no movement.
        let since = samples.iter().rev().map_while(|s| s.as_ref().ok());
        match since.map(|s| s.height).min() {
            Some(first) if first < last.height => Verdict::Pass,
            _ => Verdict::Wait(format!("its height does not move from {}", last.height)),
        }
    }
}

/// What a live audit says (`sentry audit --live --json`) about what can be seen, one line each. Notes do not stop anything, and what the plan
/// itself leaves open was known before the first host was touched.
///
/// # Errors
/// Not such a report.
pub fn seen_from_outside(report: &str) -> Result<Vec<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Report {
        findings: Vec<Finding>,
    }
    #[derive(Deserialize)]
    struct Finding {
        severity: String,
        source: String,
        rule: String,
        subject: Subject,
        evidence: String,
        fix: String,
    }
    #[derive(Deserialize)]
    struct Subject {
        host: Option<String>,
    }
    let report: Report = serde_json::from_str(report)?;
    let seen = report.findings.into_iter().filter(|f| f.severity != "info" && f.source != "planned");
    let line = |f: Finding| {
        let host = f.subject.host.unwrap_or_default();
        format!("{} {host} {}: {}\n  fix: {}", f.severity, f.rule, f.evidence, f.fix)
    };
    Ok(seen.map(line).collect())
}

/// Run on the node's host by `sh`: prints one sample as JSON.
pub fn script(rpc: &str) -> String {
    SCRIPT.replace("@RPC@", rpc)
}

const SCRIPT: &str = r#"
exec python3 - '@RPC@' <<'PYTHON'
import json, sys, urllib.request
def ask(path):
    with urllib.request.urlopen("http://%s%s" % (sys.argv[1], path), timeout=5) as answer:
        return json.load(answer)["result"]
sync = ask("/status")["sync_info"]
print(json.dumps({"height": int(sync["latest_block_height"]), "catching_up": bool(sync["catching_up"]),
                  "peers": int(ask("/net_info")["n_peers"])}))
PYTHON
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(height: i64, peers: usize) -> Result<Sample, String> {
        Ok(Sample { height, catching_up: false, peers })
    }

    fn waits(samples: &[Result<Sample, String>], says: &str) {
        match (Gate { peers: 2, new_chain: false }).judge(samples) {
            Verdict::Wait(why) => assert!(why.contains(says), "{why}"),
            Verdict::Pass => panic!("passed: {samples:?}"),
        }
    }

    #[test]
    fn a_node_passes_when_it_moves_in_sync_among_peers() {
        let gate = Gate { peers: 2, new_chain: false };
        assert_eq!(gate.judge(&[sample(7, 2), sample(8, 2)]), Verdict::Pass);
    }

    #[test]
    fn whatever_is_missing_is_waited_for() {
        waits(&[], "not asked");
        waits(&[sample(7, 2), Err("refused".into())], "refused");
        waits(&[sample(7, 2), sample(8, 1)], "1 of 2 peers");
        waits(&[sample(8, 2), sample(8, 2)], "does not move");
        waits(&[Ok(Sample { height: 7, catching_up: true, peers: 2 })], "catching up");
        // What it said before it went away does not count.
        waits(&[sample(7, 2), Err("down".into()), sample(8, 2)], "does not move");
    }

    #[test]
    fn the_plans_own_warnings_stop_nothing_half_way() {
        let finding = |severity: &str, source: &str| {
            format!(
                r#"{{"severity":"{severity}","source":"{source}","rule":"r","subject":{{"host":"s1","chain":null,"key":null}},
                "evidence":"the id is told","attack":"a","fix":"f"}}"#
            )
        };
        let report = |findings: &[String]| format!(r#"{{"version":1,"findings":[{}]}}"#, findings.join(","));
        let seen = seen_from_outside(&report(&[finding("warn", "planned"), finding("info", "live")]));
        assert_eq!(seen.unwrap(), Vec::<String>::new());
        for severity in ["warn", "error"] {
            let seen = seen_from_outside(&report(&[finding(severity, "live")])).unwrap();
            assert_eq!(seen, [format!("{severity} s1 r: the id is told\n  fix: f")]);
        }
        assert!(seen_from_outside("").is_err(), "no report is no clean one");
    }

    #[test]
    fn a_chain_without_blocks_passes_only_where_that_was_said() {
        let empty = [sample(0, 0)];
        waits(&empty, "0 of 2 peers");
        assert_eq!(Gate { peers: 2, new_chain: true }.judge(&empty), Verdict::Pass);
        let on = Gate { peers: 2, new_chain: true }.judge(&[sample(3, 0)]);
        assert!(matches!(on, Verdict::Wait(_)), "once there are blocks, all is asked");
    }
}
