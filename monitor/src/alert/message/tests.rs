//! What each receiver gets.

use super::*;
use crate::alert::Told;

fn transition(kind: Kind) -> Transition {
    let mut t = example(kind);
    t.at = 1_800_000_000_000;
    t.alert.severity = Severity::Critical;
    t.alert.words.what = "<b>me</b> @everyone *is* down".into();
    t.alert.told = Some(Told { first: 1_700_000_000_000, last: t.at, tier: 0, count: 3 });
    t
}

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

fn sent(target: &Target, kind: Kind) -> (String, Value, Vec<(&'static str, String)>) {
    let t = transition(kind);
    let text = Template::default().render(target.markup(), &t).unwrap();
    let post = post(target, &t, &text).unwrap();
    let headers = post.headers.iter().map(|(n, v)| (*n, v.expose().to_owned())).collect();
    (post.url.expose().into(), serde_json::from_str(&post.body).unwrap(), headers)
}

#[test]
fn pagerduty_joins_by_incident() {
    let target = Target::Pagerduty("http://p".into(), secret("R"));
    let (url, fired, _) = sent(&target, Kind::Fired);
    let (_, resolved, _) = sent(&target, Kind::Resolved);
    assert_eq!(url, "http://p/v2/enqueue");
    assert_eq!((&fired["event_action"], &resolved["event_action"]), (&json!("trigger"), &json!("resolve")));
    assert_eq!(fired["dedup_key"], resolved["dedup_key"]);
    assert_eq!(fired["payload"]["severity"], "critical");
    assert!(fired["dedup_key"].as_str().unwrap().len() < 60);
}

#[test]
fn opsgenie_closes_by_alias() {
    let target = Target::Opsgenie("http://o".into(), secret("K"));
    let (url, fired, headers) = sent(&target, Kind::Fired);
    assert_eq!((url.as_str(), headers[0].1.as_str()), ("http://o/v2/alerts", "GenieKey K"));
    let (url, ..) = sent(&target, Kind::Resolved);
    assert_eq!(
        url,
        format!("http://o/v2/alerts/{}/close?identifierType=alias", fired["alias"].as_str().unwrap())
    );
}

#[test]
fn nobody_is_mentioned_by_a_moniker() {
    let (_, slack, _) = sent(&Target::Slack(secret("http://s/x")), Kind::Fired);
    assert!(
        slack["text"]
            .as_str()
            .unwrap()
            .starts_with("*[CRITICAL] &lt;b&gt;me&lt;/b&gt; @\u{2060}everyone ∗is∗ down*\n"),
        "{slack}"
    );
    let (_, discord, _) = sent(&Target::Discord(secret("http://d/x")), Kind::Fired);
    assert_eq!(discord["allowed_mentions"], json!({ "parse": [] }));
    assert!(
        discord["content"].as_str().unwrap().contains("\\<b\\>me")
            && !discord["content"].as_str().unwrap().contains("@everyone")
    );
    let (url, telegram, _) =
        sent(&Target::Telegram("http://t".into(), secret("1:a"), "-5".into()), Kind::Fired);
    assert_eq!((url.as_str(), &telegram["chat_id"]), ("http://t/bot1:a/sendMessage", &json!("-5")));
    assert!(telegram["text"].as_str().unwrap().starts_with("<b>[CRITICAL] &lt;b&gt;me"));
}

#[test]
fn keys_of_those_who_have_one() {
    let id = transition(Kind::Fired).id();
    let (url, body, headers) =
        sent(&Target::Ntfy("http://n/base/topic".into(), Some(secret("tk"))), Kind::Fired);
    assert_eq!(
        (url.as_str(), &body["topic"], &body["priority"]),
        ("http://n/base", &json!("topic"), &json!(5))
    );
    assert_eq!(headers, [("x-sequence-id", id.clone()), ("authorization", "Bearer tk".into())]);
    let (_, body, headers) = sent(&Target::Webhook(secret("http://w/"), None), Kind::Resolved);
    assert_eq!(
        (headers[0].1.as_str(), &body["kind"], &body["id"]),
        (id.as_str(), &json!("resolved"), &json!(id))
    );
    let alert = transition(Kind::Fired).alert;
    let later = Transition {
        kind: Kind::Reminded,
        at: 5,
        alert: Alert { told: Some(Told { count: 4, ..alert.told.clone().unwrap() }), ..alert },
    };
    assert_ne!(later.id(), id);
}

#[test]
fn alertmanager_is_told_an_end() {
    let target = Target::Alertmanager("http://a".into(), None);
    let (url, fired, _) = sent(&target, Kind::Fired);
    assert_eq!(url, "http://a/api/v2/alerts");
    assert_eq!(fired[0]["endsAt"], "2027-01-15T08:05:00Z");
    let (_, resolved, _) = sent(&target, Kind::Resolved);
    assert_eq!(resolved[0]["endsAt"], "2027-01-15T08:00:00Z");
    assert_eq!(fired[0]["labels"], resolved[0]["labels"]);
    let alert = transition(Kind::Fired).alert;
    assert!(refresh(&target, &[&alert], 0).is_some() && refresh(&target, &[], 0).is_none());
    assert!(refresh(&Target::Email, &[&alert], 0).is_none());
}

#[test]
fn a_template_is_tried_when_it_is_read() {
    let own = Template::new("{{ rule }} {{ what }}\n{{ labels.severity }} {{ chain }}").unwrap();
    let text = own.render(Markup::Html, &transition(Kind::Fired)).unwrap();
    assert_eq!(text.title, "PalisadeTest &lt;b&gt;me&lt;/b&gt; @everyone *is* down");
    assert_eq!(text.body, "warning ");
    for bad in ["{{ moniker }}", "{{ what", "{% for x in y %}"] {
        assert!(Template::new(bad).unwrap_err().to_string().contains("\ntry: "), "{bad}");
    }
}

#[test]
fn waits_as_it_is_told() {
    assert_eq!(retry_after(Some("7"), b""), Some(7000));
    assert_eq!(retry_after(None, br#"{"ok":false,"parameters":{"retry_after":3}}"#), Some(3000));
    assert_eq!(retry_after(None, br#"{"retry_after":0.25}"#), Some(250));
    assert_eq!(retry_after(Some("Wed, 21 Oct"), b"oops"), None);
    assert_eq!([1, 2, 9, 400].map(backoff), [1000, 2000, 256_000, 300_000]);
    assert_eq!(cut("äöü", 2), "ä…");
}
