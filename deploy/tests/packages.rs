//! What packages hold is what hosts get: their units are the templates of the roles, and the configurations inside the Akash manifests
//! are ones that the daemons take.

use std::path::Path;

use palisade_monitor::config::Config;
use palisade_sentry::resolve;
use serde_json::{Value, json};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn units_are_the_templates_of_the_roles() {
    let variables = json!({
        "signer_credentials": [], "signer_usb": false, "signer_allow_addresses": [],
        "monitor_memory_max": "512M", "sentry_memory_max": "256M",
    });
    let mut engine = minijinja::Environment::new();
    let like_ansible = engine.syntax().to_builder().trim_blocks(true).keep_trailing_newline(true).build();
    engine.set_syntax(like_ansible.expect("only whitespace is changed"));
    for (role, unit) in
        [("signer", "palisade-signer"), ("monitor", "palisade-monitor"), ("sentry", "palisade-sentry-watch")]
    {
        let template = read(&format!("ansible/roles/{role}/templates/{unit}.service.j2"));
        let rendered = engine
            .render_str(&template, minijinja::value::Serde(&variables))
            .unwrap_or_else(|e| panic!("{unit}: {e}"));
        // Packages install below /usr, and do not know whom a signer may speak with: that is for a drop-in.
        let lines =
            rendered.lines().filter(|l| !l.starts_with("IPAddress") && !l.contains("Nodes and the scraper"));
        let expected: String =
            lines.map(|l| format!("{}\n", l.replace("/usr/local/bin", "/usr/bin"))).collect();
        let target = format!("deploy/packages/systemd/{unit}.service");
        if std::env::var_os("PALISADE_BLESS").is_some() {
            std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&target), &expected)
                .expect("the unit can be written");
        }
        assert_eq!(read(&target), expected, "{target} differs; PALISADE_BLESS=1 accepts it");
    }
    let rule = "ansible/roles/signer/templates/yubihsm.rules.j2";
    assert_eq!(read("deploy/packages/debian/signer/60-palisade-yubihsm.rules"), read(rule));
}

/// An environment variable of the only service of a manifest.
fn variable(manifest: &str, service: &str, name: &str) -> String {
    let sdl: Value = serde_saphyr::from_str(&read(manifest)).unwrap_or_else(|e| panic!("{manifest}: {e}"));
    let all = sdl["services"][service]["env"].as_array().unwrap_or_else(|| panic!("{manifest}: no env"));
    let prefix = format!("{name}=");
    let found = all.iter().filter_map(Value::as_str).find_map(|v| v.strip_prefix(&prefix));
    found.unwrap_or_else(|| panic!("{manifest}: no {name}")).to_owned()
}

#[test]
fn akash_manifests_hold_configurations_that_work() {
    let monitor = variable("deploy/packages/akash/monitor.yaml", "monitor", "MONITOR_TOML");
    let config = Config::parse(&monitor, Path::new("/data/monitor.toml")).unwrap_or_else(|e| panic!("{e}"));
    assert!(config.page.view_token.is_some(), "a page on the internet asks who looks");
    let fleet = variable("deploy/packages/akash/sentry-watch.yaml", "sentry-watch", "FLEET_TOML");
    let fleet = resolve(&fleet).unwrap_or_else(|e| panic!("{e}"));
    assert!(fleet.hosts().all(|host| host.inner().is_none()), "no inner address leaves the house");
}
