//! Fleet files: typing errors of an operator are refused with a way out, never with a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_sentry::resolve;

fuzz_target!(|text: &str| {
    if let Err(error) = resolve(text) {
        assert!(error.to_string().contains("try: "), "{error}");
    }
});
