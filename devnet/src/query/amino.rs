//! The queries of SDK 0.39: `custom/<module>/<name>` with JSON in and out, as `abci_query` serves them.

use comet::sdk::decimal::Dec;
use serde::Deserialize;
use serde_json::{Value, json};

use super::QueryError;
use crate::account::{Account, Bond};
use crate::app::{App, UNBONDING_SECONDS};
use crate::moment::rfc3339;

/// Amino's name of an Ed25519 key, and the key's length.
const ED25519: [u8; 5] = [0x16, 0x24, 0xDE, 0x64, 0x20];
const DEFAULT_LIMIT: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    page: String,
    limit: String,
    status: Option<String>,
}

impl Page {
    /// Counted from 1; a page beyond the last is empty.
    fn cut<T>(&self, items: impl Iterator<Item = T>) -> Vec<T> {
        let page: usize = self.page.parse().unwrap_or(1);
        let limit = self.limit.parse().ok().filter(|n| *n > 0).unwrap_or(DEFAULT_LIMIT);
        items.skip(page.saturating_sub(1).saturating_mul(limit)).take(limit).collect()
    }
}

/// Answers `path`; `None` when 0.39 has no such query, or none that is played here.
pub(super) fn answer(
    app: &App,
    prefix: &str,
    path: &str,
    data: &[u8],
) -> Option<Result<Vec<u8>, QueryError>> {
    let list = |all: fn(&App, &str, &Page) -> Vec<Value>| {
        let page: Page = serde_json::from_slice(data).map_err(|e| QueryError::Request(e.to_string()))?;
        Ok(json!(all(app, prefix, &page)))
    };
    let answer = match path {
        "custom/slashing/parameters" => Ok(parameters(app)),
        "custom/slashing/signingInfos" => list(signing_infos),
        "custom/staking/validators" => list(validators),
        _ => return None,
    };
    Some(answer.map(|value: Value| value.to_string().into_bytes()))
}

fn parameters(app: &App) -> Value {
    let params = &app.params;
    json!({
        "signed_blocks_window": params.window.to_string(),
        "min_signed_per_window": decimal(params.min_signed),
        "downtime_jail_duration": params.jail_duration.as_nanos().to_string(),
        "slash_fraction_double_sign": decimal(params.fraction_double_sign),
        "slash_fraction_downtime": decimal(params.fraction_downtime),
    })
}

/// 18 digits, always.
fn decimal(value: Dec) -> String {
    let units = value.units();
    format!("{}.{:018}", units / 1_000_000_000_000_000_000, units % 1_000_000_000_000_000_000)
}

fn signing_infos(app: &App, _: &str, page: &Page) -> Vec<Value> {
    let mut known: Vec<_> = app.accounts.iter().filter(|a| a.info.is_some()).collect();
    known.sort_by_key(|a| a.identity.address);
    let one = |account: &Account| {
        let info = account.info?;
        Some(json!({
            "address": account.identity.valcons,
            "start_height": info.start_height.to_string(),
            "index_offset": info.index_offset.to_string(),
            "jailed_until": rfc3339(info.jailed_until),
            "tombstoned": info.tombstoned,
            "missed_blocks_counter": info.missed.to_string(),
        }))
    };
    page.cut(known.into_iter().filter_map(|a| one(a)))
}

fn validators(app: &App, prefix: &str, page: &Page) -> Vec<Value> {
    let wanted = page.status.as_deref().unwrap_or_default().to_lowercase();
    let mut known: Vec<_> = app.accounts.iter().filter(|a| a.bond != Bond::Absent).collect();
    known.sort_by_key(|a| a.identity.operator.clone());
    let one = |account: &Account| {
        let epoch = "1970-01-01T00:00:00Z".to_owned();
        let (status, name, height, time) = match account.bond {
            Bond::Bonded => (2, "bonded", 0, epoch),
            Bond::Unbonding { height, mut time } => {
                time.seconds += UNBONDING_SECONDS;
                (1, "unbonding", height, rfc3339(time))
            }
            Bond::Absent | Bond::Unbonded => (0, "unbonded", 0, epoch),
        };
        let key = [&ED25519[..], account.identity.pub_key.as_bytes()].concat();
        (wanted.is_empty() || wanted == name).then(|| {
            json!({
                "operator_address": account.identity.seat.valoper,
                "consensus_pubkey": comet::bech32::encode(&format!("{prefix}valconspub"), &key).unwrap_or_default(),
                "jailed": account.jailed,
                "status": status,
                "tokens": account.tokens.to_string(),
                "delegator_shares": format!("{}.000000000000000000", account.tokens),
                "description": {
                    "moniker": account.identity.seat.moniker, "identity": "", "website": "",
                    "security_contact": "", "details": "",
                },
                "unbonding_height": height.to_string(),
                "unbonding_time": time,
                "commission": {
                    "commission_rates": {
                        "rate": "0.100000000000000000",
                        "max_rate": "0.200000000000000000",
                        "max_change_rate": "0.010000000000000000",
                    },
                    "update_time": "1970-01-01T00:00:00Z",
                },
                "min_self_delegation": "1",
            })
        })
    };
    page.cut(known.into_iter().filter_map(|a| one(a)))
}
