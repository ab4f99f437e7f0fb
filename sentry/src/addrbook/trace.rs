//! What counts as a trace: an id or address that is searched for, in any field of an entry.
//!
//! Usually that is `addr` (the node itself) or `src` (who told of the entry, which shows that this node talked to it).

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::peer::NodeId;

/// What is searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Ids of hidden nodes.
    pub ids: Vec<NodeId>,
    /// Their addresses.
    pub ips: Vec<IpAddr>,
}

/// An entry with traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// Place in `addrs`, from 0.
    pub entry: usize,
    /// The node that the entry is about, `id@ip:port`.
    pub address: String,
    /// Who told of it, if the book says.
    pub source: Option<String>,
    /// The fields with traces, such as `addr.id`.
    pub fields: Vec<String>,
}

/// A place of which nobody can say that it holds no trace, or from which none can be cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unclear {
    /// Place in `addrs`, from 0; nothing for the rest of the book.
    pub entry: Option<usize>,
    /// Why.
    pub reason: String,
}

#[derive(Deserialize)]
struct Entry {
    addr: Peer,
    src: Option<Peer>,
}

#[derive(Deserialize)]
struct Peer {
    id: String,
    #[serde(deserialize_with = "ip_or_nothing")]
    ip: Option<IpAddr>,
    port: u16,
}

/// A node writes an address that it does not know as an empty string.
fn ip_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" => Ok(None),
        ip => ip.parse().map(Some).map_err(D::Error::custom),
    }
}

/// The trace in one entry, if there is one.
pub(super) fn of(index: usize, text: &str, wanted: &Wanted) -> Result<Option<Trace>, Unclear> {
    let unclear = |e: serde_json::Error| Unclear { entry: Some(index), reason: e.to_string() };
    // Two fields of one name are an error here: nodes and tools differ in which of them they take.
    let entry: Entry = serde_json::from_str(text).map_err(unclear)?;
    let value: Value = serde_json::from_str(text).map_err(unclear)?;
    let mut fields = wanted.fields(&value);
    if fields.is_empty() && wanted.in_text(text) {
        fields.push("a repeated field".into());
    }
    let address = entry.addr.to_string();
    let source = entry.src.map(|src| src.to_string());
    Ok((!fields.is_empty()).then_some(Trace { entry: index, address, source, fields }))
}

/// Traces in the rest of a book, which has no entries and is JSON.
pub(super) fn outside(text: &str, wanted: &Wanted) -> Option<Unclear> {
    let fields = match serde_json::from_str::<Value>(text) {
        Ok(value) => wanted.fields(&value),
        Err(e) => return Some(Unclear { entry: None, reason: e.to_string() }),
    };
    if fields.is_empty() && !wanted.in_text(text) {
        return None;
    }
    let at = if fields.is_empty() { "in a repeated field".into() } else { fields.join(", ") };
    Some(Unclear { entry: None, reason: format!("what is searched for is outside of the entries: {at}") })
}

impl Wanted {
    /// Paths of all strings that hold an id or are an address that is searched for.
    fn fields(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.walk(value, "", &mut found);
        found
    }

    fn walk(&self, value: &Value, path: &str, found: &mut Vec<String>) {
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value {
            Value::String(text) if self.in_text(text) || self.is_ip(text) => found.push(path.to_owned()),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(item, &below(&index.to_string()), found);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    if self.in_text(name) || self.is_ip(name) {
                        found.push(below("the name of a field"));
                    }
                    self.walk(field, &below(name), found);
                }
            }
            _ => {}
        }
    }

    fn in_text(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.ids.iter().any(|id| text.contains(&id.to_string()))
    }

    fn is_ip(&self, text: &str) -> bool {
        text.parse::<IpAddr>()
            .is_ok_and(|ip| self.ips.iter().any(|wanted| wanted.to_canonical() == ip.to_canonical()))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id: String = self.id.chars().take(64).collect();
        match self.ip {
            Some(ip) => write!(f, "{id}@{}", SocketAddr::new(ip, self.port)),
            None => write!(f, "{id}@:{}", self.port),
        }
    }
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry} cannot be read: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}
