//! A `NewBlock` message of the websocket, of which only what is counted is kept.
//!
//! On a real chain most of such a message is events of other modules (rewards and commission of every validator), told
//! twice. They are skipped unread: parsing them into values costs ten times the rest.

use crate::decode::{self, DecodeError};
use crate::event::{Block, Claims};
use crate::light::{self, Ids};
use comet::rpc;
use serde::Deserialize;

#[derive(Deserialize)]
struct Message {
    data: Data,
    #[serde(default)]
    events: Option<Events>,
}

#[derive(Deserialize)]
struct Data {
    value: Value,
}

#[derive(Deserialize)]
struct Value {
    block: rpc::Block,
    #[serde(default)]
    block_id: Option<rpc::BlockId>,
}

/// The `events` map: plain strings in every line of nodes, lists in order of emission.
#[derive(Deserialize)]
struct Events {
    #[serde(rename = "liveness.address", default)]
    address: Vec<String>,
    #[serde(rename = "liveness.missed_blocks", default)]
    missed_blocks: Vec<String>,
    #[serde(rename = "slash.jailed", default)]
    jailed: Vec<String>,
    #[serde(rename = "apply_cons_pubkey_rotation.old_cons_addr", default)]
    rotated_from: Vec<String>,
    #[serde(rename = "apply_cons_pubkey_rotation.new_cons_addr", default)]
    rotated_to: Vec<String>,
    #[serde(rename = "active_proposal.proposal_result", default)]
    proposals: Vec<String>,
}

impl Events {
    fn claims(&self) -> Claims {
        let addresses = self.address.iter().map(|a| decode::valcons(a));
        let counters = self.missed_blocks.iter().map(|n| n.parse().ok());
        Claims {
            liveness: addresses.zip(counters).filter_map(|(who, counter)| Some((who?, counter?))).collect(),
            jailed: self.jailed.iter().filter_map(|a| decode::valcons(a)).collect(),
            rotated: (self.rotated_from.iter().zip(&self.rotated_to))
                .filter_map(|(old, new)| Some((decode::valcons(old)?, decode::valcons(new)?)))
                .collect(),
            decided: self.proposals.iter().any(|result| result == decode::PASSED),
        }
    }
}

/// Why a message is no block.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The node canceled the subscription, on a socket that stays open.
    #[error(transparent)]
    Node(#[from] rpc::RpcError),
    /// Garbage, or of another chain.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// A block with its claims and its id; `None` for the empty reply to the subscription.
pub fn read(chain_id: &str, text: &[u8]) -> Result<Option<(Block, Ids)>, LiveError> {
    let envelope: Result<rpc::Envelope<Message>, _> = decode::json("NewBlock message", text);
    let message = match envelope {
        Ok(envelope) => envelope.into_result()?,
        Err(error) => {
            let plain: rpc::Envelope<serde_json::Value> = decode::json("websocket message", text)?;
            let subscribed = plain.into_result()?.as_object().is_some_and(serde_json::Map::is_empty);
            return if subscribed { Ok(None) } else { Err(error.into()) };
        }
    };
    let Value { block: read, block_id } = message.data.value;
    let mut block = decode::block(chain_id, &read)?;
    block.claims = message.events.map(|events| events.claims());
    Ok(Some((block, light::ids(&read, block_id.as_ref().map(|id| id.hash.as_str())))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use comet::bech32;
    use comet::key::Address;

    #[test]
    fn keeps_the_claims_and_skips_the_rest() {
        let who = Address([7; 20]);
        let valcons = bech32::encode("akashvalcons", &who.0).unwrap();
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"query":"tm.event='NewBlock'","data":{{"type":"tendermint/event/NewBlock","value":{{
            "block":{{"header":{{"chain_id":"c","height":"9","time":"2026-11-21T10:00:00Z","validators_hash":"A"}},"data":{{"txs":[]}},
            "evidence":{{"evidence":[]}},"last_commit":null}},"result_finalize_block":{{"events":[{{"type":"rewards"}}]}}}}}},
            "events":{{"rewards.amount":["1uakt"],"liveness.address":["{valcons}"],"liveness.missed_blocks":["51"],
            "liveness.height":["9"],"slash.jailed":["{valcons}"],"tm.event":["NewBlock"],
            "active_proposal.proposal_result":["proposal_rejected","proposal_passed"]}}}}}}"#
        );
        let (block, _) = read("c", text.as_bytes()).unwrap().unwrap();
        assert_eq!(
            block.claims,
            Some(Claims { liveness: vec![(who, 51)], jailed: vec![who], decided: true, ..Claims::default() })
        );
        assert_eq!(block.height, 9);
        let silent = text.replace("\"events\":{\"rewards", "\"other\":{\"rewards");
        assert_eq!(read("c", silent.as_bytes()).unwrap().unwrap().0.claims, None, "not said is not nothing");
        assert!(matches!(read("d", text.as_bytes()), Err(LiveError::Decode(_))));
    }

    #[test]
    fn an_error_on_an_open_socket_is_an_error() {
        let canceled = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Server error",
            "data":"subscription was canceled (reason: client is not pulling messages fast enough)"}}"#;
        assert!(matches!(read("c", canceled), Err(LiveError::Node(_))));
        assert!(matches!(read("c", b"garbage"), Err(LiveError::Decode(_))));
        assert!(matches!(read("c", br#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(None)));
    }
}
