//! Everything of devnet that touches the world: sockets, clock, randomness.

mod engine;
mod grpc;
mod handle;
mod link;
mod node;
mod rpc;
mod shared;
mod start;
mod websocket;

pub use handle::Handle;
pub use start::{Options, Remote, StartError, start};
