//! A real Cosmos SDK 0.53 chain of many validators in one process (tests/nodes/hub053), whose misses are ordered.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{Process, until};
use crate::{binaries, http, ports};

/// How the chain is to be.
pub struct Plan<'a> {
    /// Chain id.
    pub chain_id: &'a str,
    /// Size of the set.
    pub validators: usize,
    /// `signed_blocks_window`.
    pub window: u64,
    /// `min_signed_per_window`, as a decimal.
    pub min_signed: &'a str,
    /// `timeout_commit`, as Go writes durations.
    pub timeout_commit: &'a str,
}

/// What x/slashing itself says of one validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningInfo {
    /// `missed_blocks_counter`.
    pub missed: u64,
    /// `jailed_until` lies after 1970.
    pub was_jailed: bool,
    /// `tombstoned`.
    pub tombstoned: bool,
}

/// The running chain.
pub struct Hub {
    process: Process,
    /// `host:port` of CometBFT's RPC.
    pub rpc: String,
    /// `host:port` of the SDK's gRPC.
    pub grpc: String,
    /// `host:port` of the SDK's REST.
    pub rest: String,
    control: String,
}

impl Hub {
    /// Makes the chain below `dir` and starts it.
    pub fn start(dir: &Path, plan: &Plan<'_>) -> Result<Self> {
        let binary = binaries::hub053()?;
        let [rpc, p2p, grpc, rest, control] = std::array::from_fn(|_| ports::address());
        let home = dir.join("hub");
        let made = Command::new(&binary)
            .args(["genesis", "--chain", plan.chain_id, "--min-signed", plan.min_signed])
            .args(["--validators", &plan.validators.to_string(), "--window", &plan.window.to_string()])
            .args(["--timeout-commit", plan.timeout_commit, "--jail", "1h"])
            .args([
                "--rpc-address",
                &rpc,
                "--p2p-address",
                &p2p,
                "--grpc-address",
                &grpc,
                "--rest-address",
                &rest,
            ])
            .arg("--home")
            .arg(&home)
            .output()?;
        ensure!(made.status.success(), "hub053 genesis: {}", String::from_utf8_lossy(&made.stderr));
        let mut command = Command::new(&binary);
        command.args(["run", "--log_level", "error", "--control", &control]).arg("--home").arg(&home);
        let process = Process::start("hub053", &mut command, &dir.join("hub.log"))?;
        Ok(Self { process, rpc, grpc, rest, control })
    }

    /// The height it has committed.
    pub fn height(&mut self) -> Result<u64> {
        self.process.still_runs()?;
        let status = http::rpc(&self.rpc, "/status")?;
        Ok(status["sync_info"]["latest_block_height"].as_str().context("no height in /status")?.parse()?)
    }

    /// Waits until it has committed `height`.
    pub fn reach(&mut self, height: u64, limit: Duration) -> Result<u64> {
        until(&format!("height {height}"), limit, || Ok(Some(self.height()?).filter(|now| *now >= height)))
    }

    /// Orders something of one validator: `down`, `up`, `miss`, `equivocate`.
    pub fn order(&self, what: &str, validator: usize, count: u64) -> Result<()> {
        http::get(&self.control, &format!("/{what}?val={validator}&n={count}")).map(drop)
    }

    /// Consensus addresses (upper hex) in the order of the indices that [`Hub::order`] takes.
    pub fn addresses(&self) -> Result<Vec<String>> {
        Ok(serde_json::from_value(http::json(&self.control, "/validators")?)?)
    }

    /// x/slashing's signing infos after `height`, by valcons address.
    pub fn signing_infos(&self, height: u64) -> Result<BTreeMap<String, SigningInfo>> {
        let path = "/cosmos/slashing/v1beta1/signing_infos?pagination.limit=1000";
        let answer = http::rest_at(&self.rest, path, height)?;
        let infos = answer["info"].as_array().context("no info")?;
        infos
            .iter()
            .map(|info| {
                let read = SigningInfo {
                    missed: text(info, "missed_blocks_counter")?.parse()?,
                    was_jailed: !text(info, "jailed_until")?.starts_with("1970-01-01"),
                    tombstoned: info["tombstoned"].as_bool().unwrap_or_default(),
                };
                Ok((text(info, "address")?.to_owned(), read))
            })
            .collect()
    }

    /// x/staking's view after `height`: operator address to (moniker, jailed).
    pub fn validators(&self, height: u64) -> Result<BTreeMap<String, (String, bool)>> {
        let path = "/cosmos/staking/v1beta1/validators?pagination.limit=1000";
        let answer = http::rest_at(&self.rest, path, height)?;
        let all = answer["validators"].as_array().context("no validators")?;
        all.iter()
            .map(|one| {
                let moniker = text(&one["description"], "moniker")?.to_owned();
                let jailed = one["jailed"].as_bool().unwrap_or_default();
                Ok((text(one, "operator_address")?.to_owned(), (moniker, jailed)))
            })
            .collect()
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("no {key} in {value}"))
}
