//! Map of the test house: drivers for the real peers of Palisade's programs, and the tidy rules.
//!
//! - [`tidy`]: the rules of the house that no compiler knows
//! - [`process`], [`ports`], [`binaries`], [`http`], [`exposition`], [`scratch`]: a program under test, what it listens on, where it
//!   comes from, and what it answers
//! - [`comet_node`], [`node_line`], [`hub`]: real nodes of every line, and a real Cosmos SDK chain of many validators
//! - [`sdk_line`], [`sdk_net`], [`sdk_truth`], [`double_sign`]: a network of ordinary Cosmos SDK nodes of several lines, and
//!   what x/slashing itself says there
//! - [`sdk_record`], [`sdk_jailing`]: what the monitor says beside it, and the scenario that proves it
//! - [`etcd`], [`etcd_tls`], [`privval_node`], [`etcd_stage`], [`etcd_net`]: clusters that several signers share, and a node that asks what the test wants
//! - [`abci_app`]: an application for such a node that extends votes
//! - [`signer_process`], [`monitor_process`]: Palisade's own programs, as processes
//! - [`chromium`]: a real browser for the monitor's page
//! - [`netns`], [`hidden_validator`], [`guarded_fleet`]: networks with addresses of their own, and the fleets that are looked at there
//! - [`hosts`]: real machines with systemd and sshd, to be deployed to
//! - [`privval_wire`], [`recorder`]: what stands between a node and its signer and remembers every signature
//!
//! Everything here blocks and uses threads: a test reads from top to bottom, and no runtime hides a stall.

pub mod abci_app;
pub mod binaries;
pub mod chromium;
pub mod comet_node;
pub mod deployed_fleet;
pub mod double_sign;
pub mod etcd;
pub mod etcd_net;
pub mod etcd_stage;
pub mod etcd_tls;
pub mod exposition;
pub mod guarded_fleet;
pub mod hidden_validator;
pub mod hosts;
pub mod http;
pub mod hub;
pub mod monitor_process;
pub mod netns;
pub mod node_line;
pub mod ports;
pub mod privval_node;
pub mod privval_wire;
pub mod process;
pub mod recorder;
pub mod scratch;
pub mod sdk_jailing;
pub mod sdk_line;
pub mod sdk_net;
pub mod sdk_record;
pub mod sdk_truth;
pub mod signer_process;
pub mod tidy;
