//! Asks a node the questions by which its SDK line is told. Each may be refused; [`crate::probe`] concludes from the rest.

use super::rpc::Client;
use super::sdk::{Sdk, SdkFailure};
use crate::probe::{Facts, InfoForm};
use comet::key::Address;
use comet::sdk::slashing::SigningInfo;
use comet::sdk::store;
use prost::Message;
use std::collections::BTreeMap;

const MODULE_VERSIONS: &str = "/cosmos.upgrade.v1beta1.Query/ModuleVersions";
const NODE_INFO: &str = "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo";
const GOV_V1: &str = "/cosmos.gov.v1.Query/Params";
const GOV_V1BETA1: &str = "/cosmos.gov.v1beta1.Query/Params";

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct Empty {}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct ModuleVersions {
    #[prost(message, repeated, tag = "1")]
    module_versions: Vec<ModuleVersion>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct ModuleVersion {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    version: u64,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct NodeInfo {
    #[prost(message, optional, tag = "2")]
    application_version: Option<VersionInfo>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct VersionInfo {
    #[prost(string, tag = "8")]
    cosmos_sdk_version: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct GovParams {
    #[prost(string, tag = "1")]
    params_type: String,
}

/// A signing info as 0.39 stores it: the address is bytes, and a length precedes all.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct AminoInfo {
    #[prost(bytes = "vec", tag = "1")]
    address: Vec<u8>,
    #[prost(int64, tag = "3")]
    index_offset: i64,
}

/// Asks everything, of the state after `height`: of that endpoints must say the same, and one that lies puts no line in
/// doubt. `infos` are its signing infos, read before.
pub async fn facts(sdk: &Sdk, height: i64, infos: &[(Address, SigningInfo)]) -> Facts {
    let results = |client: Client| async move { Ok(client.results(height).await?.app_hash.is_some()) };
    let abci_2 = sdk.pool().agreed(height, results, |a, b| a == b).await.ok();
    let params_key = sdk.store(store::PATH, &store::PARAMS, height).await.ok().map(|v| !v.is_empty());
    let info = match infos.iter().find(|(_, info)| info.index_offset > 0) {
        Some((address, info)) => form(sdk, height, address, info).await,
        None => None,
    };
    if sdk.is_amino() {
        return Facts { protobuf: Some(false), params_key, info, abci_2, ..Facts::default() };
    }
    let gov_v1 = match exists(sdk, GOV_V1, height).await {
        // Without x/gov nothing is said; with its first protocol alone a lot.
        Some(false) => exists(sdk, GOV_V1BETA1, height).await.filter(|old| *old).map(|_| false),
        answer => answer,
    };
    Facts {
        protobuf: Some(true),
        modules: modules(sdk, height).await,
        sdk_version: sdk_version(sdk, height).await,
        gov_v1,
        params_key,
        info,
        abci_2,
    }
}

async fn modules(sdk: &Sdk, height: i64) -> BTreeMap<String, u64> {
    let answer: Result<(ModuleVersions, _), _> = sdk.query(MODULE_VERSIONS, Empty {}, height).await;
    let found = answer.map(|(a, _)| a.module_versions).unwrap_or_default();
    found.into_iter().map(|m| (m.name, m.version)).collect()
}

async fn sdk_version(sdk: &Sdk, height: i64) -> Option<String> {
    let (answer, _): (NodeInfo, _) = sdk.query(NODE_INFO, Empty {}, height).await.ok()?;
    let version = answer.application_version?.cosmos_sdk_version;
    (!version.is_empty()).then(|| version.chars().take(60).collect())
}

/// Whether the node knows a query; `None` when it cannot be reached.
async fn exists(sdk: &Sdk, path: &'static str, height: i64) -> Option<bool> {
    let query = GovParams { params_type: "voting".into() };
    let answer: Result<(Empty, _), _> = sdk.query(path, query, height).await;
    match answer {
        Ok(_) => Some(true),
        Err(SdkFailure::NoModule) => Some(false),
        Err(_) => None,
    }
}

/// How the store holds a signing info that the queries told; `None` when the store is refused.
async fn form(sdk: &Sdk, height: i64, address: &Address, info: &SigningInfo) -> Option<InfoForm> {
    let same = |value: &[u8]| SigningInfo::decode(value).is_ok_and(|i| i.index_offset == info.index_offset);
    let value = sdk.store(store::PATH, &store::signing_info(&address.0), height).await.ok()?;
    if !value.is_empty() {
        return Some(if same(&value) { InfoForm::Length } else { InfoForm::Foreign });
    }
    let value = sdk.store(store::PATH, &store::bare_signing_info(&address.0), height).await.ok()?;
    let amino = AminoInfo::decode_length_delimited(value.as_slice());
    if amino.is_ok_and(|i| i.index_offset == info.index_offset && i.address == address.0) {
        return Some(InfoForm::BareAmino);
    }
    Some(if same(&value) { InfoForm::BareProtobuf } else { InfoForm::Foreign })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_signing_info_of_039() {
        // go-amino v0.15.1 of {20 x ab, start 5, index 300, 1970, false, missed 7}.
        let golden = hex::decode("1d0a14abababababababababababababababababababab100518ac023007").unwrap();
        let info = AminoInfo::decode_length_delimited(golden.as_slice()).unwrap();
        assert_eq!((info.address, info.index_offset), (vec![0xab; 20], 300));
    }
}
