//! Reads a node's home: its files, and who else may.
//!
//! Secret keys are read to find the id of a node key and for nothing else; a consensus key is not read at all.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use comet::key_file::read_node_key;
use serde_json::Value;

use super::{genesis_file, kept_file};
use crate::addrbook::{Book, Wanted};
use crate::finding::Subject;
use crate::fleet::{Fleet, View};
use crate::home::{FileMode, Home, ValidatorKey};
use crate::live::{Hidden, Trace, traces};
use crate::node_config::{File, read};
use crate::node_line::NodeLine;
use crate::peer::NodeId;

/// Reads the home at `dir`. `of` is its node in the fleet; `hidden` may not be named in its files.
///
/// # Errors
/// There is no `config/config.toml` that could be read. Everything else that cannot be read is evidence.
pub fn load(
    dir: &Path,
    of: Option<(&Fleet, View<'_>)>,
    line: Option<NodeLine>,
    hidden: &[Hidden],
) -> Result<Home, kept_file::FileError> {
    let text = |file: File| Ok(kept_file::read(&dir.join(file.path()), file.path())?.text().to_owned());
    let config_text: String = text(File::Config)?;
    let app = if dir.join(File::App.path()).exists() { Some(text(File::App)?) } else { None };
    let config = read(&config_text, app.as_deref(), line, of.map(|(_, view)| view.settings));
    // A node may stand in its own book; in a genesis nobody hidden may.
    let own = of.map(|(_, view)| &view.node.id);
    let others: Vec<Hidden> =
        hidden.iter().filter(|h| own.is_none() || h.id.as_ref() != own).cloned().collect();
    let places = Places { dir, table: config_text.parse().unwrap_or_default() };
    let node_key = places.at("node_key_file", "config/node_key.json");
    let validator_key = places.at("priv_validator_key_file", "config/priv_validator_key.json");
    let state = places.at("priv_validator_state_file", "data/priv_validator_state.json");
    let book = places.at("p2p.addr_book_file", "config/addrbook.json");
    let genesis = places.at("genesis_file", "config/genesis.json");
    let (config_file, app_file) = (dir.join(File::Config.path()), dir.join(File::App.path()));
    let files = [
        (&config_file, false),
        (&app_file, false),
        (&book, false),
        (&node_key, true),
        (&validator_key, true),
    ];
    Ok(Home {
        subject: of
            .map_or_else(|| Subject::host(&dir.display().to_string()), |(_, view)| (&view.node.name).into()),
        of: of.and_then(|(fleet, view)| {
            let settings = config.settings.clone()?;
            Some((
                view.node.name.clone(),
                fleet.with_settings(vec![(view.node.name.clone(), settings)]).into(),
            ))
        }),
        node_key: there(&node_key).then(|| id(&node_key)),
        validator_key: there(&validator_key).then(|| ValidatorKey { signed_to: signed_to(&state) }),
        book: there(&book).then(|| audit(&book, &others)),
        genesis: there(&genesis).then(|| memos(&genesis, hidden)),
        files: files.into_iter().filter_map(|(path, secret)| mode(dir, path, secret)).collect(),
        config,
    })
}

struct Places<'a> {
    dir: &'a Path,
    table: toml::Table,
}

impl Places<'_> {
    /// Where a file is: as the configuration says, relative to the home.
    fn at(&self, key: &str, default: &str) -> PathBuf {
        let (table, name) = key.split_once('.').unwrap_or(("", key));
        let table = if table.is_empty() {
            Some(&self.table)
        } else {
            self.table.get(table).and_then(|t| t.as_table())
        };
        let named = table.and_then(|t| t.get(name)).and_then(|v| v.as_str()).filter(|v| !v.is_empty());
        self.dir.join(named.unwrap_or(default))
    }
}

/// Whether something is there, be it a link to nowhere.
fn there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn id(path: &Path) -> Result<NodeId, String> {
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(|e| e.to_string())?);
    let key = read_node_key(&text).map_err(|e| e.to_string())?;
    key.public().node_id().to_string().parse().map_err(|e: crate::peer::PeerError| e.to_string())
}

fn signed_to(path: &Path) -> Option<i64> {
    let state: Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    match &state["height"] {
        Value::String(height) => height.parse().ok(),
        height => height.as_i64(),
    }
}

fn audit(path: &Path, hidden: &[Hidden]) -> Result<crate::addrbook::Audit, String> {
    let wanted = Wanted {
        ids: hidden.iter().filter_map(|h| h.id.clone()).collect(),
        ips: hidden.iter().flat_map(|h| h.ips.iter().copied()).collect(),
    };
    let file = kept_file::read(path, "config/addrbook.json").map_err(|e| e.to_string())?;
    Book::parse(file.text()).map(|book| book.audit(&wanted)).map_err(|e| e.to_string())
}

fn memos(path: &Path, hidden: &[Hidden]) -> Result<Vec<Trace>, String> {
    use crate::genesis::GenesisError;
    let census = match genesis_file::load(path) {
        Ok(census) => census,
        // A chain that is not made with the SDK has no gentxs, and so no memos.
        Err(genesis_file::LoadError::Genesis { source: GenesisError::Missing(_), .. }) => {
            return Ok(Vec::new());
        }
        Err(other) => return Err(other.to_string()),
    };
    let published = census.gentxs.iter().filter_map(|tx| tx.published.as_ref()).flatten();
    let mut found: Vec<Trace> = published
        .flat_map(|p| {
            let id = p.id.as_ref().map(|id| format!("{id} ")).unwrap_or_default();
            traces(hidden, &format!("{id}{}", p.host))
        })
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

fn mode(dir: &Path, path: &Path, secret: bool) -> Option<FileMode> {
    let mode = path.metadata().ok()?.permissions().mode() & 0o7777;
    let real = path.canonicalize().ok()?;
    let passes = |above: &Path| above.metadata().is_ok_and(|m| m.permissions().mode() & 0o001 != 0);
    let named = path.strip_prefix(dir).unwrap_or(path).display().to_string();
    Some(FileMode { path: named, mode, reachable: real.ancestors().skip(1).all(passes), secret })
}
