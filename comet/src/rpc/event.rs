//! ABCI events, and the `NewBlock` message of the websocket.

use super::block::{Block, BlockId};
use super::number::nullable;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An event of `block_results`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `liveness`, `slash`, …; some chains write events without one.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Keys and values.
    #[serde(default, deserialize_with = "nullable")]
    pub attributes: Vec<Attribute>,
}

/// Key and value of an event: plain since 0.37, base64 before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Key.
    #[serde(default, deserialize_with = "nullable")]
    pub key: String,
    /// Value.
    #[serde(default, deserialize_with = "nullable")]
    pub value: String,
    /// Whether the node indexes it.
    #[serde(default)]
    pub index: bool,
}

impl Event {
    /// The value of `key`, of either encoding: a key found in base64 has its value in base64.
    pub fn get(&self, key: &str) -> Option<String> {
        if let Some(attribute) = self.attributes.iter().find(|a| a.key == key) {
            return Some(attribute.value.clone());
        }
        let encoded = BASE64.encode(key);
        let attribute = self.attributes.iter().find(|a| a.key == encoded)?;
        String::from_utf8(BASE64.decode(&attribute.value).ok()?).ok()
    }
}

/// What a websocket subscription to `tm.event='NewBlock'` delivers in `result`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewBlock {
    /// The subscription.
    #[serde(default)]
    pub query: String,
    /// Type and value.
    pub data: Notification,
    /// `type.key` to all values in order of emission: plain strings in every line, even where attributes are base64.
    #[serde(default, deserialize_with = "nullable")]
    pub events: BTreeMap<String, Vec<String>>,
}

/// Type and value of a notification.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// `tendermint/event/NewBlock`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The block and its results.
    pub value: NewBlockData,
}

/// The block of a `NewBlock` notification.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewBlockData {
    /// The block.
    pub block: Block,
    /// Its id; since 0.38.
    #[serde(default)]
    pub block_id: BlockId,
    /// Since 0.38.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_finalize_block: Option<FinalizeBlock>,
    /// Up to 0.37.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_begin_block: Option<FinalizeBlock>,
}

/// The part of the results that holds events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FinalizeBlock {
    /// Events.
    #[serde(default, deserialize_with = "nullable")]
    pub events: Vec<Event>,
}

impl NewBlock {
    /// All values of `key`, such as `liveness.address`.
    pub fn values(&self, key: &str) -> &[String] {
        self.events.get(key).map_or(&[], Vec::as_slice)
    }
}
