//! Found in every place, cut out without touching the rest, refused where something would stay unclear.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const BOOK: &str = include_str!("../../tests/addrbook/leaking.json");
const VALIDATOR: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";

fn wanted(ips: &[&str]) -> Wanted {
    Wanted { ids: vec![VALIDATOR.parse().unwrap()], ips: ips.iter().map(|ip| ip.parse().unwrap()).collect() }
}

fn found(text: &str, wanted: &Wanted) -> Vec<(usize, String)> {
    let audit = Book::parse(text).unwrap().audit(wanted);
    assert_eq!(audit.unclear, []);
    audit.traces.iter().map(|t| (t.entry, t.fields.join(" "))).collect()
}

fn scrub(text: &str, wanted: &Wanted) -> Result<String, BookError> {
    let book = Book::parse(text)?;
    book.scrubbed(&book.audit(wanted))
}

fn entry(id: &str, ip: &str, more: &str) -> String {
    format!(r#"{{"addr":{{"id":"{id}","ip":"{ip}","port":26656}}{more}}}"#)
}

fn book(entries: &[String]) -> String {
    format!("{{\"key\": \"k\", \"addrs\": [\n {}\n], \"more\": 1.50}}\n", entries.join(" ,\n "))
}

#[test]
fn by_id_and_by_ip_in_addr_and_src() {
    let ids = [(1, "addr.id".to_owned()), (3, "src.id".to_owned())];
    assert_eq!(found(BOOK, &wanted(&[])), ids);
    let both =
        [(1, "addr.id addr.ip".to_owned()), (3, "src.id src.ip".to_owned()), (4, "addr.ip".to_owned())];
    assert_eq!(found(BOOK, &wanted(&["10.66.0.10"])), both);
    assert_eq!(found(BOOK, &wanted(&["::ffff:10.66.0.10"])), both);
    assert_eq!(found(BOOK, &Wanted::default()), []);
}

#[test]
fn an_address_is_not_found_inside_of_another() {
    let text = book(&[entry("aa", "10.0.0.11", ""), entry("bb", "110.0.0.1", "")]);
    assert_eq!(found(&text, &Wanted { ids: vec![], ips: vec!["10.0.0.1".parse().unwrap()] }), []);
}

#[test]
fn fields_of_later_node_lines_and_repeated_ones_hide_nothing() {
    let escaped = format!("\\u0062{}", &VALIDATOR[1..]);
    for more in [
        format!(r#","note":{{"seen":["x","{VALIDATOR}@10.0.0.1:1"]}}"#),
        format!(r#","{VALIDATOR}":1"#),
        format!(r#","note":"{escaped}""#),
        format!(r#","note":"{}""#, VALIDATOR.to_uppercase()),
        format!(r#","note":"{VALIDATOR}","note":"x""#),
    ] {
        let text = book(&[entry("aa", "8.8.8.8", &more)]);
        assert_eq!(found(&text, &wanted(&[])).len(), 1, "{more}");
    }
}

#[test]
fn the_rest_stays_byte_for_byte() {
    let (a, b, c) = (
        entry("aa", "1.1.1.1", ""),
        entry(VALIDATOR, "2.2.2.2", ""),
        entry("cc", "3.3.3.3", r#", "x" : 1e2"#),
    );
    let all = [&a, &b, &c];
    let without = |gone: &[usize]| {
        let mut entries: Vec<String> = all.iter().map(|e| (*e).clone()).collect();
        for index in gone {
            entries[*index] = entry(VALIDATOR, "9.9.9.9", "");
        }
        scrub(&book(&entries), &wanted(&[])).unwrap()
    };
    assert_eq!(without(&[]), book(&[a.clone(), c.clone()]));
    assert_eq!(without(&[0]), book(std::slice::from_ref(&c)));
    assert_eq!(without(&[2]), book(std::slice::from_ref(&a)));
    let none: Value = serde_json::from_str(&without(&[0, 2])).unwrap();
    assert_eq!((none["addrs"].as_array().unwrap().len(), &none["key"]), (0, &Value::from("k")));
    assert_eq!(scrub(&book(&[]), &wanted(&[])).unwrap(), book(&[]));
}

#[test]
fn an_address_that_the_node_did_not_know_is_read() {
    let text = book(&[entry("aa", "", ""), entry(VALIDATOR, "", "")]);
    assert_eq!(found(&text, &wanted(&["10.66.0.10"])), [(1, "addr.id".to_owned())]);
}

#[test]
fn entries_that_cannot_be_read_are_unclear() {
    let deep = format!(r#"{{"addr":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    for bad in [
        "null",
        "[]",
        "{}",
        r#"{"addr":null}"#,
        r#"{"addr":{"id":1,"ip":"1.1.1.1","port":1}}"#,
        r#"{"addr":{"id":"a","ip":"val.example","port":1}}"#,
        r#"{"addr":{"id":"a","ip":"1.1.1.1","port":99999}}"#,
        r#"{"addr":{"id":"a","ip":"1.1.1.1","port":1},"addr":{"id":"b","ip":"1.1.1.1","port":1}}"#,
        &deep,
    ] {
        let text = book(&[entry(VALIDATOR, "1.1.1.1", ""), bad.to_owned()]);
        let audit = Book::parse(&text).unwrap().audit(&wanted(&[]));
        assert_eq!((audit.traces.len(), audit.unclear.len()), (1, 1), "{bad}");
        assert_eq!(audit.unclear[0].entry, Some(1));
        let error = scrub(&text, &wanted(&[])).unwrap_err().to_string();
        assert!(error.starts_with("entry 1 cannot be read") && error.contains("\ntry: "), "{error}");
    }
    let many = scrub(&book(&vec!["0".to_owned(); 1000]), &wanted(&[])).unwrap_err().to_string();
    assert!(many.contains("and 995 more") && many.len() < 1000, "{many}");
}

#[test]
fn traces_outside_of_the_entries_are_refused() {
    for text in [
        format!(r#"{{"key":"k","addrs":[],"old":["{VALIDATOR}"]}}"#),
        format!(r#"{{"key":"{VALIDATOR}","addrs":[]}}"#),
        format!(r#"{{"key":"k","old":"{VALIDATOR}","old":"","addrs":[]}}"#),
    ] {
        let error = scrub(&text, &wanted(&[])).unwrap_err().to_string();
        assert!(error.starts_with("what is searched for is outside of the entries"), "{error}");
    }
}

#[test]
fn what_is_no_book_is_refused() {
    let half = &BOOK[..BOOK.len() / 2];
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "{}",
        "[]",
        "null",
        half,
        &deep,
        r#"{"key":"k"}"#,
        r#"{"addrs":[]}"#,
        r#"{"key":"k","addrs":{}}"#,
        r#"{"key":"k","addrs":[],"addrs":[]}"#,
        r#"{"key":"k","addrs":null}"#,
        "\u{feff}{\"key\":\"k\",\"addrs\":[]}",
        r#"{"key":"k","addrs":[]} x"#,
    ] {
        let error = Book::parse(text).unwrap_err().to_string();
        assert!(error.starts_with("not an address book: ") && error.contains("\ntry: "), "{error}");
    }
}

proptest! {
    #[test]
    fn a_scrubbed_book_is_the_old_one_without_the_traces(
        kinds in proptest::collection::vec(0..4u8, 0..12), pretty in any::<bool>(),
    ) {
        let entries: Vec<Value> = kinds.iter().enumerate().map(|(i, kind)| {
            let hidden = |hide: bool| if hide { VALIDATOR.to_owned() } else { format!("{i:040x}") };
            let peer = |hide, ip: &str| serde_json::json!({"id": hidden(hide), "ip": ip, "port": 26656});
            let ip = if *kind == 3 { "10.66.0.10" } else { "8.8.8.8" };
            serde_json::json!({"addr": peer(*kind == 1, ip), "src": peer(*kind == 2, "1.1.1.1"), "attempts": i, "buckets": [i]})
        }).collect();
        let whole = serde_json::json!({"key": "a0", "addrs": entries.clone()});
        let text = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) }.unwrap();
        let scrubbed = scrub(&text, &wanted(&["10.66.0.10"])).unwrap();
        let kept: Vec<&Value> = entries.iter().zip(&kinds).filter(|(_, kind)| **kind == 0).map(|(e, _)| e).collect();
        let expected = serde_json::json!({"key": "a0", "addrs": kept});
        prop_assert_eq!(serde_json::from_str::<Value>(&scrubbed).unwrap(), expected);
        prop_assert_eq!(found(&scrubbed, &wanted(&["10.66.0.10"])), vec![]);
        prop_assert!(!scrubbed.contains(VALIDATOR));
        if kinds.iter().all(|kind| *kind == 0) { prop_assert_eq!(scrubbed, text); }
    }

    #[test]
    fn no_text_panics(text in ".{0,60}", at in 0..BOOK.len(), byte in 32..127u8) {
        let _ = Book::parse(&text);
        let mut broken = BOOK.as_bytes().to_vec();
        broken[at] = byte;
        let broken = String::from_utf8(broken).unwrap();
        let _ = scrub(&broken, &wanted(&["10.66.0.10"]));
    }
}
