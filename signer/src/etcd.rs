//! etcd's v3 API, as far as the signer uses it: the messages (`etcdserverpb`, api/etcdserverpb/rpc.proto), the names of the calls,
//! and which of etcd's answers settle something.
//!
//! Field numbers are facts; nothing is generated. Leases, watches and deletions are deliberately absent: a mark needs none of them.

pub mod admin;
pub mod kv;

/// What every answer carries.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Header {
    /// Which cluster answered.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// Which of its members.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// Of the whole store when it answered.
    #[prost(int64, tag = "3")]
    pub revision: i64,
    /// Goes up with each election.
    #[prost(uint64, tag = "4")]
    pub raft_term: u64,
}

/// An answer with a header.
pub trait Answer {
    /// Whether the header says the store's revision; that of a list of members does not.
    const REVISION: bool;

    /// Its header.
    fn header(&self) -> Header;
}

macro_rules! has_header {
    ($revision:literal: $($answer:ty),*) => {$(
        impl $crate::etcd::Answer for $answer {
            const REVISION: bool = $revision;

            fn header(&self) -> $crate::etcd::Header {
                self.header.unwrap_or_default()
            }
        }
    )*};
}
pub(crate) use has_header;

/// Whether asking another member could help: no for what every member would answer alike.
pub fn is_final(code: tonic::Code, message: &str) -> bool {
    use tonic::Code;
    match code {
        Code::PermissionDenied | Code::InvalidArgument | Code::Unimplemented | Code::Unauthenticated => true,
        // "too many requests" is another one of this code.
        Code::ResourceExhausted => message.contains("space exceeded"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn a_header_is_read_as_etcd_writes_it() {
        let bytes = hex::decode("08b298eaf1948386fccd0110cdd2918bd2b881cf8e0118072002").expect("hex");
        let header = Header::decode(bytes.as_slice()).expect("a header");
        assert_eq!((header.cluster_id, header.member_id), (0xcdf8_1819_4e3a_8c32, 0x8e9e_05c5_2164_694d));
        assert_eq!((header.revision, header.raft_term), (7, 2));
    }

    #[test]
    fn what_every_member_would_say_alike_is_final() {
        assert!(is_final(tonic::Code::PermissionDenied, "etcdserver: permission denied"));
        assert!(is_final(tonic::Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded"));
        assert!(!is_final(tonic::Code::ResourceExhausted, "etcdserver: too many requests"));
        assert!(!is_final(tonic::Code::Unavailable, "etcdserver: no leader"));
    }
}
