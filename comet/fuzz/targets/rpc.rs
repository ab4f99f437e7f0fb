//! JSON of a hostile or broken RPC endpoint.
#![no_main]

use comet::rpc::{Envelope, NewBlock, Notification};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = serde_json::from_slice::<Envelope<comet::rpc::BlockAnswer>>(bytes);
    let _ = serde_json::from_slice::<Envelope<comet::rpc::Status>>(bytes);
    let _ = serde_json::from_slice::<Envelope<comet::rpc::Validators>>(bytes);
    let _ = serde_json::from_slice::<NewBlock>(bytes);
    let _ = serde_json::from_slice::<Envelope<Notification>>(bytes);
    let _ = comet::key_file::read_priv_validator_key(&String::from_utf8_lossy(bytes));
});
