//! Answers of x/slashing's and x/staking's query services.

use comet::sdk::slashing::{
    Params as SlashingParams, ParamsResponse, SigningInfo, SigningInfoResponse, SigningInfosResponse,
};
use comet::sdk::staking::{
    BondStatus, Commission, CommissionRates, Description, Params as StakingParams,
    ParamsResponse as StakingParamsResponse, Validator, ValidatorsRequest, ValidatorsResponse,
};
use comet::sdk::{Any, Duration, PageRequest, Timestamp};
use prost::Message;

use super::{QueryError, pages};
use crate::account::{Account, Bond};
use crate::app::{App, UNBONDING_SECONDS};

#[derive(Clone, PartialEq, Message)]
pub(super) struct ModuleVersions {
    #[prost(message, repeated, tag = "1")]
    module_versions: Vec<ModuleVersion>,
}

#[derive(Clone, PartialEq, Message)]
struct ModuleVersion {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    version: u64,
}

/// x/upgrade's versions, of the modules whose versions tell the SDK lines apart.
pub(super) fn module_versions(app: &App) -> ModuleVersions {
    let (staking, slashing) = app.line.module_versions().unwrap_or_default();
    let one = |(name, version): (&str, u64)| ModuleVersion { name: name.into(), version };
    ModuleVersions { module_versions: [("slashing", slashing), ("staking", staking)].map(one).into() }
}

/// Path of one validator by operator address.
pub(super) const VALIDATOR: &str = "/cosmos.staking.v1beta1.Query/Validator";

/// `QueryValidatorRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ValidatorRequest {
    /// valoper address.
    #[prost(string, tag = "1")]
    pub(super) validator_addr: String,
}

/// `QueryValidatorResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ValidatorResponse {
    /// The validator.
    #[prost(message, optional, tag = "1")]
    pub(super) validator: Option<Validator>,
}

pub(super) fn slashing_params(app: &App) -> ParamsResponse {
    let params = &app.params;
    ParamsResponse {
        params: Some(SlashingParams {
            signed_blocks_window: params.window,
            min_signed_per_window: params.min_signed.to_wire(),
            downtime_jail_duration: Some(Duration {
                seconds: i64::try_from(params.jail_duration.as_secs()).unwrap_or(i64::MAX),
                nanos: i32::try_from(params.jail_duration.subsec_nanos()).unwrap_or_default(),
            }),
            slash_fraction_double_sign: params.fraction_double_sign.to_wire(),
            slash_fraction_downtime: params.fraction_downtime.to_wire(),
        }),
    }
}

/// The signing info of a validator that has ever been bonded.
pub(super) fn info_of(account: &Account) -> Option<SigningInfo> {
    let info = account.info?;
    Some(SigningInfo {
        address: account.identity.valcons.clone(),
        start_height: info.start_height,
        index_offset: info.index_offset,
        jailed_until: Some(Timestamp { seconds: info.jailed_until.seconds, nanos: info.jailed_until.nanos }),
        tombstoned: info.tombstoned,
        missed_blocks_counter: info.missed,
    })
}

pub(super) fn signing_info(app: &App, valcons: &str) -> Result<SigningInfoResponse, QueryError> {
    let account = app.accounts.iter().find(|a| a.identity.valcons == valcons);
    match account.and_then(|a| info_of(a)) {
        Some(info) => Ok(SigningInfoResponse { val_signing_info: Some(info) }),
        None => Err(QueryError::NotFound(format!("SigningInfo not found for validator {valcons}"))),
    }
}

pub(super) fn signing_infos(app: &App, page: Option<&PageRequest>) -> SigningInfosResponse {
    let key = |a: &Account| [&[20], a.identity.address.0.as_slice()].concat();
    let mut items: Vec<_> = app.accounts.iter().filter_map(|a| Some((key(a), info_of(a)?))).collect();
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let (info, pagination) = pages::cut(items, page);
    SigningInfosResponse { info, pagination: Some(pagination) }
}

