//! Prometheus metrics. Labels are closed sets: rules, severities, parts, and the names that the operator gave to the sentries
//! that are asked. Never an id, an address or a validator's name: the auditor must not become a leak (spec p2p.md §3.8).

use core::fmt::{Display, Write};

use super::health::{Health, Wrong};
use super::view::State;
use crate::finding::Severity;
use crate::live::Part;
use crate::rules;

/// One family after the other.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ =
            writeln!(self.0, "# HELP palisade_sentry_{name} {help}\n# TYPE palisade_sentry_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "palisade_sentry_{name}");
        for (i, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{value}\"", if i == 0 { "{" } else { "," });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A gauge without labels; nothing where the value is not known.
    fn gauge(&mut self, name: &str, help: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.family(name, "gauge", help);
            self.sample(name, &[], value);
        }
    }
}

/// The exposition at `now`, in seconds since 1970.
pub fn exposition(version: &str, state: &State, now: i64) -> String {
    let mut out = Text(String::new());
    out.family("build_info", "gauge", "The version that runs.");
    out.sample("build_info", &[("version", version)], 1);
    findings(&mut out, state);
    run(&mut out, state, now);
    reach(&mut out, state);
    told(&mut out, state);
    nodes(&mut out, state, now);
    out.0
}

fn findings(out: &mut Text, state: &State) {
    let count = |severity: Severity, rule: &str| {
        state.ledger.open().filter(|(_, e)| e.severity == severity && e.rule == rule).count()
    };
    out.family("findings", "gauge", "Findings that stand, as far as is known.");
    for rule in rules::ALL {
        for severity in Severity::ALL {
            let labels = [("rule", rule.name), ("severity", severity.word())];
            out.sample("findings", &labels, count(severity, rule.name));
        }
    }
    out.gauge(
        "findings_unconfirmed",
        "Findings of earlier runs at places that the last run did not reach.",
        Some(state.ledger.open().filter(|(_, e)| e.unconfirmed).count()),
    );
}

fn run(out: &mut Text, state: &State, now: i64) {
    out.family("runs_total", "counter", "Runs of the audit.");
    for (result, count) in ["success", "failure"].into_iter().zip(state.runs) {
        out.sample("runs_total", &[("result", result)], count);
    }
    let run = state.run.as_ref();
    let ok = run.map(|run| u8::from(run.error.is_none()));
    out.gauge("last_run_success", "Whether the last run came to a result.", ok);
    out.gauge("last_run_timestamp_seconds", "When the last run ended.", run.map(|run| run.at));
    out.gauge("last_run_duration_seconds", "How long the last run took.", run.map(|run| run.duration));
    out.gauge("last_success_timestamp_seconds", "When a run last came to a result.", state.good_at);
    let age = state.good_at.map(|at| now.saturating_sub(at));
    out.gauge("last_success_age_seconds", "How old the last result is.", age);
    out.gauge("next_run_timestamp_seconds", "When the next run is due.", state.next_at);
    out.gauge("rules", "Rules that looked at something in the last run.", run.map(|run| run.reach.rules));
}

fn reach(out: &mut Text, state: &State) {
    let Some(reach) = state.run.as_ref().map(|run| &run.reach).filter(|reach| !reach.targets.is_empty())
    else {
        return;
    };
    out.family("targets", "gauge", "Addresses that were looked at, by whether anything there answered.");
    for part in Part::ALL {
        let of = reach.targets.iter().find(|(p, ..)| *p == part);
        let (reached, silent) = of.map_or((0, 0), |(_, reached, silent)| (*reached, *silent));
        let part = part.to_string().replace(' ', "_");
        out.sample("targets", &[("part", &part), ("state", "up")], reached);
        out.sample("targets", &[("part", &part), ("state", "unreachable")], silent);
    }
    out.family("books", "gauge", "Address books, by whether they were read.");
    for (word, count) in
        [("read", reach.books_read), ("off", reach.books_off), ("unread", reach.books_unread)]
    {
        out.sample("books", &[("state", word)], count);
    }
    out.gauge(
        "census_addresses",
        "Addresses that all books together gave, book by book.",
        Some(reach.addresses),
    );
    let help = "The worst chance that one entry of a book that was read was in none of its answers.";
    out.gauge("residual_miss_probability", help, reach.miss);
}

