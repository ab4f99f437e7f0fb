//! The addresses in a memo. `gentx` writes one `id@ip:port`; people also write prose, lists and URLs.
//!
//! With an id any host counts. Without one only a number does: else each word of a memo would be a host name.

use core::net::{IpAddr, SocketAddr};

use serde::{Serialize, Serializer};

use crate::peer::NodeId;
use crate::reach::Reach;

/// Addresses that are kept of one memo. A memo of the chain holds at most 256 characters, so no honest one has more.
const KEPT: usize = 16;

/// One address that a memo publishes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Published {
    /// From where it can be reached.
    pub reach: Reach,
    /// Who answers there, if the memo says.
    #[serde(serialize_with = "as_text")]
    pub id: Option<NodeId>,
    /// As written, without port and brackets; shortened.
    pub host: String,
    /// TCP port, if the memo has a valid one.
    pub port: Option<u16>,
}

/// Everything that `memo` publishes, most exposed first.
pub(super) fn published(memo: &str) -> Vec<Published> {
    let between =
        |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '<' | '>' | '(' | ')' | '|');
    let mut found: Vec<Published> = memo.split(between).filter_map(one).collect();
    found.sort();
    found.dedup();
    found.truncate(KEPT);
    found
}

fn one(word: &str) -> Option<Published> {
    let bare = word.rsplit("://").next().unwrap_or(word);
    let bare = bare.split('/').next().unwrap_or(bare);
    let (before, rest) = bare.rsplit_once('@').unwrap_or(("", bare));
    let id = before.rsplit(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default();
    let id: Option<NodeId> = id.to_ascii_lowercase().parse().ok();
    let (host, port) = split(rest.trim_end_matches('.'));
    if id.is_none() && host.parse::<IpAddr>().is_err() {
        return None;
    }
    Some(Published { reach: Reach::of(&host), id, host: host.chars().take(253).collect(), port })
}

/// Host and port of `1.2.3.4:5`, `[::1]:5`, `::1`, `name:5`, `name`.
fn split(text: &str) -> (String, Option<u16>) {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.ip().to_string(), Some(address.port()));
    }
    let unbracketed = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = unbracketed.parse::<IpAddr>() {
        return (ip.to_string(), None);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    (host.to_owned(), port.parse().ok())
}

fn as_text<S: Serializer>(id: &Option<NodeId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

impl core::fmt::Display for Published {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if let Some(id) = &self.id {
            write!(f, "{id}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";

    fn texts(memo: &str) -> Vec<String> {
        published(memo).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_way_people_write_an_address() {
        for (memo, expected) in [
            (format!("{ID}@8.8.8.8:26656"), format!("{ID}@8.8.8.8:26656")),
            (format!("{}@8.8.8.8:26656", ID.to_uppercase()), format!("{ID}@8.8.8.8:26656")),
            (format!("my node: tcp://{ID}@8.8.8.8:26656."), format!("{ID}@8.8.8.8:26656")),
            (format!("peer={ID}@8.8.8.8"), format!("{ID}@8.8.8.8")),
            (format!("{ID}@[2001:db8::7]:26656"), format!("{ID}@[2001:db8::7]:26656")),
            (format!("{ID}@val.example.com:26656"), format!("{ID}@val.example.com:26656")),
            (format!("{ID}@:26656"), format!("{ID}@:26656")),
            (format!("{ID}@8.8.8.8:99999"), format!("{ID}@8.8.8.8")),
            ("see http://8.8.8.8:26657/status".into(), "8.8.8.8:26657".into()),
        ] {
            assert_eq!(texts(&memo), [expected], "{memo}");
        }
    }

    #[test]
    fn prose_and_mail_addresses_publish_nothing() {
        for memo in [
            "",
            "@",
            "hello, world",
            "ops@example.com",
            "example.com:26656",
            ID,
            "v1.2.3",
            "b62e@example.com",
        ] {
            assert_eq!(texts(memo), [] as [&str; 0], "{memo}");
        }
    }

    #[test]
    fn the_most_exposed_comes_first_and_a_flood_is_cut() {
        let memo = format!("{ID}@10.0.0.1:1,{ID}@8.8.8.8:1,{ID}@8.8.8.8:1");
        assert_eq!(texts(&memo), [format!("{ID}@8.8.8.8:1"), format!("{ID}@10.0.0.1:1")]);
        assert_eq!(published(&format!("{ID}@a.example:1 {}", "10.0.0.1 ".repeat(200_000))).len(), 2);
        let many: String = (0..100_000).map(|i| format!("{ID}@10.0.0.1:{} ", i % 65_000)).collect();
        assert_eq!(published(&many).len(), KEPT);
    }
}
