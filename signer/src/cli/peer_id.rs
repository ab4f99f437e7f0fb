//! `palisade-signer peer-id`: what each side of a `noise://` link has to know of the other.

use std::{path::Path, process::ExitCode};

use comet::noise::PeerId;
use serde_json::json;

use crate::{
    cli::{Failure, load},
    config::NodeAddr,
    io::identity,
};

pub(super) fn peer_id(
    config: Option<&Path>,
    node_key: Option<&Path>,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let (id, nodes) = match (config, node_key) {
        (_, Some(path)) => (PeerId::of(&identity::public_of(path)?), Vec::new()),
        (Some(path), None) => {
            let config = load(path)?;
            let id = PeerId::of(&identity::LinkIdentity::open(&config.state_dir)?.key().public());
            let nodes = config.chains.into_iter().flat_map(|chain| chain.nodes);
            (id, nodes.collect())
        }
        (None, None) => return Ok(ExitCode::from(2)),
    };
    if as_json {
        println!("{}", json!({ "peer_id": id.to_string() }));
        return Ok(ExitCode::SUCCESS);
    }
    println!("{id}");
    for node in nodes {
        if let NodeAddr::Noise { peer, address } = node {
            println!("# in config.toml of {peer}:");
            println!("priv_validator_laddr = \"noise://{id}@{address}\"");
        }
    }
    Ok(ExitCode::SUCCESS)
}
