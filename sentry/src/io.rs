//! The edge of the crate: the files that the command names.

pub mod fleet_file;
pub mod genesis_file;
