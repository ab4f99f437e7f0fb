//! The edge of the crate: the files that the command names, the network that the live audit looks at, and the daemon.

pub mod fleet_file;
pub mod genesis_file;
pub mod http;
pub mod kept_file;
pub mod node_home;
pub mod probe;
pub mod survey;
pub mod watch;
