//! `sentry-watch.toml`: the audit on a schedule, with the fleet beside it; and the alert rules that Prometheus reads for the monitor.

use palisade_monitor::alert::prometheus::rules;
use palisade_sentry::Fleet;
use palisade_sentry::deployment::Watch;

use super::{HEADER, quote};
use crate::tree::{File, MONITOR_RULES, Part, WATCH_FLEET, WATCH_TOML};

/// Configuration and fleet of one watch.
pub(super) fn files(fleet: &Fleet, host: &str, watch: &Watch) -> Vec<File> {
    let (listen, every) = (quote::listen(&watch.listen), quote::string(&watch.every));
    let config = format!(
        "{HEADER}fleet = \"fleet.toml\"\nstate_dir = \"/var/lib/palisade-sentry\"\nlisten = {listen}\n\
         details_socket = \"/run/palisade-sentry/details.sock\"\n\n[schedule]\nevery = {every}\njitter = \"10m\"\n\n\
         [live]\nseeds = true\npex_requests = 30\ntimeout = \"5s\"\n"
    );
    let file = |target: &str, text: String| File {
        host: host.to_owned(),
        part: Part::Watch,
        target: target.to_owned(),
        text,
        mode: "0640",
        owner: "root",
        group: "palisade-sentry".into(),
        // The fleet is read anew for every run.
        restarts: (target == WATCH_TOML).then(|| "palisade-sentry-watch.service".to_owned()),
        whole: true,
    };
    vec![file(WATCH_TOML, config), file(WATCH_FLEET, fleet.source().to_owned())]
}

/// The monitor's own alert rules, as `palisade-monitor rules --prometheus` prints them.
pub(super) fn monitor_rules(host: &str) -> File {
    File {
        host: host.to_owned(),
        part: Part::Prometheus,
        target: MONITOR_RULES.to_owned(),
        text: rules(&Default::default()),
        mode: "0644",
        owner: "root",
        group: "root".into(),
        restarts: Some("prometheus.service".into()),
        whole: true,
    }
}
