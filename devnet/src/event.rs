//! ABCI events of a block, as the SDK emits them and as a node names them for its subscribers.

use std::collections::BTreeMap;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `liveness` or `slash`.
    pub kind: &'static str,
    /// Keys and values, in the order of emission.
    pub attributes: Vec<(&'static str, String)>,
}

impl Event {
    /// A validator missed a block; `missed` is its counter after that.
    pub fn liveness(valcons: &str, missed: i64, height: i64) -> Self {
        Self::begin_block(
            "liveness",
            vec![
                ("address", valcons.to_owned()),
                ("missed_blocks", missed.to_string()),
                ("height", height.to_string()),
            ],
        )
    }

    /// A validator was slashed and jailed for downtime.
    pub fn downtime(valcons: &str, power: i64, burned: u64) -> Self {
        Self::begin_block(
            "slash",
            vec![
                ("address", valcons.to_owned()),
                ("power", power.to_string()),
                ("reason", "missing_signature".to_owned()),
                ("jailed", valcons.to_owned()),
                ("burned_coins", burned.to_string()),
            ],
        )
    }

    /// A validator was slashed for signing twice.
    pub fn double_sign(valcons: &str, power: i64, burned: u64) -> Self {
        Self::begin_block(
            "slash",
            vec![
                ("address", valcons.to_owned()),
                ("power", power.to_string()),
                ("reason", "double_sign".to_owned()),
                ("burned_coins", burned.to_string()),
            ],
        )
    }

    /// A validator was jailed for signing twice.
    pub fn jailed(valcons: &str) -> Self {
        Self::begin_block("slash", vec![("jailed", valcons.to_owned())])
    }

    fn begin_block(kind: &'static str, mut attributes: Vec<(&'static str, String)>) -> Self {
        attributes.push(("mode", "BeginBlock".to_owned()));
        Self { kind, attributes }
    }
}

/// The `events` of a websocket notification: `type.key` to all values.
pub fn by_name(events: &[Event]) -> BTreeMap<String, Vec<String>> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events {
        for (key, value) in &event.attributes {
            names.entry(format!("{}.{key}", event.kind)).or_default().push(value.clone());
        }
    }
    names
}
