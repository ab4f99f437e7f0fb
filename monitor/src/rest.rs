//! JSON answers about x/slashing and x/staking: amino JSON of SDK 0.39 (its LCD, and `abci_query custom/…`) and that of
//! the gRPC gateway of later lines. Both become the protobuf messages that everything else reads.
//!
//! One reader takes both, because they differ field by field and not as a whole: durations as nanoseconds or `600s`, status
//! as a number or a word, consensus keys as bech32 or as an object.

use crate::decode::DecodeError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::bech32;
use comet::rpc::number::{lenient, nullable};
use comet::sdk::decimal::Dec;
use comet::sdk::slashing::{Params, SigningInfo};
use comet::sdk::staking::{BondStatus, Commission, CommissionRates, Description, Validator};
use comet::sdk::{Any, Duration, PubKey, Timestamp};
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Amino's prefix of an Ed25519 key in 0.39's bech32 consensus keys.
const AMINO_ED25519: [u8; 5] = [0x16, 0x24, 0xDE, 0x64, 0x20];
/// Amino's prefix of a secp256k1 key.
const AMINO_SECP256K1: [u8; 5] = [0xEB, 0x5A, 0xE9, 0x87, 0x21];

#[derive(Deserialize)]
struct RawParams {
    #[serde(deserialize_with = "lenient")]
    signed_blocks_window: i64,
    min_signed_per_window: String,
    downtime_jail_duration: String,
    slash_fraction_double_sign: String,
    slash_fraction_downtime: String,
}

#[derive(Deserialize)]
struct RawInfo {
    address: String,
    #[serde(default, deserialize_with = "lenient")]
    start_height: i64,
    #[serde(default, deserialize_with = "lenient")]
    index_offset: i64,
    jailed_until: String,
    #[serde(default)]
    tombstoned: bool,
    #[serde(default, deserialize_with = "lenient")]
    missed_blocks_counter: i64,
}

