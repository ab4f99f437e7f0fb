//! What is not rendered: a fleet that the audit rejects, and a file that its daemon would not read.

use palisade::render::{RenderError, render};
use palisade_sentry::resolve;

const CLASSIC: &str = include_str!("../../examples/fleet-classic.toml");

fn edited(from: &str, to: &str) -> Result<palisade::render::Rendered, RenderError> {
    assert!(CLASSIC.contains(from));
    render(&resolve(&CLASSIC.replacen(from, to, 1)).unwrap_or_else(|e| panic!("{e}")))
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
