//! Every answer as text for a person and as JSON for a machine.

mod genesis;
mod json;
mod show;
mod text;

pub use genesis::{genesis_json, genesis_text};
pub use json::json;
pub use show::{list_rules as rules, show};
pub use text::text;
