//! The rest of the world on one host: three validators of other people, without whom the chain would stop with ours.

use std::fs;

use anyhow::Result;
use comet::consensus::SecretKey;
use comet::key::PrivateKey;
use comet::key_file::{write_node_key, write_priv_validator_key};
use rand_core::OsRng;
use serde_json::{Value, json};

use super::{CHAIN, DeployedFleet};
use crate::comet_node::copy_of;

impl DeployedFleet {
    /// Three validators on the last host, and the genesis that they share with ours.
    pub(super) fn world(&self) -> Result<()> {
        let validators: Vec<PrivateKey> = (0..3).map(|_| PrivateKey::generate(&mut OsRng)).collect();
        let nodes: Vec<PrivateKey> = (0..3).map(|_| PrivateKey::generate(&mut OsRng)).collect();
        let member = |key: &PrivateKey| {
            use base64::prelude::{BASE64_STANDARD, Engine as _};
            let public = comet::consensus::PublicKey::from(key.public());
            json!({ "address": public.address().to_string(), "power": "10", "name": "",
                "pub_key": { "type": "tendermint/PubKeyEd25519", "value": BASE64_STANDARD.encode(public.as_bytes()) } })
        };
        let set: Vec<Value> = validators.iter().chain([&self.key]).map(member).collect();
        let genesis = json!({ "genesis_time": "2024-01-01T00:00:00Z", "chain_id": CHAIN, "initial_height": "1",
            "validators": set, "app_hash": "" });
        fs::write(self.dir.join("genesis.json"), serde_json::to_string_pretty(&genesis)?)?;
        let layer = self.dir.join("world");
        fs::create_dir_all(&layer)?;
        fs::copy(self.dir.join("bin/cometbft"), layer.join("cometbft"))?;
        let peers: Vec<String> = nodes
            .iter()
            .enumerate()
            .map(|(i, key)| format!("{}@{}:{}", key.public().node_id(), self.world_address(), 26656 + 10 * i))
            .collect();
        for (i, validator) in validators.iter().enumerate() {
            let home = layer.join(format!("node{i}"));
            fs::create_dir_all(home.join("config"))?;
            fs::create_dir_all(home.join("data"))?;
            fs::write(home.join("config/genesis.json"), serde_json::to_string_pretty(&genesis)?)?;
            fs::write(home.join("config/node_key.json"), write_node_key(&nodes[i]).as_bytes())?;
            let key: SecretKey = copy_of(validator);
            fs::write(
                home.join("config/priv_validator_key.json"),
                write_priv_validator_key(&key).as_bytes(),
            )?;
            fs::write(
                home.join("data/priv_validator_state.json"),
                "{\"height\":\"0\",\"round\":0,\"step\":0}",
            )?;
            let config = format!(
                "proxy_app = \"kvstore\"\n[rpc]\nladdr = \"tcp://0.0.0.0:{}\"\n[p2p]\nladdr = \"tcp://0.0.0.0:{}\"\npersistent_peers = \"{}\"\n\
                 addr_book_strict = false\nallow_duplicate_ip = true\n[consensus]\ntimeout_commit = \"1s\"\n",
                26657 + 10 * i,
                26656 + 10 * i,
                peers.join(",")
            );
            fs::write(home.join("config/config.toml"), config)?;
        }
        self.put("world", &layer, "/srv/")?;
        for i in 0..3 {
            let home = format!("/srv/world/node{i}");
            let unit = format!("--unit=node{i}");
            self.hosts.run(
                "world",
                &[
                    "systemd-run",
                    &unit,
                    "-p",
                    "Restart=always",
                    "/srv/world/cometbft",
                    "start",
                    "--home",
                    &home,
                ],
            )?;
        }
        fs::write(self.dir.join("world-peer"), &peers[0])?;
        Ok(())
    }
}
