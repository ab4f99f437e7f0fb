//! The configuration: typing errors of an operator are refused without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_signer::config::Config;

fuzz_target!(|text: &str| {
    match Config::parse(text, "/etc/palisade".as_ref()) {
        Ok(config) => {
            // No chain id leads out of the state directory.
            for chain in &config.chains {
                assert_eq!(config.state_file(&chain.id).parent(), Some(config.state_dir.as_path()));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