#[derive(Deserialize)]
struct RawValidator {
    operator_address: String,
    consensus_pubkey: Value,
    #[serde(default)]
    jailed: bool,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    tokens: String,
    #[serde(default)]
    delegator_shares: String,
    #[serde(default)]
    description: RawDescription,
    #[serde(default, deserialize_with = "lenient")]
    unbonding_height: i64,
    #[serde(default)]
    unbonding_time: String,
    #[serde(default)]
    commission: RawCommission,
    #[serde(default)]
    min_self_delegation: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawDescription {
    #[serde(deserialize_with = "nullable")]
    moniker: String,
    #[serde(deserialize_with = "nullable")]
    identity: String,
    #[serde(deserialize_with = "nullable")]
    website: String,
    #[serde(deserialize_with = "nullable")]
    security_contact: String,
    #[serde(deserialize_with = "nullable")]
    details: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawCommission {
    commission_rates: RawRates,
    update_time: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawRates {
    rate: String,
    max_rate: String,
    max_change_rate: String,
}

/// A page of a list, and where the next one starts (`next_key` of the gateway, base64).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page<T> {
    /// Items.
    pub items: Vec<T>,
    /// `None` on the last page, and always in 0.39, which counts pages.
    pub next: Option<String>,
    /// The height of the state that answered, where the LCD says it beside the result.
    pub height: Option<i64>,
}

/// What an answer holds, and what is said beside it.
struct Read<T> {
    inner: T,
    next: Option<String>,
    height: Option<i64>,
}

/// x/slashing's parameters, and the height of the state that answered where it is said beside them.
pub fn params(json: &[u8]) -> Result<(Params, Option<i64>), DecodeError> {
    let Read { inner: raw, height, .. } = read::<RawParams>("slashing parameters", json, "params")?;
    let decimal = |text: &str| {
        text.parse::<Dec>().map(Dec::to_wire).map_err(|e| shape("slashing parameters", e.to_string()))
    };
    let params = Params {
        signed_blocks_window: raw.signed_blocks_window,
        min_signed_per_window: decimal(&raw.min_signed_per_window)?,
        downtime_jail_duration: Some(duration(&raw.downtime_jail_duration)?),
        slash_fraction_double_sign: decimal(&raw.slash_fraction_double_sign)?,
        slash_fraction_downtime: decimal(&raw.slash_fraction_downtime)?,
    };
    Ok((params, height))
}

/// A page of signing infos.
pub fn signing_infos(json: &[u8]) -> Result<Page<SigningInfo>, DecodeError> {
    let Read { inner: raw, next, height } =
        read::<Option<Vec<RawInfo>>>("list of signing infos", json, "info")?;
    let one = |i: RawInfo| {
        Ok(SigningInfo {
            address: i.address,
            start_height: i.start_height,
            index_offset: i.index_offset,
            jailed_until: Some(timestamp(&i.jailed_until)?),
            tombstoned: i.tombstoned,
            missed_blocks_counter: i.missed_blocks_counter,
        })
    };
    let items = raw.unwrap_or_default().into_iter().map(one).collect::<Result<_, DecodeError>>()?;
    Ok(Page { items, next, height })
}

/// A page of x/staking's validators.
pub fn validators(json: &[u8]) -> Result<Page<Validator>, DecodeError> {
    let Read { inner: raw, next, height } =
        read::<Option<Vec<RawValidator>>>("list of validators", json, "validators")?;
    let one = |v: RawValidator| {
        let RawCommission { commission_rates: rates, update_time } = v.commission;
        let decimal = |text: &str| text.parse::<Dec>().map(|d| d.units().to_string()).unwrap_or_default();
        let d = v.description;
        Validator {
            operator_address: v.operator_address,
            consensus_pubkey: key(&v.consensus_pubkey),
            jailed: v.jailed,
            status: status(&v.status) as i32,
            tokens: v.tokens,
            delegator_shares: decimal(&v.delegator_shares),
            description: Some(Description {
                moniker: d.moniker,
                identity: d.identity,
                website: d.website,
                security_contact: d.security_contact,
                details: d.details,
            }),
            unbonding_height: v.unbonding_height,
            unbonding_time: timestamp(&v.unbonding_time).ok(),
            commission: Some(Commission {
                commission_rates: Some(CommissionRates {
                    rate: decimal(&rates.rate),
                    max_rate: decimal(&rates.max_rate),
                    max_change_rate: decimal(&rates.max_change_rate),
                }),
                update_time: timestamp(&update_time).ok(),
            }),
            min_self_delegation: v.min_self_delegation,
        }
    };
    Ok(Page { items: raw.unwrap_or_default().into_iter().map(one).collect(), next, height })
}

fn shape(what: &'static str, reason: String) -> DecodeError {
    DecodeError::Shape { what, reason }
}

/// Takes off `{"height", "result"}` of the LCD or `{name, "pagination"}` of the gateway, where one of them is there.
fn read<T: serde::de::DeserializeOwned>(
    what: &'static str,
    json: &[u8],
    name: &str,
) -> Result<Read<T>, DecodeError> {
    let bad = |e: serde_json::Error| shape(what, e.to_string());
    let mut value: Value = serde_json::from_slice(json).map_err(bad)?;
    let next = value.pointer("/pagination/next_key").and_then(Value::as_str).filter(|key| !key.is_empty());
    let next = next.map(str::to_owned);
    let height = value.get("height").and_then(|h| h.as_i64().or_else(|| h.as_str()?.parse().ok()));
    let inner = value.as_object_mut().and_then(|o| o.remove(name).or_else(|| o.remove("result")));
    Ok(Read { inner: serde_json::from_value(inner.unwrap_or(value)).map_err(bad)?, next, height })
}

/// Nanoseconds (0.39), or seconds with an `s`.
fn duration(text: &str) -> Result<Duration, DecodeError> {
    let bad = || shape("duration", text.chars().take(40).collect());
    if let Some(seconds) = text.strip_suffix('s') {
        let units = seconds.parse::<Dec>().map_err(|_| bad())?.units() / 1_000_000_000;
        return Ok(nanoseconds(i64::try_from(units).map_err(|_| bad())?));
    }
    text.parse().map(nanoseconds).map_err(|_| bad())
}

fn nanoseconds(n: i64) -> Duration {
    let nanos = i32::try_from(n % 1_000_000_000).unwrap_or_default();
    Duration { seconds: n / 1_000_000_000, nanos }
}

/// RFC 3339; the year 9999 of a tombstone does not fit nanoseconds, so seconds are kept apart.
fn timestamp(text: &str) -> Result<Timestamp, DecodeError> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| DecodeError::Time(text.chars().take(40).collect()))?;
    Ok(Timestamp {
        seconds: time.unix_timestamp(),
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    })
}

fn status(value: &Value) -> BondStatus {
    match (value.as_u64(), value.as_str()) {
        (Some(0), _) | (_, Some("0" | "BOND_STATUS_UNBONDED")) => BondStatus::Unbonded,
        (Some(1), _) | (_, Some("1" | "BOND_STATUS_UNBONDING")) => BondStatus::Unbonding,
        (Some(2), _) | (_, Some("2" | "BOND_STATUS_BONDED")) => BondStatus::Bonded,
        _ => BondStatus::Unspecified,
    }
}

