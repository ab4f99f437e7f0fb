//! A node's own `config.toml` and `app.toml`: what the topology wants in them, and what they say.
//!
//! ```text
//! Fleet ── table ──> Vec<Wanted> ── edit ──> the same file with other values
//! the file ── read ──> Settings ── the rules
//!          └─ keys ──> keys that the node does not know
//! ```
//!
//! The operator's file stays the operator's: nothing but values that the topology decides is replaced, byte for byte.
//! Absent: writing a whole file. `init` of the node does that, and knows its own defaults.

mod edit;
mod keys;
mod layout;
mod read;
mod table;
mod value;

pub use edit::{Change, EditError, Edited, edit};
pub use keys::{Stray, known_keys, strays};
pub use read::{Read, Unread, read};
pub use table::{File, Wanted, wanted};
pub use value::Value;

/// Whether this is the configuration of Tendermint 0.35, whose keys are written with dashes. A node of another line reads
/// none of its values, and a renderer that wrote underscores beside them would say one thing and mean another.
pub fn is_kebab_case(text: &str) -> bool {
    let Ok(table) = text.parse::<toml::Table>() else { return false };
    let dashed = |table: &toml::Table| table.keys().any(|key| key.contains('-'));
    // Other lines have psql-conn and keep-invalid-txs-in-cache, in other tables.
    dashed(&table)
        || ["p2p", "rpc"].iter().any(|t| table.get(*t).and_then(|t| t.as_table()).is_some_and(dashed))
}
