//! A hostile peer before and during the SecretConnection handshake: it must never be believed.
#![no_main]

use comet::{key::PrivateKey, secret::Driver};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut driver = Driver::start(PrivateKey::from_seed(&[1; 32]), [2; 32].into());
    let (cut, bytes) = match bytes {
        [cut, rest @ ..] => (usize::from(*cut) + 1, rest),
        [] => return,
    };
    for piece in bytes.chunks(cut) {
        if driver.receive(piece).is_err() {
            break;
        }
    }
    assert!(!driver.is_established());
    assert!(driver.take_incoming().is_empty());
});
