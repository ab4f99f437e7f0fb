//! Everything of devnet that touches the world: sockets, clock, randomness.

mod engine;
mod grpc;
mod link;
mod node;
mod rpc;
mod shared;
mod start;
mod websocket;

pub use start::{Handle, Options, Remote, StartError, start};
