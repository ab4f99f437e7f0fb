//! What x/slashing and x/staking of a real chain say after a height, asked with the chain's own JSON queries: REST, or
//! amino's `custom/…` in 0.39. No line of the monitor's reading is used here, so neither can hide the other's faults.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::bech32;
use comet::key::{Address, PublicKey};
use serde_json::{Value, json};

use crate::http;
use crate::sdk_line::SdkLine;
use crate::sdk_net::SdkNet;

const PARAMS: &str = "slashing/v1beta1/params";
const PARAMETERS: &str = "slashing/parameters";

/// The state after one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// `signed_blocks_window`.
    pub window: i64,
    /// Every validator that has a signing info.
    pub validators: BTreeMap<Address, Standing>,
}

/// One validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// `missed_blocks_counter`.
    pub missed: i64,
    /// `jailed` of x/staking.
    pub jailed: bool,
    /// `jailed_until`, RFC 3339.
    pub jailed_until: String,
    /// `tombstoned`.
    pub tombstoned: bool,
}

/// Everything after `height`, as a network's first node has it.
pub fn at(net: &SdkNet, height: i64) -> Result<Truth> {
    let first = &net.nodes[0];
    match net.line {
        SdkLine::V0_39 => over_abci(&first.rpc, height),
        SdkLine::V0_45 | SdkLine::V0_53 => over_rest(&first.rest, height),
    }
}

/// The slashing parameters after `height`.
pub fn params(net: &SdkNet, height: i64) -> Result<Value> {
    let first = &net.nodes[0];
    match net.line {
        SdkLine::V0_39 => custom(&first.rpc, PARAMETERS, &Value::Null, height),
        SdkLine::V0_45 | SdkLine::V0_53 => Ok(rest(&first.rest, PARAMS, height)?["params"].take()),
    }
}

/// Everything after `height`, of a chain that has REST at `address`.
pub fn over_rest(address: &str, height: i64) -> Result<Truth> {
    let params = rest(address, PARAMS, height)?["params"].take();
    let infos = rest(address, "slashing/v1beta1/signing_infos?pagination.limit=1000", height)?["info"].take();
    let all = rest(address, "staking/v1beta1/validators?pagination.limit=1000", height)?["validators"].take();
    let key = |one: &Value| Ok(BASE64_STANDARD.decode(text(&one["consensus_pubkey"], "key")?)?);
    truth(&params, &infos, all.as_array().context("no validators")?, key)
}

/// The same of a 0.39 chain, over the RPC at `address`.
fn over_abci(address: &str, height: i64) -> Result<Truth> {
    let params = custom(address, PARAMETERS, &Value::Null, height)?;
    let infos = json!({"Page": "1", "Limit": "100"});
    let infos = custom(address, "slashing/signingInfos", &infos, height)?;
    let mut all = Vec::new();
    for status in ["Bonded", "Unbonding", "Unbonded"] {
        let query = json!({"Page": "1", "Limit": "100", "Status": status});
        let some = custom(address, "staking/validators", &query, height)?;
        all.extend(some.as_array().cloned().unwrap_or_default());
    }
    // Behind amino's type prefix.
    let key = |one: &Value| Ok(bech32::decode(text(one, "consensus_pubkey")?)?.1.split_off(5));
    truth(&params, &infos, &all, key)
}

fn truth(
    params: &Value,
    infos: &Value,
    all: &[Value],
    key: impl Fn(&Value) -> Result<Vec<u8>>,
) -> Result<Truth> {
    // False may be left out.
    let jailed = |one: &Value| one["jailed"].as_bool().unwrap_or_default();
    let jailed: BTreeMap<Address, bool> = all
        .iter()
        .map(|one| Ok((PublicKey::from_bytes(&key(one)?)?.address(), jailed(one))))
        .collect::<Result<_>>()?;
    let infos = infos.as_array().context("no infos")?.iter().map(|info| {
        let bytes = bech32::decode(text(info, "address")?)?.1;
        let address = Address::from_bytes(&bytes).context("an address of another length")?;
        let standing = Standing {
            missed: number(info, "missed_blocks_counter")?,
            jailed: *jailed.get(&address).context("x/staking does not know it")?,
            jailed_until: text(info, "jailed_until")?.into(),
            tombstoned: info["tombstoned"].as_bool().context("no tombstoned")?,
        };
        Ok((address, standing))
    });
    let validators = infos.collect::<Result<_>>()?;
    Ok(Truth { window: number(params, "signed_blocks_window")?, validators })
}

fn rest(address: &str, path: &str, height: i64) -> Result<Value> {
    http::rest_at(address, &format!("/cosmos/{path}"), u64::try_from(height)?)
}

/// One of the queries before protobuf: JSON both ways.
fn custom(address: &str, path: &str, query: &Value, height: i64) -> Result<Value> {
    let data = if query.is_null() { String::new() } else { hex::encode(query.to_string()) };
    let call = json!({"path": format!("custom/{path}"), "data": data, "height": height.to_string()});
    let answer = http::call(address, "abci_query", &call)?;
    let answer = &answer["response"];
    ensure!(answer["code"].as_i64().unwrap_or(0) == 0, "{path} at {height}: {}", answer["log"]);
    ensure!(number(answer, "height")? == height, "{path}: asked for {height}: {answer}");
    let value = BASE64_STANDARD.decode(text(answer, "value")?)?;
    Ok(serde_json::from_slice(&value)?)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("no {key} in {value}"))
}

/// Amino leaves zeros out in some places.
fn number(value: &Value, key: &str) -> Result<i64> {
    if value[key].is_null() { Ok(0) } else { Ok(text(value, key)?.parse()?) }
}
