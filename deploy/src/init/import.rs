//! What a running set-up says of itself: tmkms.toml, horcrux's config.yaml, and the home of the node that they serve.

use std::net::IpAddr;

use palisade_sentry::PeerAddress;
use serde::Deserialize;

use super::{Answers, Sentry};

/// Why a file gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not of this form.
    #[error("{file}: {reason}\ntry: the file that the running signer is started with")]
    Form {
        /// As it was named.
        file: &'static str,
        /// What the reader says.
        reason: String,
    },
    /// Nothing of use in it.
    #[error("{0} names no chain\ntry: --chain says which one")]
    NoChain(&'static str),
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Chain ids, where the file says them.
    pub chains: Vec<String>,
    /// Addresses that the signer dials.
    pub nodes: Vec<String>,
    /// Where the key is, and what held it.
    pub key: Option<(String, String)>,
}

/// Reads `tmkms.toml`.
///
/// # Errors
/// It is none.
pub fn tmkms(text: &str) -> Result<Imported, ImportError> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        validator: Vec<Validator>,
        #[serde(default)]
        providers: Providers,
    }
    #[derive(Deserialize)]
    struct Validator {
        chain_id: String,
        addr: String,
    }
    #[derive(Default, Deserialize)]
    struct Providers {
        #[serde(default)]
        softsign: Vec<Softsign>,
        #[serde(default)]
        yubihsm: Vec<toml::Value>,
    }
    #[derive(Deserialize)]
    struct Softsign {
        path: String,
    }
    let form = |e: toml::de::Error| ImportError::Form { file: "tmkms.toml", reason: e.message().to_owned() };
    let file: File = toml::from_str(text).map_err(form)?;
    let mut read = Imported::default();
    for validator in file.validator {
        read.chains.push(validator.chain_id);
        read.nodes.push(validator.addr);
    }
    read.chains.sort();
    read.chains.dedup();
    let soft = file.providers.softsign.into_iter().next().map(|soft| (soft.path, "softsign".to_owned()));
    read.key = match file.providers.yubihsm.is_empty() {
        true => soft,
        false => Some(("usb".into(), "yubihsm".into())),
    };
    if read.chains.is_empty() { Err(ImportError::NoChain("tmkms.toml")) } else { Ok(read) }
}

/// Reads horcrux's `config.yaml`, of version 3 or of version 2. The newer one does not say the chain: its cosigners sign whatever their
/// nodes are of.
///
/// # Errors
/// It is none.
pub fn horcrux(text: &str) -> Result<Imported, ImportError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        #[serde(default, alias = "chain-nodes")]
        chain_nodes: Vec<ChainNode>,
        #[serde(default, alias = "chain-id")]
        chain_id: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ChainNode {
        #[serde(alias = "priv-val-addr")]
        priv_val_addr: String,
    }
    let form = |e: serde_saphyr::Error| ImportError::Form { file: "config.yaml", reason: e.to_string() };
    let file: File = serde_saphyr::from_str(text).map_err(form)?;
    if file.chain_nodes.is_empty() {
        let reason = "it has no chainNodes".to_owned();
        return Err(ImportError::Form { file: "config.yaml", reason });
    }
    let nodes = file.chain_nodes.into_iter().map(|node| node.priv_val_addr).collect();
    Ok(Imported { nodes, chains: file.chain_id.into_iter().collect(), ..Imported::default() })
}

/// Lays what a node's own files say over the answers: its id, and its persistent peers with public addresses as sentries.
///
/// # Errors
/// A file is not what its name says.
pub fn node_home(answers: &mut Answers, id: &str, config: &str) -> Result<(), ImportError> {
    #[derive(Deserialize)]
    struct Config {
        p2p: P2p,
    }
    #[derive(Deserialize)]
    struct P2p {
        #[serde(default)]
        persistent_peers: String,
    }
    let form = |reason: String| ImportError::Form { file: "config.toml", reason };
    let config: Config = toml::from_str(config).map_err(|e| form(e.message().to_owned()))?;
    answers.validator = Some(("val-1".into(), id.to_owned()));
    for peer in config.p2p.persistent_peers.split(',').map(str::trim).filter(|peer| !peer.is_empty()) {
        let peer: PeerAddress = peer.parse().map_err(|e| form(format!("{e}")))?;
        match peer.host.parse::<IpAddr>() {
            Ok(public) => {
                let host = format!("sentry-{}", answers.sentries.len() + 1);
                answers.sentries.push(Sentry { host, id: peer.id.to_string(), public });
            }
            Err(_) => answers.remarks.push(format!(
                "the node's peer {}, a name: give its address, if it is your sentry",
                peer.host
            )),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tmkms_configuration_gives_chain_nodes_and_key() {
        let text = "[[chain]]\nid = \"c-1\"\nkey_format = { type = \"bech32\", account_key_prefix = \"a\", consensus_key_prefix = \"b\" }\n\
                    [[validator]]\nchain_id = \"c-1\"\naddr = \"tcp://10.0.0.2:26659\"\nsecret_key = \"s\"\nprotocol_version = \"v0.34\"\n\
                    [[providers.softsign]]\nchain_ids = [\"c-1\"]\nkey_type = \"consensus\"\npath = \"/etc/tmkms/key\"\n";
        let read = tmkms(text).unwrap();
        assert_eq!(read.chains, ["c-1"]);
        assert_eq!(read.nodes, ["tcp://10.0.0.2:26659"]);
        assert_eq!(read.key, Some(("/etc/tmkms/key".into(), "softsign".into())));
        assert!(matches!(tmkms("x = 1"), Err(ImportError::NoChain(_))));
        assert!(matches!(tmkms("x = "), Err(ImportError::Form { .. })));
    }

    #[test]
    fn a_horcrux_configuration_gives_its_nodes() {
        let text = "keyDir: x\nsignMode: threshold\nthresholdMode:\n  threshold: 2\nchainNodes:\n- privValAddr: tcp://10.1.0.1:1234\n- privValAddr: tcp://10.1.0.2:1234\n";
        assert_eq!(horcrux(text).unwrap().nodes.len(), 2);
        let older = "chain-id: c-1\ncosigner:\n  threshold: 2\n  shares: 3\nchain-nodes:\n- priv-val-addr: tcp://10.1.0.1:1234\n";
        let read = horcrux(older).unwrap();
        assert_eq!(
            (read.chains, read.nodes),
            (vec!["c-1".to_owned()], vec!["tcp://10.1.0.1:1234".to_owned()])
        );
        assert!(horcrux("a: [").is_err() && horcrux("keyDir: x\n").is_err());
    }

    #[test]
    fn a_nodes_peers_become_its_sentries() {
        let mut answers = Answers::default();
        let config = format!(
            "[p2p]\npersistent_peers = \"{:040x}@203.0.113.1:26656,{:040x}@sentry.example.com:26656\"\n",
            1, 2
        );
        node_home(&mut answers, &format!("{:040x}", 9), &config).unwrap();
        assert_eq!(answers.sentries.len(), 1);
        assert_eq!(answers.remarks.len(), 1);
        assert!(node_home(&mut answers, "x", "[p2p]\npersistent_peers = \"nonsense\"\n").is_err());
    }
}
