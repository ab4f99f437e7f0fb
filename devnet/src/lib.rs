//! An honest chain in one process: the 64 validators of akashnet-1 with fresh keys, real signatures, headers and commits
//! that a CometBFT light client accepts, x/slashing's rules, and faults by script.
//!
//! It is no mock: nothing here knows what a monitor or signer expects, and the numbers that a monitor shows are compared with
//! [`truth`], which counts what really happened. Absent are transactions, peer-to-peer and more than one view of the chain.
//!
//! The way through:
//!
//! - [`seats`]: names and stakes of the validators; [`script`]: what goes wrong and when
//! - [`rotation`]: validator sets and whose turn it is to propose
//! - [`round`]: proposals and precommits of one round; [`chain`]: blocks, commits and what follows from them
//! - [`app`], [`account`], [`slashing`], [`event`]: the application that decides who is in the set
//! - [`ledger`], [`node`], [`answers`], [`query`]: what a node keeps and answers
//! - [`record`]: every signature of remote signers; [`truth`]: the oracle
//! - [`offline`]: the chain without sockets; [`io`]: the chain with them; [`cli`]: the command

pub mod account;
pub mod answers;
pub mod app;
pub mod chain;
pub mod cli;
pub mod dice;
pub mod event;
pub mod io;
pub mod ledger;
pub mod line;
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