pub(super) fn staking_params(app: &App, denom: &str) -> StakingParamsResponse {
    StakingParamsResponse {
        params: Some(StakingParams {
            unbonding_time: Some(Duration { seconds: UNBONDING_SECONDS, nanos: 0 }),
            max_validators: u32::try_from(app.max_validators).unwrap_or(u32::MAX),
            max_entries: 7,
            historical_entries: 10_000,
            bond_denom: denom.to_owned(),
            min_commission_rate: "0".to_owned(),
        }),
    }
}

pub(super) fn validators(app: &App, request: &ValidatorsRequest) -> Result<ValidatorsResponse, QueryError> {
    let known = [
        "",
        "BOND_STATUS_UNSPECIFIED",
        "BOND_STATUS_UNBONDED",
        "BOND_STATUS_UNBONDING",
        "BOND_STATUS_BONDED",
    ];
    if !known.contains(&request.status.as_str()) {
        return Err(QueryError::Request(format!("invalid validator status {}", request.status)));
    }
    let wanted = |v: &Validator| {
        let name = BondStatus::try_from(v.status).map(status_name).unwrap_or_default();
        request.status.is_empty() || request.status == name
    };
    let mut items: Vec<_> = app
        .accounts
        .iter()
        .filter(|a| a.bond != Bond::Absent)
        .map(|a| ([&[20], a.identity.operator.as_slice()].concat(), validator_of(a)))
        .filter(|(_, v)| wanted(v))
        .collect();
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let (validators, pagination) = pages::cut(items, request.pagination.as_ref());
    Ok(ValidatorsResponse { validators, pagination: Some(pagination) })
}

pub(super) fn validator(app: &App, valoper: &str) -> Result<ValidatorResponse, QueryError> {
    let known = app.accounts.iter().filter(|a| a.bond != Bond::Absent);
    let account = known.into_iter().find(|a| a.identity.seat.valoper == valoper);
    match account {
        Some(account) => Ok(ValidatorResponse { validator: Some(validator_of(account)) }),
        None => Err(QueryError::NotFound(format!("validator {valoper} not found"))),
    }
}

fn status_name(status: BondStatus) -> &'static str {
    match status {
        BondStatus::Unspecified => "BOND_STATUS_UNSPECIFIED",
        BondStatus::Unbonded => "BOND_STATUS_UNBONDED",
        BondStatus::Unbonding => "BOND_STATUS_UNBONDING",
        BondStatus::Bonded => "BOND_STATUS_BONDED",
    }
}

fn validator_of(account: &Account) -> Validator {
    let identity = &account.identity;
    let epoch = Timestamp { seconds: 0, nanos: 0 };
    let (status, unbonding_height, unbonding_time) = match account.bond {
        Bond::Bonded => (BondStatus::Bonded, 0, epoch),
        Bond::Unbonding { height, time } => {
            let end = Timestamp { seconds: time.seconds + UNBONDING_SECONDS, nanos: time.nanos };
            (BondStatus::Unbonding, height, end)
        }
        Bond::Absent | Bond::Unbonded => (BondStatus::Unbonded, 0, epoch),
    };
    Validator {
        operator_address: identity.seat.valoper.clone(),
        consensus_pubkey: Some(Any::ed25519(identity.pub_key.as_bytes())),
        jailed: account.jailed,
        status: status.into(),
        tokens: account.tokens.to_string(),
        // Shares are tokens times 10^18 as long as nothing was slashed; nobody here reads them.
        delegator_shares: format!("{}000000000000000000", account.tokens),
        description: Some(Description { moniker: identity.seat.moniker.clone(), ..Description::default() }),
        unbonding_height,
        unbonding_time: Some(unbonding_time),
        commission: Some(Commission {
            commission_rates: Some(CommissionRates {
                rate: String::from("100000000000000000"),
                max_rate: String::from("200000000000000000"),
                max_change_rate: String::from("10000000000000000"),
            }),
            update_time: Some(epoch),
        }),
        min_self_delegation: "1".to_owned(),
    }
}
