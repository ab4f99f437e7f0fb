//! The application behind the fake node: none, x/slashing without its raw store, or a whole SDK 0.45 that lies about one thing.

use super::{VALIDATORS, key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::bech32;
use comet::sdk::slashing::{self, Params, ParamsResponse, SigningInfo, SigningInfosResponse};
use comet::sdk::staking::{self, BondStatus, Description, Validator, ValidatorsResponse};
use comet::sdk::store::slot::{self, Pair, encode_subspace};
use comet::sdk::{Any, Duration, store};
use prost::Message;
use serde_json::{Value, json};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum App {
    KeyValue,
    /// x/slashing without its raw store.
    Counters,
    /// The same with another window.
    FalseParams,
    /// The same with more misses.
    FalseInfos,
    /// Raw store and x/staking as well.
    #[allow(dead_code, reason = "not every test has a liar")]
    Whole(Lie),
}

/// What is not true of what it says.
#[allow(dead_code, reason = "not every test has a liar")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    Nothing,
    Tokens,
    Jailed,
    Bonded,
    Moniker,
    /// Which slots were missed; how many is true.
    Slots,
    /// Which SDK it is.
    Line,
}

const MODULE_VERSIONS: &str = "/cosmos.upgrade.v1beta1.Query/ModuleVersions";
/// Slots of the window.
const WINDOW: u64 = 1000;

fn params(app: App) -> Params {
    Params {
        signed_blocks_window: if app == App::FalseParams { 2000 } else { 1000 },
        min_signed_per_window: b"500000000000000000".to_vec(),
        downtime_jail_duration: Some(Duration { seconds: 600, nanos: 0 }),
        slash_fraction_downtime: b"10000000000000000".to_vec(),
        ..Params::default()
    }
}

/// Validator `n` has missed `10 n` blocks.
fn info(app: App, n: u8) -> SigningInfo {
    let more = if app == App::FalseInfos { 300 } else { 0 };
    SigningInfo {
        address: super::valcons(n),
        // Long ago, so that no grace hides what the window says.
        start_height: if matches!(app, App::Whole(_)) { -5000 } else { 0 },
        index_offset: 5000,
        missed_blocks_counter: i64::from(n) * 10 + more,
        ..SigningInfo::default()
    }
}

/// Whether it has missed `slot`: the first of the window, which fall out soonest.
fn missed(lie: Lie, n: u8, slot: u64) -> bool {
    let first = if lie == Lie::Slots { WINDOW / 2 } else { 0 };
    (first..first + u64::from(n) * 10).contains(&slot)
}

fn validator(lie: Lie, n: u8) -> Validator {
    let about = |what: Lie| lie == what && n == 2;
    let key = key(n).public();
    let bonded = if about(Lie::Bonded) { BondStatus::Unbonded } else { BondStatus::Bonded };
    Validator {
        operator_address: bech32::encode("fakevaloper", &[n; 20]).unwrap(),
        consensus_pubkey: Some(Any::ed25519(key.as_bytes())),
        jailed: about(Lie::Jailed),
        status: bonded as i32,
        tokens: if about(Lie::Tokens) { "9000000".into() } else { format!("{n}000000") },
        description: Some(Description {
            moniker: if about(Lie::Moniker) { "mallory".into() } else { format!("number {n}") },
            ..Description::default()
        }),
        ..Validator::default()
    }
}

/// `{module_versions: [{name: "staking", version}]}`.
fn staking_version(version: u8) -> Vec<u8> {
    let module = [&[0x0a, 7][..], b"staking", &[0x10, version]].concat();
    [&[0x0a, 11][..], &module].concat()
}

/// A raw read of x/slashing's store.
fn raw(app: App, lie: Lie, path: &str, key: &[u8]) -> Vec<u8> {
    for n in 1..=VALIDATORS {
        let address = super::key(n).public().address().0;
        let prefix = slot::prefix(&address, true);
        if path == store::SUBSPACE && key == prefix {
            let slots = (0..WINDOW).filter(|slot| missed(lie, n, *slot));
            let pair = |index| Pair { key: slot::key(&address, true, index), value: vec![8, 1] };
            return encode_subspace(slots.map(pair).collect(), false);
        }
        if path == store::PATH && key == store::signing_info(&address) {
            return info(app, n).encode_to_vec();
        }
        let index = key.strip_prefix(prefix.as_slice()).and_then(|rest| rest.try_into().ok());
        if index.is_some_and(|index| missed(lie, n, u64::from_le_bytes(index))) {
            return vec![8, 1];
        }
    }
    Vec::new()
}

/// The answer to `abci_query`.
pub(super) fn query(app: App, asked: &Value, tip: i64) -> Value {
    let all = 1..=VALIDATORS;
    let value = match (app, asked["path"].as_str().unwrap()) {
        (App::KeyValue, _) => {
            return json!({"code": 0, "log": "does not exist", "value": null, "height": tip.to_string()});
        }
        (_, slashing::PARAMS) => ParamsResponse { params: Some(params(app)) }.encode_to_vec(),
        (_, slashing::SIGNING_INFOS) => {
            SigningInfosResponse { info: all.map(|n| info(app, n)).collect(), pagination: None }
                .encode_to_vec()
        }
        (App::Whole(lie), staking::VALIDATORS) => {
            ValidatorsResponse { validators: all.map(|n| validator(lie, n)).collect(), pagination: None }
                .encode_to_vec()
        }
        (App::Whole(lie), MODULE_VERSIONS) => staking_version(if lie == Lie::Line { 5 } else { 2 }),
        (App::Whole(lie), path @ (store::PATH | store::SUBSPACE)) => {
            raw(app, lie, path, &hex::decode(asked["data"].as_str().unwrap()).unwrap())
        }
        (_, store::PATH) => {
            return json!({"code": 6, "log": "store queries are disabled here", "codespace": "sdk", "value": null});
        }
        _ => {
            return json!({"code": 6, "log": "unknown query path: unknown request", "codespace": "sdk", "value": null});
        }
    };
    let value = (!value.is_empty()).then(|| BASE64.encode(value));
    json!({"code": 0, "value": value, "height": asked["height"]})
}
