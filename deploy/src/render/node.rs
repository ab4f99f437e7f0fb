//! `config.toml` and `app.toml` of a node: its own files with the settings of its role, or those settings alone, to be brought in
//! on the host by `palisade-sentry render --home`.
//!
//! What comes out is read back, and [`super::render`] has it judged by the audit's rules before anybody sees it.

use palisade_sentry::home::Home;
use palisade_sentry::node_config::{self, edit, wanted};
use palisade_sentry::{Fleet, NodeLine, View};

use super::{Homes, RenderError};
use crate::tree::{File, Part, node_unit};

/// Above settings that are no whole file.
const FRAGMENT: &str = "# The settings that the topology decides, rendered by `palisade render` from the fleet file. This is no whole file:\n\
                        # `palisade-sentry render FLEET --node HOST --home HOME --write` brings them into the node's own.\n";

/// The files of one node, and its home with nothing but them: the audit's rules judge it together with all others.
pub(super) fn files(
    fleet: &Fleet,
    view: View<'_>,
    line: NodeLine,
    homes: &Homes,
) -> Result<(Vec<File>, Home), RenderError> {
    let name = &view.node.name;
    let table = wanted(view, line);
    let mut texts = Vec::new();
    for file in [node_config::File::Config, node_config::File::App] {
        let rows: Vec<_> = table.iter().filter(|row| row.file == file).cloned().collect();
        if rows.is_empty() {
            continue;
        }
        let own = homes.get(&(name.clone(), file));
        let edited = edit(own.map_or("", String::as_str), &rows).map_err(|source| RenderError::Edit {
            node: name.clone(),
            file: file.path(),
            source,
        })?;
        let text = if own.is_some() { edited.text } else { format!("{FRAGMENT}{}", edited.text) };
        texts.push((file, text, own.is_some()));
    }
    let of = |file| texts.iter().find(|(f, ..)| *f == file).map(|(_, text, _)| text.as_str());
    let config = of(node_config::File::Config).unwrap_or_default();
    let judged = Home::of_text(view, line, config, of(node_config::File::App));
    let home =
        fleet.deployment().and_then(|d| d.software.get(&name.chain)).map(|software| software.home.as_str());
    let file = |(file, text, whole): (node_config::File, String, bool)| {
        let target = match home {
            Some(home) if whole => format!("{home}/{}", file.path()),
            _ => format!("/etc/palisade/nodes/{}/{}", name.chain, file.path()),
        };
        File {
            host: name.host.clone(),
            part: Part::Node,
            target,
            text,
            mode: "0640",
            owner: "root",
            group: "palisade-node".into(),
            restarts: Some(node_unit(&name.chain)),
            whole,
        }
    };
    Ok((texts.into_iter().map(file).collect(), judged))
}
