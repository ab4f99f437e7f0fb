//! `cosmos.gov.v1` and `v1beta1`: proposals in their voting period, one vote, and what a proposal would change.

use super::slashing;
use super::{Any, PageRequest, PageResponse, Timestamp};
use prost::Message;

/// gRPC and `abci_query` path of the proposals (SDK ≥ 0.46).
pub const PROPOSALS: &str = "/cosmos.gov.v1.Query/Proposals";
/// The same before.
pub const PROPOSALS_V1BETA1: &str = "/cosmos.gov.v1beta1.Query/Proposals";
/// gRPC and `abci_query` path of one vote (SDK ≥ 0.46).
pub const VOTE: &str = "/cosmos.gov.v1.Query/Vote";
/// The same before.
pub const VOTE_V1BETA1: &str = "/cosmos.gov.v1beta1.Query/Vote";
/// `PROPOSAL_STATUS_VOTING_PERIOD`.
pub const VOTING: i32 = 2;
/// A message that carries an older content.
const MSG_EXEC_LEGACY_CONTENT: &str = "/cosmos.gov.v1.MsgExecLegacyContent";
/// Sets x/slashing's parameters (SDK ≥ 0.47).
const MSG_UPDATE_SLASHING: &str = "/cosmos.slashing.v1beta1.MsgUpdateParams";
/// Sets any parameters of x/params.
const PARAMETER_CHANGE: &str = "/cosmos.params.v1beta1.ParameterChangeProposal";

/// `QueryProposalsRequest`, of both versions.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ProposalsRequest {
    /// [`VOTING`], …
    #[prost(int32, tag = "1")]
    pub proposal_status: i32,
    /// Page.
    #[prost(message, optional, tag = "4")]
    pub pagination: Option<PageRequest>,
}

/// `v1.QueryProposalsResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ProposalsResponse {
    /// Proposals of this page.
    #[prost(message, repeated, tag = "1")]
    pub proposals: Vec<Proposal>,
    /// Where the next page starts.
    #[prost(message, optional, tag = "2")]
    pub pagination: Option<PageResponse>,
}

/// `v1.Proposal`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Proposal {
    /// Number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// What it would do.
    #[prost(message, repeated, tag = "2")]
    pub messages: Vec<Any>,
    /// [`VOTING`], …
    #[prost(int32, tag = "3")]
    pub status: i32,
    /// End of the voting.
    #[prost(message, optional, tag = "9")]
    pub voting_end_time: Option<Timestamp>,
    /// Title (SDK ≥ 0.47); hostile text.
    #[prost(string, tag = "11")]
    pub title: String,
}

/// `v1beta1.QueryProposalsResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct LegacyProposalsResponse {
    /// Proposals of this page.
    #[prost(message, repeated, tag = "1")]
    pub proposals: Vec<LegacyProposal>,
    /// Where the next page starts.
    #[prost(message, optional, tag = "2")]
    pub pagination: Option<PageResponse>,
}

/// `v1beta1.Proposal`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct LegacyProposal {
    /// Number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// What it would do.
    #[prost(message, optional, tag = "2")]
    pub content: Option<Any>,
    /// [`VOTING`], …
    #[prost(int32, tag = "3")]
    pub status: i32,
    /// End of the voting.
    #[prost(message, optional, tag = "9")]
    pub voting_end_time: Option<Timestamp>,
}

/// `QueryVoteRequest`, of both versions.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct VoteRequest {
    /// Number of the proposal.
    #[prost(uint64, tag = "1")]
    pub proposal_id: u64,
    /// Account.
    #[prost(string, tag = "2")]
    pub voter: String,
}

/// `QueryVoteResponse`, of both versions.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct VoteResponse {
    /// The vote.
    #[prost(message, optional, tag = "1")]
    pub vote: Option<Vote>,
}

/// `Vote`, of which only whose it is is read.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Vote {
    /// Number of the proposal.
    #[prost(uint64, tag = "1")]
    pub proposal_id: u64,
    /// Account.
    #[prost(string, tag = "2")]
    pub voter: String,
}

/// A content's first two fields are title and description, in every kind of content.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct Content {
    #[prost(string, tag = "1")]
    title: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct ExecLegacyContent {
    #[prost(message, optional, tag = "1")]
    content: Option<Any>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct UpdateSlashing {
    #[prost(message, optional, tag = "2")]
    params: Option<slashing::Params>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct ParameterChanges {
    #[prost(message, repeated, tag = "3")]
    changes: Vec<ParamChange>,
}

/// `ParamChange` of x/params: one parameter of one module, its value as JSON.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ParamChange {
    /// Module.
    #[prost(string, tag = "1")]
    pub subspace: String,
    /// Parameter.
    #[prost(string, tag = "2")]
    pub key: String,
    /// JSON.
    #[prost(string, tag = "3")]
    pub value: String,
}

/// What a message would do to x/slashing's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlashingChange {
    /// All of them are set.
    All(slashing::Params),
    /// Some of them are set.
    Some(Vec<ParamChange>),
}

/// The content of a message that only carries one, or the message itself.
pub fn unwrapped(message: &Any) -> Option<Any> {
    if message.type_url == MSG_EXEC_LEGACY_CONTENT {
        return ExecLegacyContent::decode(message.value.as_slice()).ok()?.content;
    }
    Some(message.clone())
}

/// Title of an older content.
pub fn title(content: &Any) -> Option<String> {
    Content::decode(content.value.as_slice()).ok().map(|c| c.title)
}

/// What an unwrapped message would do to x/slashing.
pub fn slashing_change(message: &Any) -> Option<SlashingChange> {
    match message.type_url.as_str() {
        MSG_UPDATE_SLASHING => {
            UpdateSlashing::decode(message.value.as_slice()).ok()?.params.map(SlashingChange::All)
        }
        PARAMETER_CHANGE => {
            let mut changes = ParameterChanges::decode(message.value.as_slice()).ok()?.changes;
            changes.retain(|c| c.subspace == "slashing");
            (!changes.is_empty()).then_some(SlashingChange::Some(changes))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(type_url: &str, value: Vec<u8>) -> Any {
        Any { type_url: type_url.into(), value }
    }

    #[test]
    fn slashing_changes_of_both_kinds() {
        let params = slashing::Params { signed_blocks_window: 100, ..slashing::Params::default() };
        let update = UpdateSlashing { params: Some(params.clone()) }.encode_to_vec();
        assert_eq!(slashing_change(&any(MSG_UPDATE_SLASHING, update)), Some(SlashingChange::All(params)));
        let change = |subspace: &str| ParamChange {
            subspace: subspace.into(),
            key: "SignedBlocksWindow".into(),
            value: "\"100\"".into(),
        };
        let old = ParameterChanges { changes: vec![change("slashing"), change("staking")] }.encode_to_vec();
        let content = any(PARAMETER_CHANGE, old);
        let wrapped = any(
            MSG_EXEC_LEGACY_CONTENT,
            ExecLegacyContent { content: Some(content.clone()) }.encode_to_vec(),
        );
        assert_eq!(unwrapped(&wrapped), Some(content.clone()));
        assert_eq!(slashing_change(&content), Some(SlashingChange::Some(vec![change("slashing")])));
        assert_eq!(slashing_change(&wrapped), None);
    }
}
