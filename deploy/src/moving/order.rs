//! What is to be moved, from the fleet: a move is between two hosts that the fleet knows as holder and standby.

use serde::{Deserialize, Serialize};

use palisade_sentry::{Fleet, Listen, Signer};

/// What to move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Host that gives the keys away.
    pub from: String,
    /// Host that gets them.
    pub to: String,
    /// Chains, each with its own mark.
    pub chains: Vec<ChainOrder>,
    /// Blocks that must be final without a signature of the key.
    pub missed_blocks: u32,
    /// The chain is known to stand still without this validator: standing still is then the proof.
    pub halts_without: bool,
}

/// One chain of a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainOrder {
    /// Chain id.
    pub id: String,
    /// Hosts with a node, and its RPC there, `http://ip:port`, to be asked by the host itself; and with an empty name RPCs of others, asked from
    /// here. A node of the key comes last: without its signer it waits minutes for each of its votes.
    pub rpc: Vec<(String, String)>,
    /// Privval ports of the nodes of the key, `ip:port`: nobody on the old host may be connected to one.
    pub privval: Vec<String>,
}

/// Why these two hosts cannot exchange a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Not in the fleet, or nothing of the kind.
    #[error(
        "host \"{0}\" has no [host.signer] in the fleet\ntry: add [host.signer] with standby = [\"…\"] to the new host, then apply"
    )]
    NoSigner(String),
    /// The same host twice.
    #[error("\"{0}\" is both hosts\ntry: palisade signer move OLD NEW")]
    Same(String),
    /// Holder and standby do not fit.
    #[error(
        "no key is in `keys` of one of {from} and {to} and in `standby` of the other\ntry: standby = [{keys}] under [host.signer] of {to}, then palisade plan and apply, then move"
    )]
    NotStandby {
        /// Old host.
        from: String,
        /// New host.
        to: String,
        /// The old one's keys, quoted.
        keys: String,
    },
    /// A chain without a node that can be asked.
    #[error(
        "no node of {0} has an RPC that could show the missed blocks\ntry: give a node of the fleet an RPC listener"
    )]
    NoRpc(String),
}

/// The order to move every key of `from` to `to`. Either of both may hold the keys in the file: before a move `from` does, and
/// after one that was cut the operator may have changed it already.
///
/// # Errors
/// The fleet does not know these hosts as holder and standby of the same keys.
pub fn order(fleet: &Fleet, from: &str, to: &str, missed: u32, halts: bool) -> Result<Order, OrderError> {
    if from == to {
        return Err(OrderError::Same(from.into()));
    }
    let find = |name: &str| fleet.signers().iter().find(|s| s.host == name);
    let old = find(from).ok_or_else(|| OrderError::NoSigner(from.into()))?;
    let new = find(to).ok_or_else(|| OrderError::NoSigner(to.into()))?;
    let same = |a: &Signer, b: &Signer| !a.keys.is_empty() && a.keys == b.standby;
    let keys = match () {
        () if same(old, new) => &old.keys,
        () if same(new, old) => &new.keys,
        () => {
            let keys = old.keys.iter().map(|k| format!("\"{k}\"")).collect::<Vec<_>>().join(", ");
            return Err(OrderError::NotStandby { from: from.into(), to: to.into(), keys });
        }
    };
    let mut chains: Vec<ChainOrder> = Vec::new();
    for key in keys.iter().filter_map(|name| fleet.key(name)) {
        let mut rpc = Vec::new();
        let mut privval = Vec::new();
        for view in fleet.views().filter(|v| v.node.name.chain == key.chain) {
            if let Some(Listen::Tcp(address)) = &view.settings.rpc_laddr.value {
                // A node that answers everywhere is asked on its own machine.
                let ip =
                    if address.ip().is_unspecified() { "127.0.0.1".into() } else { address.ip().to_string() };
                let url = format!("http://{ip}:{}", address.port());
                let waits = view.node.signed_by.as_ref() == Some(&key.name);
                rpc.push((waits, view.host.name.clone(), url));
            }
            if view.node.signed_by.as_ref() == Some(&key.name)
                && let Some(Listen::Tcp(address)) = &view.settings.priv_validator_laddr.value
            {
                privval.push(address.to_string());
            }
        }
        let others = fleet.chain(&key.chain).into_iter().flat_map(|chain| &chain.rpc);
        rpc.extend(others.map(|url| (false, String::new(), url.trim_end_matches('/').to_owned())));
        rpc.sort();
        let rpc: Vec<_> = rpc.into_iter().map(|(_, host, url)| (host, url)).collect();
        if rpc.is_empty() {
            return Err(OrderError::NoRpc(key.chain.clone()));
        }
        chains.push(ChainOrder { id: key.chain.clone(), rpc, privval });
    }
    Ok(Order { from: from.into(), to: to.into(), chains, missed_blocks: missed.max(2), halts_without: halts })
}