fn told(out: &mut Text, state: &State) {
    out.family("alert_messages_total", "counter", "Messages to Alertmanagers, by whether they were taken.");
    for (result, count) in ["success", "failure"].into_iter().zip(state.told) {
        out.sample("alert_messages_total", &[("result", result)], count);
    }
}

fn nodes(out: &mut Text, state: &State, now: i64) {
    if state.double_sign_check != [0, 0] {
        let help = "Validators whose home was read, by consensus.double_sign_check_height.";
        out.family("validators", "gauge", help);
        for (word, count) in ["off", "on"].into_iter().zip(state.double_sign_check) {
            out.sample("validators", &[("double_sign_check", word)], count);
        }
    }
    if state.health.is_empty() {
        return;
    }
    let age = state.health_at.map(|at| now.saturating_sub(at));
    out.gauge("node_age_seconds", "How old what is known of the sentries is.", age);
    per_node(out, state, "node_up", "Whether its RPC answers.", |h| Some(u64::from(h.up)));
    per_node(out, state, "node_height", "Its last block.", |h| h.height);
    per_node(out, state, "node_behind_blocks", "Blocks behind the best of its chain.", |h| h.behind);
    per_node(out, state, "node_catching_up", "Whether it fetches old blocks.", |h| {
        h.catching_up.map(u64::from)
    });
    out.family("node_peers", "gauge", "Its peers, by who dialled.");
    for health in &state.health {
        for (direction, count) in [("in", health.peers_in), ("out", health.peers_out)] {
            if let Some(count) = count {
                out.sample("node_peers", &[("node", &health.node), ("direction", direction)], count);
            }
        }
    }
    let help = "Validators behind it that are its peers.";
    per_node(out, state, "node_validator_links_up", help, |h| h.validators_up);
    let help = "Validators behind it that should be its peers.";
    per_node(out, state, "node_validator_links", help, |h| Some(h.validators));
    out.family("node_wrong", "gauge", "Whether this is wrong with it.");
    for health in &state.health {
        for wrong in Wrong::ALL {
            let is = u8::from(health.wrong.contains(&wrong));
            out.sample("node_wrong", &[("node", &health.node), ("what", wrong.word())], is);
        }
    }
}

fn per_node(out: &mut Text, state: &State, name: &str, help: &str, value: impl Fn(&Health) -> Option<u64>) {
    out.family(name, "gauge", help);
    for health in &state.health {
        if let Some(value) = value(health) {
            out.sample(name, &[("node", &health.node)], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::{leaking, secrets};
    use super::*;
    use crate::watch::Coverage;

    fn full() -> State {
        let mut state = leaking();
        let run = state.run.as_mut().expect("a run");
        run.reach = Coverage { targets: vec![(Part::Sentry, 2, 1)], miss: Some(1e-4), ..Coverage::default() };
        state.health = vec![Health {
            node: "sentry \"1\"".to_owned(),
            up: true,
            impostor: false,
            height: Some(7),
            behind: None,
            catching_up: Some(false),
            peers_in: Some(1),
            peers_out: None,
            validators_up: Some(0),
            validators: 1,
            wrong: vec![Wrong::ValidatorLink],
        }];
        state
    }

    #[test]
    fn nothing_that_hides_is_in_a_label() {
        let text = exposition("0", &full(), 2000);
        for secret in secrets() {
            assert!(!text.contains(secret.trim_matches('"')), "{secret} in {text}");
        }
    }

    #[test]
    fn every_family_is_described_once_and_named_alike() {
        let text = exposition("0", &full(), 2000);
        let mut described: Vec<&str> =
            text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().expect("a name");
            assert!(described.contains(&name), "{line}");
        }
        let count = described.len();
        described.sort_unstable();
        described.dedup();
        assert_eq!(described.len(), count);
        assert!(text.contains(r#"palisade_sentry_targets{part="sentry",state="unreachable"} 1"#), "{text}");
        assert!(
            text.contains(r#"palisade_sentry_node_wrong{node="sentry \"1\"",what="validator_link"} 1"#),
            "{text}"
        );
        assert!(text.contains("palisade_sentry_last_success_age_seconds 1100"), "{text}");
        assert!(!text.contains("node_behind_blocks{"), "unknown is no number: {text}");
    }
}
