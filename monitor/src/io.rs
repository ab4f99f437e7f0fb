//! Everything that touches the world: sockets, the clock, the history file, the log.
//!
//! [`run`] is the daemon, [`supervise`] what it starts and exchanges: one [`follow`] task per chain owns that chain's state and history, fed by [`feed`] (websocket)
//! and [`pool`] (RPC with failover); [`anchor`], [`probe`] and [`sdk`] ask the SDK's modules; [`server`] shows the result, [`alert`] tells what is wrong; [`http`] is
//! the client of all that speaks HTTP, [`reach`] one endpoint with its token, [`source`] with its health.

pub mod alert;
pub mod anchor;
pub mod board;
pub mod check;
pub mod duty;
pub mod feed;
pub mod follow;
pub mod grpc;
pub mod history;
pub mod http;
pub mod pool;
pub mod postgres;
pub mod probe;
pub mod reach;
pub mod remote_write;
pub mod rest;
pub mod rpc;
pub mod run;
pub mod sdk;
pub mod secret;
pub mod server;
pub mod source;
pub mod supervise;
pub mod top_cmd;
