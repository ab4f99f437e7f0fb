//! The edge of the crate: the files that the command names, and the network that the live audit looks at.

pub mod fleet_file;
pub mod genesis_file;
pub mod kept_file;
pub mod node_home;
pub mod probe;
