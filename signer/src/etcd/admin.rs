//! What a look at a cluster asks: state of a member, alarms, members, whether users are checked.

use crate::etcd::{Header, has_header};

/// `Maintenance/Status`.
pub const STATUS: &str = "/etcdserverpb.Maintenance/Status";
/// `Cluster/MemberList`.
pub const MEMBER_LIST: &str = "/etcdserverpb.Cluster/MemberList";

/// Asks the member that is connected.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct StatusRequest {}

/// What a member says of itself.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StatusResponse {
    /// See [`Header`].
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// Such as `3.6.16`.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Bytes of its database.
    #[prost(int64, tag = "3")]
    pub db_size: i64,
    /// The leader's member id; 0 if it knows of none.
    #[prost(uint64, tag = "4")]
    pub leader: u64,
    /// What it logged.
    #[prost(uint64, tag = "5")]
    pub raft_index: u64,
    /// Goes up with each election.
    #[prost(uint64, tag = "6")]
    pub raft_term: u64,
    /// What it applied.
    #[prost(uint64, tag = "7")]
    pub raft_applied_index: u64,
    /// Alarms and the like, in its words.
    #[prost(string, repeated, tag = "8")]
    pub errors: Vec<String>,
    /// Bytes of its database that are in use; the rest goes with a defragmentation.
    #[prost(int64, tag = "9")]
    pub db_size_in_use: i64,
    /// Whether it has no vote.
    #[prost(bool, tag = "10")]
    pub is_learner: bool,
}

/// Asks for all members.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct MemberListRequest {
    /// Whether the answer must be the newest.
    #[prost(bool, tag = "1")]
    pub linearizable: bool,
}

/// All members.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MemberListResponse {
    /// See [`Header`].
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// In no order.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
}

/// One member.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Member {
    /// Member id.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its name; empty until it has started.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Where the others reach it.
    #[prost(string, repeated, tag = "3")]
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    #[prost(string, repeated, tag = "4")]
    pub client_urls: Vec<String>,
    /// Whether it has no vote.
    #[prost(bool, tag = "5")]
    pub is_learner: bool,
}

has_header!(false: StatusResponse, MemberListResponse);
