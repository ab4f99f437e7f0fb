//! Protobuf and raw store values of a hostile or broken Cosmos SDK node.
#![no_main]

use comet::sdk::{decimal::Dec, slashing, staking, store::Chunk};
use libfuzzer_sys::fuzz_target;
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    let _ = slashing::SigningInfosResponse::decode(bytes);
    let _ = slashing::ParamsResponse::decode(bytes);
    let _ = staking::ValidatorsResponse::decode(bytes);
    if let Ok(units) = Dec::from_wire(bytes) {
        assert_eq!(Dec::from_wire(&units.to_wire()), Ok(units));
        let _ = units.mul_round(10_000);
    }
    if let Ok(chunk) = Chunk::decode(bytes) {
        // A chunk that was never written reads as empty and has no misses.
        assert!(bytes.is_empty() || chunk.encode() == bytes);
    }
    let _ = comet::bech32::decode(&String::from_utf8_lossy(bytes));
});
