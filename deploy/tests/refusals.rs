//! What is not rendered: a fleet that the audit rejects, and a file that its daemon would not read.

use palisade::render::{Homes, RenderError, render};
use palisade_sentry::node_config::File;
use palisade_sentry::resolve;

const CLASSIC: &str = include_str!("../../examples/fleet-classic.toml");

fn edited(from: &str, to: &str) -> Result<palisade::render::Rendered, RenderError> {
    assert!(CLASSIC.contains(from));
    render(&resolve(&CLASSIC.replacen(from, to, 1)).unwrap_or_else(|e| panic!("{e}")), &Homes::new())
}

#[test]
fn an_error_of_the_audit_stops_the_render() {
    let error = edited("role = \"validator\"", "role = \"validator\"\nconfig.p2p.pex = true").unwrap_err();
    let RenderError::Refused(report) = &error else { panic!("{error}") };
    assert_eq!(report.findings[0].rule, "validator_pex_off");
    assert!(error.to_string().lines().last().unwrap().starts_with("try: "));
}

#[test]
fn a_warning_does_not() {
    let rendered = edited("[host.monitor]", "[host.monitor]\nlisten = \":9464\"").unwrap();
    assert_eq!(rendered.report.findings.len(), 1);
}

#[test]
fn two_signers_of_one_key_are_never_rendered() {
    let two = edited("[host.monitor]", "[host.monitor]\n[host.signer]\nkeys = [\"akash\"]");
    assert!(matches!(two, Err(RenderError::Refused(_))));
}

#[test]
fn what_the_daemon_would_not_read_is_refused() {
    for (from, to, host, says) in [
        ("backend = \"softsign\"", "backend = \"abacus\"", "signer-1", "abacus"),
        ("seeds = [", "rpc = [\"gopher://rpc.example.com\"]\nseeds = [", "monitor-1", "gopher"),
    ] {
        let error = edited(from, to).unwrap_err();
        assert!(matches!(error, RenderError::ParseBack(_)), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("host \"{host}\": /etc/palisade/")) && text.contains(says),
            "{text}"
        );
        assert_eq!(text.matches("try: ").count(), 1, "{text}");
    }
}

#[test]
fn a_nodes_own_files_are_kept_and_judged() {
    let fleet = resolve(CLASSIC).unwrap();
    let name = fleet.nodes().find(|n| n.name.host == "sentry-1").unwrap().name.clone();
    let with = |file, text: &str| render(&fleet, &Homes::from([((name.clone(), file), text.to_owned())]));
    let rendered =
        with(File::Config, "# mine\ndb_backend = \"pebbledb\" # kept\n[p2p]\npex = false\n").unwrap();
    let of_sentry =
        |(path, _): &(&String, _)| path.contains("sentry-1") && path.ends_with("config/config.toml");
    let (_, file) = rendered.tree.files.iter().find(of_sentry).unwrap();
    let text = &file.text;
    assert!(
        text.starts_with("# mine\ndb_backend = \"pebbledb\" # kept\n") && text.contains("pex = true"),
        "{text}"
    );
    assert!(matches!(with(File::Config, "[p2p"), Err(RenderError::Edit { .. })));
    // What the render does not decide can still be what the audit rejects.
    let unread = with(File::App, "[state-sync]\nsnapshot-interval = \"often\"\n");
    let Err(RenderError::Refused(report)) = &unread else { panic!("{unread:?}") };
    assert_eq!(report.findings[0].rule, "config_values_read");
}

#[test]
fn a_node_of_no_known_line_is_named() {
    let rendered = edited("node_line = \"0.38\"", "").unwrap();
    assert_eq!(rendered.without_line.len(), resolve(CLASSIC).unwrap().nodes().count());
    assert!(rendered.tree.files.keys().all(|path| !path.contains("/nodes/")));
}
