//! One gentx: whose it is, and what its memo publishes.

use serde::Serialize;
use serde_json::Value;

use super::memo::{Published, published};
use crate::reach::Reach;

/// Characters that are kept of what a stranger wrote.
const KEPT: usize = 128;

/// A gentx as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gentx {
    /// Name that the validator gave itself, shortened; empty if it has none.
    pub moniker: String,
    /// Operator address, shortened; empty if the gentx has none.
    pub valoper: String,
    /// What the memo publishes, most exposed first; nothing at all if there is no memo to read.
    pub published: Option<Vec<Published>>,
}

impl Gentx {
    /// Reads either spelling; what is missing stays empty.
    pub(super) fn read(tx: &Value) -> Self {
        let proto = &tx["body"];
        let (body, messages) =
            if proto.is_object() { (proto, &proto["messages"]) } else { (&tx["value"], &tx["value"]["msg"]) };
        let create = messages.as_array().into_iter().flatten().find_map(create_validator);
        let text = |value: Option<&Value>| kept(value.and_then(Value::as_str).unwrap_or_default());
        Self {
            moniker: text(create.map(|c| &c["description"]["moniker"])),
            valoper: text(create.map(|c| &c["validator_address"])),
            published: memo(body).map(published),
        }
    }

    /// How exposed the validator is by its memo. Nothing if the gentx cannot be read.
    pub fn reach(&self) -> Option<Reach> {
        let published = self.published.as_ref()?;
        Some(published.first().map_or(Reach::None, |p| p.reach))
    }
}

/// A body without memo has an empty one; without a body, or with something else there, nobody knows.
fn memo(body: &Value) -> Option<&str> {
    match body.as_object()?.get("memo") {
        None | Some(Value::Null) => Some(""),
        Some(memo) => memo.as_str(),
    }
}

fn create_validator(message: &Value) -> Option<&Value> {
    let ends = |kind: &Value| kind.as_str().is_some_and(|kind| kind.ends_with("MsgCreateValidator"));
    match () {
        () if ends(&message["@type"]) => Some(message),
        () if ends(&message["type"]) => Some(&message["value"]),
        () => None,
    }
}

fn kept(text: &str) -> String {
    text.chars().take(KEPT).collect()
}
