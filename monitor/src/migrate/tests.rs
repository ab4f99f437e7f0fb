//! Both kinds of file as operators have them, with secrets in every place where one may be.

use super::*;
use crate::config::Config;
use std::path::Path;

const TENDERDUTY: &str = r#"
enable_dashboard: yes
listen_port: 8888
node_down_alert_minutes: 3
prometheus_enabled: yes
prometheus_listen_port: 28686
pagerduty:
  enabled: yes
  api_key: SECRETaaaaaaaaaaaabbbbbbbbbbbbb
discord: { enabled: no, webhook: "https://discord.example/SECRET" }
chains:
  "Osmosis":
    chain_id: osmosis-1
    valoper_address: osmovaloper1xxx
    public_fallback: no
    alerts:
      stalled_enabled: yes
      consecutive_missed: 5
    nodes:
      - url: tcp://localhost:26657
        alert_if_down: no
      - url: https://user:SECRETpw@rpc.example:443
      - url: https://node.example/SECRETSECRETSECRET12345/rpc
"#;

const SECOND: &str =
    "chain_id: osmosis-1\nvaloper_address: osmovaloper1yyy\nnodes:\n  - url: tcp://localhost:26657\n";

fn parses(migrated: &Migrated) -> Config {
    Config::parse(&migrated.text, Path::new("monitor.toml"))
        .unwrap_or_else(|e| panic!("{e}\n{}", migrated.text))
}

#[test]
fn tenderduty_becomes_a_configuration_without_its_secrets() {
    let migrated = tenderduty("config.yml", TENDERDUTY, &[("second.yml".into(), SECOND.into())]).unwrap();
    let all = format!("{}{}", migrated.text, migrated.notes.join("\n"));
    assert!(!all.contains("SECRET"), "{all}");
    let config = parses(&migrated);
    assert_eq!((config.chains.len(), config.listen.port()), (1, 8888));
    let chain = &config.chains[0];
    assert_eq!(chain.watch, ["osmovaloper1xxx", "osmovaloper1yyy"]);
    let urls: Vec<_> = chain.rpc.iter().map(crate::config::Endpoint::url).collect();
    assert_eq!(
        urls,
        ["http://localhost:26657", "https://rpc.example:443", "https://node.example:443/{token}/rpc"]
    );
    for named in [
        "pagerduty",
        "node_down_alert_minutes = 3",
        "consecutive_missed",
        "prometheus_listen_port",
        "rpc.example",
    ] {
        assert!(
            migrated.notes.iter().any(|n| n.contains(named)),
            "{named} is not named: {:#?}",
            migrated.notes
        );
    }
    assert!(!migrated.notes.iter().any(|n| n.starts_with("discord")), "it was off");
}

#[test]
fn missed_blocks_checker_names_what_it_does_not_hold() {
    let text = "log = { level = \"debug\" }\nmetrics = { enabled = true, listen-addr = \":9570\" }\n\
        [[chains]]\nname = \"bitsong\"\nrpc-endpoints = [\"https://rpc.example:443\"]\nlcd-endpoints = [\"https://lcd.example\"]\n\
        store-blocks = 20000\n[chains.telegram]\nchat = 1\ntoken = \"SECRET\"\n";
    let migrated = missed_blocks_checker("config.toml", text).unwrap();
    let config = parses(&migrated);
    assert_eq!((config.listen.port(), config.chains[0].rest.len()), (9570, 1));
    let notes = migrated.notes.join("\n");
    assert!(!notes.contains("SECRET"));
    for named in ["chain id", "watch", "telegram", "store-blocks", "log"] {
        assert!(notes.contains(named), "{named}: {notes}");
    }
}

#[test]
fn what_cannot_be_read_is_said_without_its_lines() {
    for bad in ["chains: [SECRET", "a: SECRET\na: SECRET", "- SECRET"] {
        let error = tenderduty("c.yml", bad, &[]).unwrap_err().to_string();
        assert!(error.contains("try: ") && !error.contains("SECRET"), "{error}");
    }
    assert!(matches!(tenderduty("c.yml", "listen_port: 1", &[]), Err(MigrateError::NoChain(_))));
    let error = missed_blocks_checker("c.toml", "token = \"SECRET").unwrap_err().to_string();
    assert!(error.contains("try: ") && !error.contains("SECRET"), "{error}");
}
