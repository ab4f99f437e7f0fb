//! Other values in a TOML file, and every other byte as it was: comments, order, line ends, keys that nobody knows.
//!
//! A value is replaced where it stands, so what is said behind it on its line stays. The result is read back and compared
//! before anybody sees it.

use toml::{Table, Value as Toml};

use super::is_kebab_case;
use super::layout::{Layout, Place};
use super::table::{File, Wanted};

/// Why a file is left alone. Ends with a `try:` line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// No TOML.
    #[error("{0}\ntry: correct it; a node would not start with it either")]
    Toml(String),
    /// The configuration of another family of nodes.
    #[error(
        "its keys are written with dashes, as Tendermint 0.35 (Sei) has them, whose configuration is not known here\ntry: render for nodes of the lines that node_line names"
    )]
    KebabCase,
    /// A key stands twice, or a table is something else.
    #[error(
        "`{0}` is not what it should be: it stands twice in different case, or is a table where a value belongs or the other way round\ntry: keep one `{0}`"
    )]
    Unclear(String),
    /// An unusual way to write a table, to which no line can be added.
    #[error("there is no safe place for `{0}`\ntry: write its table with a [header] of its own")]
    NoPlace(String),
}

/// A file with other values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// What changed, in the order of the wish list.
    pub changes: Vec<Change>,
}

/// One value that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Tables and name, separated by dots.
    pub key: String,
    /// What stood there, as it was written; none where the key was missing.
    pub before: Option<String>,
    /// What stands there now.
    pub after: String,
    /// Why the topology wants it.
    pub why: &'static str,
}

/// Makes every value what is wanted; one that is already is not touched.
///
/// # Errors
/// The file cannot be read, or not be changed without doubt.
pub fn edit(text: &str, wanted: &[Wanted]) -> Result<Edited, EditError> {
    let wrong = |e: toml::de::Error| EditError::Toml(e.to_string().trim_end().to_owned());
    let (layout, before) = (Layout::of(text).map_err(wrong)?, text.parse::<Table>().map_err(wrong)?);
    // In app.toml every line has dashes.
    if wanted.iter().any(|want| want.file == File::Config) && is_kebab_case(text) {
        return Err(EditError::KebabCase);
    }
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (mut splices, mut changes, mut target) = (Vec::new(), Vec::new(), before.clone());
    let mut tables: Vec<(&str, String)> = Vec::new();
    for want in wanted {
        let place = layout.find(want.key);
        // First of all, because it may be that one of two like keys is as it should be.
        if matches!(place, Place::Unclear) {
            return Err(EditError::Unclear(want.key.to_owned()));
        }
        if get(&before, want.key).is_some_and(|there| want.value.is_met_by(there)) {
            continue;
        }
        let name = want.key.rsplit_once('.').map_or(want.key, |(_, name)| name);
        let after = want.value.to_string();
        let mut old = None;
        match place {
            Place::Value(span) => {
                old = Some(text[span.clone()].to_owned());
                splices.push((span, after.clone()));
            }
            Place::After(at) => {
                let line = format!("{name} = {after}{newline}");
                let (at, line) = line_after(text, at, line, newline);
                splices.push((at..at, line));
            }
            Place::NoTable => {
                let table = want.key.rsplit_once('.').map_or("", |(table, _)| table);
                let line = format!("{name} = {after}{newline}");
                match tables.iter_mut().find(|(named, _)| *named == table) {
                    Some((_, lines)) => lines.push_str(&line),
                    None => tables.push((table, line)),
                }
            }
            Place::Unclear => return Err(EditError::Unclear(want.key.to_owned())),
        }
        put(&mut target, want.key, want.value.to_toml())
            .ok_or_else(|| EditError::Unclear(want.key.to_owned()))?;
        changes.push(Change { key: want.key.to_owned(), before: old, after, why: want.why });
    }
    splices.sort_by_key(|(span, _)| span.start);
    let (mut out, mut done) = (String::with_capacity(text.len() + 256), 0);
    for (span, new) in splices {
        out.push_str(&text[done..span.start]);
        // Two lines may belong after a last line that nobody ended.
        out.push_str(if out.ends_with('\n') { new.trim_start_matches(['\r', '\n']) } else { &new });
        done = span.end;
    }
    out.push_str(&text[done..]);
    for (table, lines) in tables {
        let end = if out.is_empty() || out.ends_with('\n') { "" } else { newline };
        out.push_str(&format!("{end}{newline}[{table}]{newline}{lines}"));
    }
    let first = changes.first().map_or(String::new(), |change| change.key.clone());
    match out.parse::<Table>() {
        Ok(now) if now == target => Ok(Edited { text: out, changes }),
        Ok(now) => Err(EditError::NoPlace(
            wanted
                .iter()
                .find(|want| get(&now, want.key) != get(&target, want.key))
                .map_or(first, |want| want.key.to_owned()),
        )),
        Err(_) => Err(EditError::NoPlace(first)),
    }
}

/// The place behind the line in which `at` stands, and the line to put there.
fn line_after(text: &str, at: usize, line: String, newline: &str) -> (usize, String) {
    match text[at..].find('\n') {
        // Before the first line of the file there is nothing to be behind.
        _ if at == 0 => (0, line),
        Some(end) => (at + end + 1, line),
        None => (text.len(), format!("{newline}{line}")),
    }
}

/// The value of a key, its name in any case.
pub(super) fn get<'a>(table: &'a Table, key: &str) -> Option<&'a Toml> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let value = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(first)).map(|(_, value)| value)?;
    match rest {
        None => Some(value),
        Some(rest) => get(value.as_table()?, rest),
    }
}

fn put(table: &mut Table, key: &str, value: Toml) -> Option<()> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let name = table.keys().find(|name| name.eq_ignore_ascii_case(first)).cloned();
    let name = name.unwrap_or_else(|| first.to_owned());
    let Some(rest) = rest else {
        table.insert(name, value);
        return Some(());
    };
    put(table.entry(name).or_insert_with(|| Toml::Table(Table::new())).as_table_mut()?, rest, value)
}
