//! Everything that touches the world: sockets, files, clocks, randomness, logs. The decisions are made outside of it.

pub mod check_cmd;
pub mod desk;
pub mod dial;
pub mod harden;
mod http;
mod identity;
pub mod key;
pub mod key_cmd;
pub mod link;
pub mod run;
pub mod secret_file;
pub mod state_cmd;
mod status;
pub mod store_file;
mod systemd;
mod ward;
pub mod wire;