/// A consensus key: `cosmosvalconspub1…` with amino inside, or `{"@type", "key"}`.
fn key(value: &Value) -> Option<Any> {
    if let Some(text) = value.as_str() {
        let bytes = bech32::decode(text).ok()?.1;
        if let Some(key) = bytes.strip_prefix(&AMINO_ED25519) {
            return Some(Any::ed25519(key.try_into().ok()?));
        }
        let key = bytes.strip_prefix(&AMINO_SECP256K1)?.to_vec();
        let type_url = "/cosmos.crypto.secp256k1.PubKey".into();
        return Some(Any { type_url, value: PubKey { key }.encode_to_vec() });
    }
    let key = BASE64.decode(value.get("key")?.as_str()?).ok()?;
    let type_url = value.get("@type")?.as_str()?.to_owned();
    Some(Any { type_url, value: PubKey { key }.encode_to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_parameters_are_one() {
        let lcd = br#"{"height":"12","result":{"signed_blocks_window":"20","min_signed_per_window":"0.500000000000000000",
            "downtime_jail_duration":"60000000000","slash_fraction_double_sign":"0.050000000000000000",
            "slash_fraction_downtime":"0.010000000000000000"}}"#;
        let gateway =
            br#"{"params":{"signed_blocks_window":"20","min_signed_per_window":"0.500000000000000000",
            "downtime_jail_duration":"60s","slash_fraction_double_sign":"0.050000000000000000",
            "slash_fraction_downtime":"0.010000000000000000"}}"#;
        let (found, height) = params(lcd).unwrap();
        assert_eq!(height, Some(12), "the LCD says of which height it is");
        assert_eq!((found.clone(), None), params(gateway).unwrap());
        assert_eq!((found.signed_blocks_window, found.downtime_jail_duration.unwrap().seconds), (20, 60));
        let bare = &lcd[24..lcd.len() - 1];
        assert_eq!((found, None), params(bare).unwrap(), "abci_query has no envelope");
        assert_eq!(duration("0.250s").unwrap(), Duration { seconds: 0, nanos: 250_000_000 });
        assert!(params(b"").is_err() && params(b"{\"error\":\"x\"}").is_err() && duration("soon").is_err());
    }

    #[test]
    fn signing_infos_of_both_forms() {
        let one = r#"{"address":"cosmosvalcons1x","start_height":"5","index_offset":"300","jailed_until":"9999-12-31T23:59:59Z",
            "tombstoned":true,"missed_blocks_counter":"7"}"#;
        for text in [
            format!("[{one}]"),
            format!("{{\"height\":\"1\",\"result\":[{one}]}}"),
            format!("{{\"info\":[{one}],\"pagination\":{{\"next_key\":\"AQI=\",\"total\":\"2\"}}}}"),
        ] {
            let page = signing_infos(text.as_bytes()).unwrap();
            assert_eq!(page.next.as_deref(), text.contains("next_key").then_some("AQI="));
            let info = &page.items[0];
            assert_eq!((info.index_offset, info.missed_blocks_counter, info.tombstoned), (300, 7, true));
            assert_eq!(info.jailed_until.unwrap().seconds, comet::sdk::slashing::FOREVER);
        }
        for nothing in [
            "null",
            "[]",
            "{\"height\":\"1\",\"result\":null}",
            "{\"info\":[],\"pagination\":{\"next_key\":null}}",
        ] {
            let height = nothing.contains("height").then_some(1);
            let empty = Page { height, ..Page::default() };
            assert_eq!(signing_infos(nothing.as_bytes()).unwrap(), empty, "{nothing}");
        }
    }

    #[test]
    fn validators_of_both_forms() {
        let raw = [7u8; 32];
        let amino = [&AMINO_ED25519[..], &raw].concat();
        let lcd = format!(
            r#"{{"height":"1","result":[{{"operator_address":"cosmosvaloper1x","consensus_pubkey":"{}","jailed":true,"status":2,
            "tokens":"100","delegator_shares":"100.0","description":{{"moniker":"m"}},"unbonding_height":"0",
            "unbonding_time":"1970-01-01T00:00:00Z","commission":{{"commission_rates":{{"rate":"0.100000000000000000"}},
            "update_time":"2020-09-25T14:00:00.5Z"}}}}]}}"#,
            bech32::encode("cosmosvalconspub", &amino).unwrap()
        );
        let gateway = lcd
            .replace("\"height\":\"1\",\"result\"", "\"validators\"")
            .replace("\"status\":2", "\"status\":\"BOND_STATUS_BONDED\"");
        let at = gateway.find("\"cosmosvalconspub").unwrap();
        let end = at + 1 + gateway[at + 1..].find('"').unwrap() + 1;
        let object = format!(r#"{{"@type":"/cosmos.crypto.ed25519.PubKey","key":"{}"}}"#, BASE64.encode(raw));
        let gateway = format!("{}{object}{}", &gateway[..at], &gateway[end..]);
        let found = validators(lcd.as_bytes()).unwrap();
        assert_eq!(found.items, validators(gateway.as_bytes()).unwrap().items);
        let one = &found.items[0];
        assert_eq!(one.consensus_pubkey, Some(Any::ed25519(&raw)));
        assert_eq!((one.jailed, one.status), (true, BondStatus::Bonded as i32));
        assert_eq!(
            one.commission.as_ref().unwrap().commission_rates.as_ref().unwrap().rate,
            "100000000000000000"
        );
        assert_eq!(one.delegator_shares, "100000000000000000000", "in units of 10^-18, as protobuf has it");
        let updated = one.commission.as_ref().unwrap().update_time;
        assert_eq!(updated.map(|t| (t.seconds, t.nanos)), Some((1_601_042_400, 500_000_000)));
    }
}
