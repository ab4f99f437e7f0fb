//! The `result` of each RPC method that monitors and light clients use.

use super::block::{Block, BlockId, Commit, Header};
use super::event::Event;
use super::number::{lenient, nullable, quoted};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `block`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockAnswer {
    /// Id of the block.
    #[serde(default)]
    pub block_id: BlockId,
    /// The block; `None` where the node does not have it.
    pub block: Option<Block>,
}

/// `header` (since 0.37).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeaderAnswer {
    /// The header.
    pub header: Option<Header>,
}

/// `commit`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommitAnswer {
    /// Header and commit.
    pub signed_header: SignedHeader,
    /// False for the latest height: what this node has seen, not what the next block includes.
    #[serde(default)]
    pub canonical: bool,
}

/// A header with the commit for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SignedHeader {
    /// The header.
    pub header: Header,
    /// Signatures for it.
    pub commit: Commit,
}

/// `status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node.
    #[serde(default)]
    pub node_info: NodeInfo,
    /// Where it stands.
    pub sync_info: SyncInfo,
    /// Its own validator key.
    #[serde(default)]
    pub validator_info: ValidatorInfo,
}

/// Identity of a node; other fields (protocol versions, channels) are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Node id, lower-case hex.
    #[serde(default)]
    pub id: String,
    /// P2P listener.
    #[serde(default)]
    pub listen_addr: String,
    /// Chain id.
    #[serde(default)]
    pub network: String,
    /// What it says its version is; not reliable.
    #[serde(default)]
    pub version: String,
    /// Channels, hex.
    #[serde(default)]
    pub channels: String,
    /// Chosen by its operator: hostile text.
    #[serde(default)]
    pub moniker: String,
    /// Whatever else the node says.
    #[serde(flatten)]
    pub other: serde_json::Map<String, Value>,
}

/// Where a node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncInfo {
    /// Hash of the latest block.
    #[serde(default)]
    pub latest_block_hash: String,
    /// State after the block before it.
    #[serde(default)]
    pub latest_app_hash: String,
    /// Height of the latest block.
    #[serde(with = "quoted")]
    pub latest_block_height: i64,
    /// Its time.
    #[serde(default)]
    pub latest_block_time: String,
    /// Hash of the first block it still has.
    #[serde(default)]
    pub earliest_block_hash: String,
    /// State before it.
    #[serde(default)]
    pub earliest_app_hash: String,
    /// First height it still has; 0 where the node does not say.
    #[serde(default, with = "quoted")]
    pub earliest_block_height: i64,
    /// Its time.
    #[serde(default)]
    pub earliest_block_time: String,
    /// True while it syncs. False does not mean healthy: a halted node says false.
    #[serde(default)]
    pub catching_up: bool,
}

/// A node's own consensus key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorInfo {
    /// Upper-case hex.
    #[serde(default)]
    pub address: String,
    /// The key.
    #[serde(default)]
    pub pub_key: PubKey,
    /// 0 when it is not in the set.
    #[serde(default, with = "quoted")]
    pub voting_power: i64,
}

/// A public key in amino JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PubKey {
    /// `tendermint/PubKeyEd25519`, `tendermint/PubKeySecp256k1`, …
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Base64.
    #[serde(default)]
    pub value: String,
}

/// `validators`, one page of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The height of the set.
    #[serde(with = "quoted")]
    pub block_height: i64,
    /// By power, descending, then by address: the order of commits.
    #[serde(default, deserialize_with = "nullable")]
    pub validators: Vec<Validator>,
    /// In this page.
    #[serde(default, with = "quoted")]
    pub count: i64,
    /// In all pages.
    #[serde(default, with = "quoted")]
    pub total: i64,
}

/// A member of a validator set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// Upper-case hex.
    pub address: String,
    /// Consensus key.
    #[serde(default)]
    pub pub_key: PubKey,
    /// Power.
    #[serde(default, with = "quoted")]
    pub voting_power: i64,
    /// Priority in the proposer rotation.
    #[serde(default, with = "quoted")]
    pub proposer_priority: i64,
}

/// `block_results`: `finalize_block_events` since 0.38, `begin_block_events` and `end_block_events` before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockResults {
    /// Height.
    #[serde(with = "quoted")]
    pub height: i64,
    /// Results of transactions.
    #[serde(default, deserialize_with = "nullable")]
    pub txs_results: Vec<TxResult>,
    /// Up to 0.37.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub begin_block_events: Vec<Event>,
    /// Up to 0.37.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub end_block_events: Vec<Event>,
    /// Since 0.38.
    #[serde(default, deserialize_with = "nullable")]
    pub finalize_block_events: Vec<Event>,
    /// Changes to the set, effective two heights later.
    #[serde(default, deserialize_with = "nullable")]
    pub validator_updates: Vec<ValidatorUpdate>,
    /// Kept raw.
    #[serde(default)]
    pub consensus_param_updates: Value,
    /// Since 0.38.
    #[serde(default)]
    pub app_hash: Option<String>,
}

impl BlockResults {
    /// Events of the block itself, of whichever line.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.begin_block_events.iter().chain(&self.finalize_block_events).chain(&self.end_block_events)
    }
}

/// Result of one transaction; only what is counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TxResult {
    /// 0 = executed.
    #[serde(default, deserialize_with = "lenient")]
    pub code: u32,
    /// Its events.
    #[serde(default, deserialize_with = "nullable")]
    pub events: Vec<Event>,
}

/// One change to the validator set; key shapes differ between lines, so it is raw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValidatorUpdate {
    /// Consensus key.
    #[serde(default)]
    pub pub_key: Value,
    /// New power, 0 = out.
    #[serde(default, with = "quoted")]
    pub power: i64,
}

/// `abci_query`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbciQueryAnswer {
    /// The application's answer.
    pub response: AbciResponse,
}

/// The application's answer to a query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbciResponse {
    /// 0 = good.
    #[serde(default, deserialize_with = "lenient")]
    pub code: u32,
    /// Why not.
    #[serde(default)]
    pub log: String,
    /// More of it.
    #[serde(default)]
    pub info: String,
    /// Position; unused.
    #[serde(default, with = "quoted")]
    pub index: i64,
    /// Base64.
    #[serde(default)]
    pub key: Option<String>,
    /// Base64; `null` for a key that is not there.
    #[serde(default)]
    pub value: Option<String>,
    /// Height of the state that answered.
    #[serde(default, with = "quoted")]
    pub height: i64,
    /// Module of the error.
    #[serde(default)]
    pub codespace: String,
}

/// `genesis`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GenesisAnswer {
    /// The document.
    pub genesis: Genesis,
}

/// A genesis document; parameters and application state are raw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Genesis {
    /// Start of the chain.
    pub genesis_time: String,
    /// Chain id.
    pub chain_id: String,
    /// First height; 0 and missing mean 1.
    #[serde(default, with = "quoted")]
    pub initial_height: i64,
    /// Raw.
    #[serde(default)]
    pub consensus_params: Value,
    /// First set; empty where the application makes it.
    #[serde(default, deserialize_with = "nullable")]
    pub validators: Vec<GenesisValidator>,
    /// First application hash.
    #[serde(default)]
    pub app_hash: String,
    /// Raw.
    #[serde(default)]
    pub app_state: Value,
}

/// A validator of the genesis document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenesisValidator {
    /// Upper-case hex.
    #[serde(default)]
    pub address: String,
    /// Consensus key.
    #[serde(default)]
    pub pub_key: PubKey,
    /// Power.
    #[serde(default, with = "quoted")]
    pub power: i64,
    /// Name.
    #[serde(default)]
    pub name: String,
}
