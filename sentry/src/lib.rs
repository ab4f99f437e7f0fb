//! The sentry topology as a model, what the world sees of it, and the rules that show whether a validator is hidden.
//!
//! ```text
//! fleet.toml ── raw ── resolve ──> Fleet ── rules/<rule> ──> Vec<Finding> ── report ──> text, JSON
//!                        │           ^
//!                 duty, implied,     └── `palisade render` writes every host's files from the same graph
//!                   path, link
//!
//! the network  ── io::probe ──> Live ── rules/<rule>, census ── the same report
//!
//! a node's home ── io::node_home ──> Home ── rules/<rule> ── the same report
//!                  node_config ──> its files with other values
//!
//! all of these, on a schedule ── watch ──> what is new and what has ended ── metrics, JSON, Alertmanager
//!
//! genesis.json ── genesis, reach ──> Census ── report ──> text, JSON
//! addrbook.json ── addrbook ──> Audit ── report ──> text, JSON
//! ```
//!
//! Nothing but `io` opens a socket or reads a clock: it reads and writes the file that the command names, and looks at the
//! fleet from outside.

pub mod addrbook;
mod audit;
pub mod census;
pub mod cli;
pub mod deployment;
mod duty;
mod error;
mod exposed;
mod finding;
mod fleet;
pub mod genesis;
pub mod home;
mod implied;
pub mod io;
mod link;
mod listen;
pub mod live;
pub mod named;
pub mod node_config;
mod node_line;
mod path;
mod peer;
mod raw;
mod reach;
pub mod report;
mod resolve;
pub mod rules;
mod settings;
pub mod watch;
mod withheld;

pub use audit::{Report, audit, audit_homes, examine};
pub use deployment::Deployment;
pub use duty::{Duties, duties};
pub use error::{FleetError, Place, Problem};
pub use finding::{Finding, Severity, Source, Subject};
pub use fleet::{Chain, Fleet, Host, Key, Member, Monitor, Node, NodeName, Ports, Role, Signer, View};
pub use link::{Link, Party, Speech};
pub use listen::{Exposure, Listen, ListenError};
pub use node_line::{LineError, NodeLine};
pub use path::dial;
pub use peer::{NodeId, PeerAddress, PeerError};
pub use reach::Reach;
pub use resolve::resolve;
pub use settings::{Listener, Origin, Setting, Settings};
