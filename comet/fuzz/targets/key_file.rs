//! Key files: a hostile or damaged one is refused without a panic, a good one is written as it was read.
#![no_main]

use comet::key_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = key_file::read_priv_validator_key(text) {
        let written = key_file::write_priv_validator_key(&key);
        let again = key_file::read_priv_validator_key(&written).expect("our own file");
        assert_eq!(again.public(), key.public());
    }
    if let Ok(key) = key_file::read_node_key(text) {
        let again = key_file::read_node_key(&key_file::write_node_key(&key)).expect("our own file");
        assert_eq!(again.public(), key.public());
    }
});
