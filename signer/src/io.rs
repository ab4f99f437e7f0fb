//! Everything that touches the world: sockets, files, clocks, randomness, logs. The decisions are made outside of it.

mod admin;
pub mod admin_cmd;
mod audit;
pub mod check_cmd;
mod command;
pub mod desk;
pub mod dial;
pub mod doppelganger;
#[cfg(feature = "etcd")]
pub mod etcd;
#[cfg(feature = "etcd")]
pub mod etcd_cmd;
#[cfg(feature = "frost")]
pub mod frost;
#[cfg(feature = "frost")]
pub mod frost_cmd;
mod grpc;
pub mod harden;
mod http;
pub(crate) mod identity;
pub mod import_cmd;
pub mod key;
pub mod key_cmd;
pub mod link;
pub mod memory;
pub mod passphrase;
mod pause_file;
pub mod recover_cmd;
pub mod rpc;
pub mod run;
pub mod secret_file;
#[cfg(feature = "etcd")]
pub mod shared_state;
pub mod state_cmd;
mod status;
pub mod store_file;
mod systemd;
mod ward;
pub mod wire;
pub mod yubihsm_cmd;
