//! What is taken and what is refused.

use super::super::Config;
use super::*;

const BASE: &str = r#"
listen = "127.0.0.1:0"
data_dir = "data"
[[chain]]
id = "c-1"
rpc = ["http://127.0.0.1:26657"]
"#;

fn parse(text: &str) -> Result<Alerts, ConfigError> {
    Ok(Config::parse(&format!("{BASE}{text}"), Path::new("/etc/p/m.toml"))?.alerts)
}

#[test]
fn every_kind_of_channel() {
    let alerts = parse(
        r#"
        [alerts]
        remind_after = "1h"
        dead_man = { file = "dead" }
        rule = [{ name = "PalisadeJailNear", chain = "c-1", threshold = 3600, for = "1m" }]
        maintenance = [{ chain = "c-1", from = "2026-12-01T22:00:00Z", until = "2026-12-01T23:00:00Z", every = "7d" }]
        [[alerts.channel]]
        name = "am"
        type = "alertmanager"
        urls = ["http://a:9093", "https://b:9093/"]
        [[alerts.channel]]
        name = "pager"
        type = "pagerduty"
        key = { credential = "pd" }
        severity = "critical"
        tier = 2
        [[alerts.channel]]
        name = "chat"
        type = "slack"
        webhook = { file = "hook" }
        [[alerts.channel]]
        name = "tg"
        type = "telegram"
        key = { file = "bot" }
        chat = "-1"
        [[alerts.channel]]
        name = "mail"
        type = "email"
        smtp = "smtps://mail.example:465"
        user = "u"
        key = { file = "pw" }
        from = "a@example.org"
        to = ["b@example.org"]
        [[alerts.channel]]
        name = "hook"
        type = "webhook"
        url = "http://127.0.0.1:1/x"
        [[signer]]
        name = "s1"
        url = "http://127.0.0.1:26661/readyz"
        "#,
    )
    .unwrap();
    let names: Vec<_> = alerts.channels.iter().map(|c| c.route.name.as_str()).collect();
    assert_eq!(names, ["am-1", "am-2", "pager", "chat", "tg", "mail", "hook"]);
    assert_eq!(alerts.policy.rhythm, Rhythm { remind: 3_600_000, escalate: 900_000, tiers: 2 });
    assert_eq!(alerts.channels[1].kind, Kind::Alertmanager("https://b:9093".into(), None));
    assert_eq!(alerts.channels[3].kind, Kind::Slack(SecretSource::File("/etc/p/hook".into())));
    assert_eq!(alerts.signers[0].name, "s1");
}

#[test]
fn every_refusal_says_what_to_try() {
    for text in [
        "[alerts]\nremind = \"1h\"",
        "[alerts]\nremind_after = \"1 hour\"",
        "[[alerts.rule]]\nname = \"Nothing\"",
        "[[alerts.rule]]\nname = \"PalisadeValidatorJailed\"\nthreshold = 3",
        "[[alerts.rule]]\nname = \"PalisadeJailNear\"\nthreshold = nan",
        "[[alerts.maintenance]]\nfrom = \"tomorrow\"\nuntil = \"later\"",
        "[[alerts.maintenance]]\nfrom = \"2026-12-01T22:00:00Z\"\nuntil = \"2026-12-01T21:00:00Z\"",
        "[[alerts.channel]]\nname = \"a b\"\ntype = \"slack\"",
        "[[alerts.channel]]\nname = \"a\"\ntype = \"fax\"",
        "[[alerts.channel]]\nname = \"a\"\ntype = \"slack\"",
        "[[alerts.channel]]\nname = \"a\"\ntype = \"slack\"\nwebhook = \"https://hooks.example/secret\"",
        "[[alerts.channel]]\nname = \"a\"\ntype = \"slack\"\nwebhook = { file = \"x\" }\nchat = \"1\"",
        "[[alerts.channel]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"https://user:pw@h/\"",
        "[[alerts.channel]]\nname = \"a\"\ntype = \"email\"\nsmtp = \"mail.example\"\nfrom = \"a@b\"\nto = [\"c@d\"]",
        "[[signer]]\nname = \"s\"\nurl = \"127.0.0.1:1\"",
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with("/etc/p/m.toml: ") && error.contains("\ntry: "), "{text}: {error}");
    }
}
