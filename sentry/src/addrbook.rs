//! A node's address book, and the traces of a node that nobody should know.
//!
//! `private_peer_ids` keeps an id from being added; what is in the book already stays there and is gossiped (spec p2p.md
//! §3.5 R8, leak vector 2). So a book is scrubbed by cutting entries out of its text: every byte of the others stays.

mod trace;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use trace::{Trace, Unclear, Wanted};

/// What a stranger does with a book that holds traces.
pub const ATTACK: &str = "Whoever sends the node a PEX request, or finds a copy of the book, gets the hidden node's id \
                          and address; private_peer_ids does not filter what is in the book already.";
/// What ends it.
pub const FIX: &str = "put the id into private_peer_ids of this node, stop the node, run `palisade-sentry addrbook scrub` on the \
                       book, start the node.";
/// Under which condition a scrubbed book stays scrubbed.
pub const STOPPED: &str = "the node must be stopped for this: a running one holds the book in memory and rewrites the file every \
                           two minutes and on exit. Before it starts, its private_peer_ids must hold the id, or the \
                           traces come back.";

/// Why a text is no address book, or a book cannot be scrubbed. The text ends with a `try:` line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// No JSON of the shape of an address book.
    #[error(
        "not an address book: {0}\ntry: name a node's config/addrbook.json; a damaged one: stop the node and remove it"
    )]
    Shape(String),
    /// Places that a trace could hide in, which cutting entries out does not reach.
    #[error("{}\ntry: stop the node and remove the book; the node learns a new one from its seeds", list(.0))]
    Unclear(Vec<Unclear>),
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "a book without a key is none")]
struct Shape<'a> {
    key: String,
    #[serde(borrow)]
    addrs: Vec<&'a RawValue>,
}

/// An address book over its text.
#[derive(Debug)]
pub struct Book<'a> {
    text: &'a str,
    entries: Vec<&'a str>,
}

/// What was found in a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Entries in the book.
    pub entries: usize,
    /// Entries with traces, in the order of the book.
    pub traces: Vec<Trace>,
    /// Places of which nobody can say whether they hold a trace, or that hold one outside of the entries.
    pub unclear: Vec<Unclear>,
}

impl<'a> Book<'a> {
    /// Reads the outline of a book. Entries are looked at by [`Book::audit`].
    ///
    /// # Errors
    /// It is no JSON object with one `key` and one list `addrs`.
    pub fn parse(text: &'a str) -> Result<Self, BookError> {
        let shape: Shape<'a> = serde_json::from_str(text).map_err(|e| BookError::Shape(e.to_string()))?;
        Ok(Self { text, entries: shape.addrs.into_iter().map(RawValue::get).collect() })
    }

    /// Looks for traces.
    pub fn audit(&self, wanted: &Wanted) -> Audit {
        let mut audit = Audit { entries: self.entries.len(), traces: Vec::new(), unclear: Vec::new() };
        for (index, entry) in self.entries.iter().enumerate() {
            match trace::of(index, entry, wanted) {
                Ok(trace) => audit.traces.extend(trace),
                Err(unclear) => audit.unclear.push(unclear),
            }
        }
        audit.unclear.extend(trace::outside(&self.cut(|_| true), wanted));
        audit
    }

    /// The text of the book without the entries that hold traces.
    ///
    /// # Errors
    /// Something unclear would remain.
    pub fn scrubbed(&self, audit: &Audit) -> Result<String, BookError> {
        if audit.unclear.is_empty() {
            Ok(self.cut(|index| audit.traces.binary_search_by_key(&index, |trace| trace.entry).is_ok()))
        } else {
            Err(BookError::Unclear(audit.unclear.clone()))
        }
    }

    /// The text without some entries. What stands between two entries belongs to the second one.
    fn cut(&self, drop: impl Fn(usize) -> bool) -> String {
        let offset = |part: &str| part.as_ptr().addr() - self.text.as_ptr().addr();
        let (Some(first), Some(last)) = (self.entries.first(), self.entries.last()) else {
            return self.text.to_owned();
        };
        let mut out = self.text[..offset(first)].to_owned();
        let mut before = None;
        let mut empty = true;
        for (index, entry) in self.entries.iter().enumerate() {
            let (start, end) = (offset(entry), offset(entry) + entry.len());
            if !drop(index) {
                // The first one that stays has nobody before it to be separated from.
                out.push_str(&self.text[if empty { start } else { before.unwrap_or(start) }..end]);
                empty = false;
            }
            before = Some(end);
        }
        out.push_str(&self.text[offset(last) + last.len()..]);
        out
    }
}

fn list(unclear: &[Unclear]) -> String {
    let shown: Vec<String> = unclear.iter().take(5).map(ToString::to_string).collect();
    let more = unclear.len().saturating_sub(shown.len());
    shown.join("; ") + &if more > 0 { format!("; and {more} more") } else { String::new() }
}

#[cfg(test)]
mod tests;
