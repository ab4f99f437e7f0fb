//! What CometBFT and the Cosmos SDK say on the wire and in files.
//!
//! Every crate of the kit knows this one; it knows none of them. It is pure: no sockets, no files, no clock, no
//! randomness, no async runtime. Bytes come in as arguments and go out as values.
//!
//! The way through, from the wire inwards:
//!
//! - [`secret`]: SecretConnection, the encrypted link between node and signer, without I/O
//! - [`noise`]: the link of a `noise://` listener (CometBFT 0.40), with both sides pinned, without I/O
//! - [`frame`]: length-delimited protobuf frames inside it
//! - [`privval`]: the messages in those frames, every field of every node line in one set of structs
//! - [`canonical`]: the sign-bytes that a consensus key signs
//! - [`raw_bytes`]: what else it may be asked to sign, and how that can never be one of those
//! - [`merkle`], [`block`]: blocks, commits and validator sets, hashed as a light client does
//! - [`consensus`]: public and private consensus keys of every type that a node line accepts
//! - [`key`], [`key_file`]: Ed25519 keys, addresses, node ids, and CometBFT's files for them
//! - [`age`]: such files under a passphrase
//!
//! And beside the wire of the signer, the wire between nodes and the wire of the monitors:
//!
//! - [`p2p`]: node infos, packets and peer exchange, as a stranger hears them
//! - [`rpc`]: CometBFT's JSON-RPC answers and events
//! - [`sdk`]: the Cosmos SDK's slashing and staking messages, store keys and decimals
//! - [`mod@bech32`]: valoper and valcons addresses

pub mod age;
pub mod bech32;
pub mod block;
pub mod canonical;
pub mod consensus;
pub mod frame;
pub mod key;
pub mod key_file;
pub mod merkle;
pub mod noise;
pub mod p2p;
pub mod privval;
pub mod raw_bytes;
pub mod rpc;
pub mod sdk;
pub mod secret;
