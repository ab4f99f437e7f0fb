//! `signer.toml`: which keys, and the privval port of every node that waits for one of them.

use core::fmt::Write;

use palisade_sentry::{Fleet, Listen, Party, Signer, Speech, dial};

use super::{HEADER, quote};
use crate::tree::{File, Part, SIGNER_TOML};

/// Where the signer's marks live on the host; the unit of the Ansible role owns it.
const STATE_DIR: &str = "/var/lib/palisade-signer";

/// Where the signer's certificate for etcd lies on the host: the role's `signer_secret_files` put it there.
const ETCD_TLS: &str = "/etc/palisade/signer/secrets";
/// Below which everything of this kit lies in etcd.
const ETCD_PREFIX: &str = "/palisade";

/// The file of one signer. A standby has the whole of it: what keeps it from signing is that it has no mark, and is not started.
pub(super) fn file(fleet: &Fleet, signer: &Signer) -> File {
    let mut text =
        format!("{HEADER}state_dir = \"{STATE_DIR}\"\nlisten = {}\n", quote::listen(&signer.listen));
    if signer.audit_log {
        let _ = writeln!(text, "audit_log = \"{STATE_DIR}/audit.log\"");
    }
    let keys = || signer.keys.iter().chain(&signer.standby).filter_map(|name| fleet.key(name));
    for key in keys() {
        let (name, backend, path) =
            (quote::string(&key.name), quote::string(&key.backend), quote::string(&key.path));
        let _ = write!(text, "\n[[key]]\nname = {name}\nbackend = {backend}\npath = {path}\n");
    }
    for key in keys() {
        let (id, name) = (quote::string(&key.chain), quote::string(&key.name));
        let nodes = quote::list(&nodes(fleet, signer, &key.name));
        let _ = write!(text, "\n[[chain]]\nid = {id}\nkey = {name}\nnodes = {nodes}\n");
        if key.shared {
            text.push_str(&store(fleet, signer));
        }
    }
    File {
        host: signer.host.clone(),
        part: Part::Signer,
        target: SIGNER_TOML.into(),
        text,
        mode: "0640",
        owner: "root",
        group: "palisade-signer".into(),
        restarts: None,
        whole: true,
    }
}

/// `[chain.store.etcd]`: the cluster in which the signers of a key share its mark. The certificate names the host, which is the
/// signer's user there.
fn store(fleet: &Fleet, signer: &Signer) -> String {
    let from = Party::Signer(signer.host.clone());
    let members = fleet.links().iter().filter(|link| link.from == from && link.speech == Speech::Etcd);
    let endpoints: Vec<String> = members.map(|link| link.address.clone()).collect();
    let file = |name: &str| quote::string(&format!("{ETCD_TLS}/{name}"));
    format!(
        "\n[chain.store.etcd]\nendpoints = {}\nca = {}\ncert = {}\nkey = {}\nprefix = {}\n",
        quote::list(&endpoints),
        file("etcd-ca.pem"),
        file("etcd.pem"),
        file("etcd.key"),
        quote::string(ETCD_PREFIX)
    )
}

/// What this signer dials for this key, in the order of the addresses. A standby dials the same nodes once it is started.
fn nodes(fleet: &Fleet, signer: &Signer, key: &str) -> Vec<String> {
    let Some(here) = fleet.host(&signer.host) else { return Vec::new() };
    let mut nodes: Vec<_> = fleet
        .views()
        .filter(|view| view.node.signed_by.as_deref() == Some(key))
        .filter(|view| signer.nodes.as_ref().is_none_or(|hosts| hosts.contains(&view.host.name)))
        .filter_map(|view| {
            let address = match view.settings.priv_validator_laddr.value.as_ref()? {
                Listen::Unix(path) if view.host.name == signer.host => format!("unix://{path}"),
                tcp => format!("tcp://{}", dial(here, view.host, tcp)?),
            };
            Some((view.node.name.clone(), address))
        })
        .collect();
    nodes.sort();
    nodes.into_iter().map(|(_, address)| address).collect()
}
