//! Keys and values: one linearizable read, and the transaction that is a compare-and-swap.

use crate::{
    cluster::{Seen, Swap},
    etcd::{Header, has_header},
};

/// `KV/Range`.
pub const RANGE: &str = "/etcdserverpb.KV/Range";
/// `KV/Txn`.
pub const TXN: &str = "/etcdserverpb.KV/Txn";

/// Linearizable unless it says otherwise.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RangeRequest {
    /// The key, or the first of a range.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The first key that is not asked for; empty for one key.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// At most so many; 0 for all.
    #[prost(int64, tag = "3")]
    pub limit: i64,
    /// Whether the member may answer out of what it happens to have.
    #[prost(bool, tag = "7")]
    pub serializable: bool,
    /// Without values.
    #[prost(bool, tag = "8")]
    pub keys_only: bool,
}

/// What is there.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RangeResponse {
    /// See [`Header`].
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// In order.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
}

/// One key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct KeyValue {
    /// Its name.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// When it came.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// When it last changed.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// How often it was put since it came.
    #[prost(int64, tag = "4")]
    pub version: i64,
    /// Its value.
    #[prost(bytes = "vec", tag = "5")]
    pub value: Vec<u8>,
}

/// Puts a value.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutRequest {
    /// Where.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// What.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// A put was done.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutResponse {
    /// See [`Header`].
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
}

/// All of `compare` holds: `success`; otherwise `failure`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TxnRequest {
    /// What must hold.
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// Done if it does.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<Operation>,
    /// Done if it does not.
    #[prost(message, repeated, tag = "3")]
    pub failure: Vec<Operation>,
}

/// One comparison with what is there.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Compare {
    /// 0 equal, 1 greater, 2 less, 3 not equal.
    #[prost(int32, tag = "1")]
    pub result: i32,
    /// 0 version, 1 creation, 2 modification, 3 value.
    #[prost(int32, tag = "2")]
    pub target: i32,
    /// Of this key.
    #[prost(bytes = "vec", tag = "3")]
    pub key: Vec<u8>,
    /// With this.
    #[prost(oneof = "Target", tags = "4, 5, 6, 7")]
    pub with: Option<Target>,
}

/// What is compared with.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Target {
    /// How often it was put.
    #[prost(int64, tag = "4")]
    Version(i64),
    /// When it came; 0 if it is not there.
    #[prost(int64, tag = "5")]
    Created(i64),
    /// When it last changed.
    #[prost(int64, tag = "6")]
    Modified(i64),
    /// Its value.
    #[prost(bytes = "vec", tag = "7")]
    Value(Vec<u8>),
}

/// One operation of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Operation {
    /// Which.
    #[prost(oneof = "Request", tags = "1, 2")]
    pub request: Option<Request>,
}

/// What an operation does.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Request {
    /// Reads.
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    /// Puts.
    #[prost(message, tag = "2")]
    Put(PutRequest),
}

/// What became of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TxnResponse {
    /// See [`Header`].
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// Whether everything compared equal.
    #[prost(bool, tag = "2")]
    pub succeeded: bool,
    /// Of the operations that were done.
    #[prost(message, repeated, tag = "3")]
    pub responses: Vec<Done>,
}

/// The answer of one operation.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Done {
    /// Which.
    #[prost(oneof = "Response", tags = "1, 2")]
    pub response: Option<Response>,
}

/// Answers of operations.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Response {
    /// What was read.
    #[prost(message, tag = "1")]
    Range(RangeResponse),
    /// It was put.
    #[prost(message, tag = "2")]
    Put(PutResponse),
}

has_header!(true: RangeResponse, PutResponse, TxnResponse);

/// Reads one key.
pub fn get(key: &str) -> RangeRequest {
    RangeRequest { key: key.into(), ..RangeRequest::default() }
}

/// Puts `next` in the place of exactly `seen`, or says what is there. Both the revision and the value are compared: a revision
/// alone could come again in a cluster that was restored from a backup.
pub fn swap(key: &str, seen: Option<&Seen>, next: &[u8]) -> TxnRequest {
    let compare = |target, with| Compare { result: 0, target, key: key.into(), with: Some(with) };
    let compare = match seen {
        None => vec![compare(1, Target::Created(0))],
        Some(seen) => {
            vec![compare(2, Target::Modified(seen.revision)), compare(3, Target::Value(seen.value.clone()))]
        }
    };
    let put = PutRequest { key: key.into(), value: next.to_vec() };
    TxnRequest {
        compare,
        success: vec![Operation { request: Some(Request::Put(put)) }],
        failure: vec![Operation { request: Some(Request::Range(get(key))) }],
    }
}

/// What a transaction of [`swap`] has come to; `None` if this is no answer to one.
pub fn swapped(answer: &TxnResponse) -> Option<Swap> {
    let response = answer.responses.first()?.response.as_ref()?;
    match (answer.succeeded, response) {
        (true, Response::Put(_)) => Some(Swap::Done(answer.header?.revision)),
        (false, Response::Range(range)) => Some(Swap::Lost(seen(range))),
        _ => None,
    }
}

/// The one key that was read.
pub fn seen(range: &RangeResponse) -> Option<Seen> {
    let one = range.kvs.first()?;
    Some(Seen { revision: one.mod_revision, value: one.value.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_is_not_taken_for_one() {
        let header = Some(Header { revision: 9, ..Header::default() });
        let put = Done { response: Some(Response::Put(PutResponse { header })) };
        let range = Done { response: Some(Response::Range(RangeResponse::default())) };
        let answer = |succeeded, done: &Done| {
            swapped(&TxnResponse { header, succeeded, responses: vec![done.clone()] })
        };
        assert_eq!(answer(true, &put), Some(Swap::Done(9)));
        assert_eq!(answer(false, &range), Some(Swap::Lost(None)));
        assert_eq!(answer(true, &range), None);
        assert_eq!(answer(false, &put), None);
        assert_eq!(swapped(&TxnResponse { header, succeeded: true, responses: vec![] }), None);
        assert_eq!(swapped(&TxnResponse { header: None, succeeded: true, responses: vec![put] }), None);
    }

    #[test]
    fn a_swap_compares_revision_and_value() {
        let seen = Seen { revision: 5, value: vec![1, 2] };
        let compared: Vec<_> =
            swap("k", Some(&seen), &[3]).compare.into_iter().filter_map(|one| one.with).collect();
        assert_eq!(compared, [Target::Modified(5), Target::Value(vec![1, 2])]);
        let compared: Vec<_> = swap("k", None, &[3]).compare.into_iter().filter_map(|one| one.with).collect();
        assert_eq!(compared, [Target::Created(0)]);
    }
}
