//! What the chain and the signers' own logs say: heights, our signatures, and that none was given twice.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::DeployedFleet;
use crate::process::until;

impl DeployedFleet {
    /// The address of our key, in hex.
    pub fn address(&self) -> String {
        comet::consensus::PublicKey::from(self.key.public()).address().to_string()
    }

    /// A path of a world node's RPC.
    pub fn ask(&self, path: &str) -> Result<Value> {
        let script = format!("curl -fsS --max-time 5 'http://127.0.0.1:26657{path}'");
        let text = self.hosts.run("world", &["sh", "-c", &script])?;
        let answer: Value = serde_json::from_str(&text)?;
        Ok(answer["result"].clone())
    }

    /// The newest height that the world has seen.
    pub fn height(&self) -> Result<i64> {
        let status = self.ask("/status")?;
        Ok(status["sync_info"]["latest_block_height"].as_str().context("a height")?.parse()?)
    }

    /// Whether our key signed this height.
    pub fn signed(&self, height: i64) -> Result<bool> {
        let commit = self.ask(&format!("/commit?height={height}"))?;
        let entries =
            commit["signed_header"]["commit"]["signatures"].as_array().context("signatures")?.clone();
        Ok(entries.iter().any(|e| e["validator_address"] == self.address() && e["block_id_flag"] == 2))
    }

    /// Waits for a block with our signature above `height`.
    pub fn signs_above(&self, height: i64, limit: Duration) -> Result<i64> {
        until(&format!("a block above {height} with our signature"), limit, || {
            let tip = self.height()?;
            for at in (height + 1)..tip {
                if self.signed(at)? {
                    return Ok(Some(at));
                }
            }
            Ok(None)
        })
    }

    /// How many signatures the log of this signer has.
    pub fn signatures_of(&self, host: &str) -> Result<usize> {
        let log = fs::read_to_string(self.hosts.layer(host, "/var/lib/palisade-signer/audit.log"))?;
        Ok(log.lines().filter(|line| line.contains("\"signed\"")).count())
    }

    /// Every signature that either signer gave, from their own logs: by type, height, round and step, the sign-bytes. Fails if one place has two.
    pub fn nothing_signed_twice(&self) -> Result<usize> {
        let mut places: BTreeMap<(String, i64, i64), String> = BTreeMap::new();
        for host in ["signer1", "signer2"] {
            let path = self.hosts.layer(host, "/var/lib/palisade-signer/audit.log");
            let Ok(log) = fs::read_to_string(&path) else { continue };
            for line in log.lines() {
                let line: Value = serde_json::from_str(line)?;
                let signed = matches!(line["verdict"].as_str(), Some("signed" | "repeated" | "late"));
                let (Some(height), true) = (line["height"].as_i64(), signed) else { continue };
                let bytes = line["sign_bytes_sha256"].as_str().context("what was signed")?.to_owned();
                let kind = line["type"].as_str().unwrap_or_default().to_owned();
                let place = (kind, height, line["round"].as_i64().unwrap_or_default());
                let before = places.insert(place.clone(), bytes.clone());
                ensure!(before.is_none_or(|b| b == bytes), "{host} signed {place:?} a second time");
            }
        }
        // What the chain itself says: nobody was seen signing two things.
        for height in 1..self.height()? {
            let block = self.ask(&format!("/block?height={height}"))?;
            let evidence = &block["block"]["evidence"]["evidence"];
            ensure!(evidence.as_array().is_none_or(Vec::is_empty), "evidence in block {height}: {evidence}");
        }
        Ok(places.len())
    }
}
