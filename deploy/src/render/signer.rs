//! `signer.toml`: which keys, and the privval port of every node that waits for one of them.

use core::fmt::Write;

use palisade_sentry::{Fleet, Party, Signer, Speech};

use super::{HEADER, quote};
use crate::tree::{File, Part};

/// Where the signer's marks live on the host; the unit of the Ansible role owns it.
const STATE_DIR: &str = "/var/lib/palisade-signer";

/// The file of one signer.
pub(super) fn file(fleet: &Fleet, signer: &Signer) -> File {
    let mut text =
        format!("{HEADER}state_dir = \"{STATE_DIR}\"\nlisten = {}\n", quote::listen(&signer.listen));
    let keys = || signer.keys.iter().filter_map(|name| fleet.key(name));
    for key in keys() {
        let (name, backend, path) =
            (quote::string(&key.name), quote::string(&key.backend), quote::string(&key.path));
        let _ = write!(text, "\n[[key]]\nname = {name}\nbackend = {backend}\npath = {path}\n");
    }
    for key in keys() {
        let (id, name) = (quote::string(&key.chain), quote::string(&key.name));
        let nodes = quote::list(&nodes(fleet, signer, &key.name));
        let _ = write!(text, "\n[[chain]]\nid = {id}\nkey = {name}\nnodes = {nodes}\n");
    }
    File { host: signer.host.clone(), part: Part::Signer, target: "/etc/palisade/signer.toml".into(), text }
}

/// What this signer dials for this key, in the order of the links.
fn nodes(fleet: &Fleet, signer: &Signer, key: &str) -> Vec<String> {
    let from = Party::Signer(signer.host.clone());
    let links = fleet.links().iter().filter(|link| link.speech == Speech::Privval && link.from == from);
    links
        .filter(|link| match &link.to {
            Party::Node(name) => fleet.view(name).is_some_and(|v| v.node.signed_by.as_deref() == Some(key)),
            _ => false,
        })
        .map(|link| link.address.clone())
        .collect()
}
