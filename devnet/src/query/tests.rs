//! Queries against a chain in which somebody misses, is jailed, and leaves.

use std::time::Duration;

use comet::privval::Timestamp;
use comet::sdk::PageRequest;
use comet::sdk::slashing::{ParamsResponse, SigningInfo, SigningInfoResponse, SigningInfosResponse};
use comet::sdk::staking::ValidatorsResponse;

use super::*;
use crate::offline::Offline;
use crate::script::Script;
use crate::seats::Origin;

fn offline(script: &str, blocks: usize) -> (Offline, Genesis) {
    let script = Script::parse(script, 64).unwrap();
    let start = Timestamp { seconds: 1_700_000_000, nanos: 0 };
    let origin = Origin::akashnet_1();
    let mut chain = Offline::new(origin.clone(), script, 1, start, Duration::from_secs(1));
    for _ in 0..blocks {
        chain.step().unwrap();
    }
    (chain, Genesis { origin, keys: Vec::new(), validators: 64, time: start })
}

fn ask<Q: Message, A: Message + Default>(chain: &(Offline, Genesis), path: &str, query: &Q) -> A {
    let bytes = answer(chain.0.chain().app(), &chain.1, path, &query.encode_to_vec()).unwrap();
    A::decode(bytes.as_slice()).unwrap()
}

#[test]
fn params_in_the_sdk_s_own_decimals() {
    let chain = offline("", 1);
    let params: ParamsResponse = ask(&chain, slashing::PARAMS, &slashing::ParamsRequest {});
    let params = params.params.unwrap();
    assert_eq!(params.signed_blocks_window, 10_000);
    assert_eq!(params.min_signed_per_window, b"50000000000000000");
    assert_eq!(params.downtime_jail_duration.unwrap().seconds, 600);
}

#[test]
fn signing_infos_and_raw_store_agree() {
    let chain = offline("[[event]]\nat = 3\nvalidator = 4\nmiss = 5", 12);
    let account = chain.0.chain().app().accounts[4].clone();
    let request = slashing::SigningInfoRequest { cons_address: account.identity.valcons.clone() };
    let one: SigningInfoResponse = ask(&chain, slashing::SIGNING_INFO, &request);
    let info = one.val_signing_info.unwrap();
    assert_eq!((info.missed_blocks_counter, info.index_offset, info.start_height), (5, 11, 0));
    let raw = |key: Vec<u8>| answer(chain.0.chain().app(), &chain.1, "/store/slashing/key", &key).unwrap();
    let address = account.identity.address.0;
    let stored = raw([&[0x01, 20], address.as_slice()].concat());
    assert_eq!(SigningInfo::decode(stored.as_slice()).unwrap(), info);
    // Misses of heights 3 to 7, counted in blocks 4 to 8, at offsets 2 to 6.
    let bits = raw([&[0x02, 20], address.as_slice(), &0u64.to_le_bytes()].concat());
    assert_eq!(hex::encode(&bits[..16]), "0000000000000400000000000000007c");
    assert!(raw([&[0x02, 20], address.as_slice(), &1u64.to_le_bytes()].concat()).is_empty());
    let subspace = answer(
        chain.0.chain().app(),
        &chain.1,
        "/store/slashing/subspace",
        &[&[0x02, 20], address.as_slice()].concat(),
    );
    assert!(subspace.unwrap().windows(136).any(|w| w == bits.as_slice()));
}

#[test]
fn all_signing_infos_page_by_page() {
    let chain = offline("", 2);
    let mut pagination = PageRequest { limit: 25, ..PageRequest::default() };
    let mut seen = Vec::new();
    loop {
        let request = slashing::SigningInfosRequest { pagination: Some(pagination.clone()) };
        let page: SigningInfosResponse = ask(&chain, slashing::SIGNING_INFOS, &request);
        seen.extend(page.info.into_iter().map(|i| i.address));
        pagination.key = page.pagination.unwrap().next_key;
        if pagination.key.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 64);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 64);
}

#[test]
fn validators_by_status() {
    let chain = offline("[[event]]\nat = 2\nvalidator = 9\nleave = true", 4);
    let count = |status: &str| -> usize {
        let request = staking::ValidatorsRequest { status: status.into(), pagination: None };
        let answer: ValidatorsResponse = ask(&chain, staking::VALIDATORS, &request);
        answer.validators.len()
    };
    assert_eq!((count(""), count("BOND_STATUS_BONDED"), count("BOND_STATUS_UNBONDING")), (64, 63, 1));
    let valoper = chain.0.chain().app().accounts[9].identity.seat.valoper.clone();
    let one: messages::ValidatorResponse =
        ask(&chain, messages::VALIDATOR, &messages::ValidatorRequest { validator_addr: valoper.clone() });
    let one = one.validator.unwrap();
    assert_eq!((one.operator_address, one.tokens.as_str(), one.jailed), (valoper, "1", false));
    assert_eq!(one.unbonding_height, 2);
}

#[test]
fn wrong_queries_say_why() {
    let chain = offline("", 1);
    let app = chain.0.chain().app();
    let error = |path: &str, data: &[u8]| answer(app, &chain.1, path, data).unwrap_err();
    assert_eq!(error("/x/Y", &[]), QueryError::UnknownPath("/x/Y".into()));
    assert!(matches!(error(slashing::SIGNING_INFO, &[0xff]), QueryError::Request(_)));
    let nobody = slashing::SigningInfoRequest { cons_address: "akashvalcons1x".into() };
    assert!(matches!(error(slashing::SIGNING_INFO, &nobody.encode_to_vec()), QueryError::NotFound(_)));
    let status = staking::ValidatorsRequest { status: "bonded".into(), pagination: None };
    assert!(matches!(error(staking::VALIDATORS, &status.encode_to_vec()), QueryError::Request(_)));
}
