//! The operator's command: one fleet file in, every file of every host out, and all daemons of the kit in one binary.
//!
//! ```text
//! fleet.toml ── palisade_sentry::resolve ──> Fleet ── audit ──> render ──> parse_back ──> Tree ── io::out_dir ──> DIR
//! ```
//!
//! - [`render`]: the files of every host, from the graph alone; refuses what the audit rejects
//! - [`parse_back`]: every rendered file read by the program that will read it
//! - [`tree`], [`manifest`]: what is written, and the list that Ansible copies by
//! - [`init`]: a first fleet file
//! - [`observe`], [`plan`], [`gate`], [`progress`]: what the hosts have, what would change, and when the next one may be touched
//! - [`moving`]: a key from one signer host to another, one step at a time
//! - [`status`], [`upgrade`]: one table of what runs; is every node ready, and did it come through
//! - [`demo`]: what the monitor saw against what the chain knows
//! - [`io`]: directories, files, and the demo's processes
//! - [`cli`]: the command line

pub mod cli;
pub mod demo;
pub mod gate;
pub mod init;
pub mod io;
pub mod manifest;
pub mod moving;
pub mod observe;
pub mod parse_back;
pub mod plan;
pub mod progress;
pub mod render;
pub mod status;
pub mod tree;
pub mod upgrade;
