//! The rules of the house that no compiler knows, as functions of a file's path and text.
//!
//! They keep the shape that the design promises (pure code apart from code that touches the world, small files, one
//! direction of dependencies), so that a reader may rely on it without checking. `tests/tests/tidy.rs` runs them on
//! the repository; the bad examples are beside each rule.

pub mod manifest;
pub mod source;
pub mod text;

use std::fmt;

/// One breach of a rule, as an editor can jump to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// Line from 1; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A finding at a line.
pub(crate) fn at(path: &str, line: usize, what: impl Into<String>) -> Finding {
    Finding { path: path.to_owned(), line, what: what.into() }
}

/// Whether `needle` stands in `line` with no identifier character right before it.
pub(crate) fn names(line: &str, needle: &str) -> bool {
    line.match_indices(needle)
        .any(|(i, _)| !line[..i].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_'))
}

/// Every rule on one file.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut found = text::machine_names(path, text);
    if path.ends_with(".rs") {
        found.extend(source::shape(path, text));
        found.extend(source::purity(path, text));
        found.extend(source::anyhow_at_the_edge(path, text));
    }
    if path == "Cargo.toml" {
        found.extend(manifest::reasons(path, text));
    } else if path.ends_with("/Cargo.toml") && path.matches('/').count() == 1 {
        // Members of the workspace; fuzz targets deeper down are workspaces of their own.
        found.extend(manifest::workspace_versions(path, text));
        found.extend(manifest::arrows(path, text));
    }
    found
}
