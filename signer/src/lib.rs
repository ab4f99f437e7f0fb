//! palisade-signer: a remote signer for CometBFT validators that cannot double-sign.
//!
//! It holds consensus keys, dials the nodes and answers their privval requests. The way of one request:
//!
//! ```text
//! node -> io::link -> session::read -> request::Request      what is asked, validated
//!                     io::desk  -> doppelganger::Leave       does anybody else sign with this key?
//!                               -> keeper::Keeper            one request at a time for each key
//!                                    guard::check            Advance | Repeat | Refuse
//!                                    store::Store            durable mark -> Permit
//!                                    key::Key                Permit -> signature
//! node <- io::link <- reply
//! ```
//!
//! To audit the double-sign rule read [`guard`], then [`store`]; they need each other and nothing else. Everything here is a
//! function of its arguments, except [`io`], which has the sockets, files, clocks, randomness and logs.

// Unit tests share their requests and nodes with the tests outside, which know this crate by its name.
#[cfg(test)]
extern crate self as palisade_signer;

pub mod admin;
pub mod audit;
pub mod backoff;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod doppelganger;
#[cfg(feature = "etcd")]
pub mod etcd;
#[cfg(feature = "frost")]
pub mod frost;
pub mod guard;
pub mod import;
pub mod interchange;
pub mod io;
pub mod keeper;
pub mod key;
pub mod latency;
pub mod mark;
pub mod metrics;
pub mod pause;
pub mod raw_bytes;
pub mod record;
pub mod recover;
pub mod reload;
pub mod reply;
pub mod request;
pub mod sandbox;
pub mod session;
pub mod slots;
pub mod store;
pub mod yubihsm;
