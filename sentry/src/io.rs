//! The edge of the crate: reading the file that the command names.

pub mod fleet_file;
