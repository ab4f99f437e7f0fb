//! An honest chain in one process: 64 validators of akashnet-1 with fresh keys, real signatures, headers and commits that a
//! CometBFT light client accepts, x/slashing's rules, and faults by script.
pub mod account;
pub mod answers;
pub mod app;
pub mod chain;
pub mod cli;
pub mod dice;
pub mod event;
pub mod io;
pub mod ledger;
pub mod moment;
pub mod node;
pub mod offline;
pub mod query;
pub mod record;
pub mod rotation;
pub mod round;
pub mod script;
pub mod seats;
pub mod slashing;
pub mod truth;
