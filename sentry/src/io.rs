//! The edge of the crate: the files that the command names.

pub mod addrbook_file;
pub mod fleet_file;
pub mod genesis_file;
