//! The demo's judgement: what the monitor saw against what the chain knows, and how both are shown.
//!
//! - [`seen`]: the monitor's numbers, as its API gives them
//! - [`verdict`]: every counter of every validator compared with the chain's own
//! - [`table`]: the live table
//!
//! The processes, sockets and files are in `io::demo`.

pub mod seen;
pub mod table;
pub mod verdict;
