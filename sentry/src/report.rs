//! Every answer as text for a person and as JSON for a machine.

mod addrbook;
mod genesis;
mod json;
mod render;
mod sarif;
mod show;
mod text;

pub use addrbook::{addrbook_json, addrbook_text, scrub_json, scrub_text};
pub use genesis::{genesis_json, genesis_text};
pub use json::json;
pub use render::{diff, settings, strays, written};
pub use sarif::sarif;
pub use show::{list_rules as rules, show};
pub use text::text;
