//! A hostile peer before and during the SecretConnection handshake: it must never be believed.
#![no_main]

use comet::{
    key::PrivateKey,
    secret::{Dialect, Driver},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (cut, bytes) = match bytes {
        [cut, rest @ ..] => (usize::from(*cut) + 1, rest),
        [] => return,
    };
    let identity = PrivateKey::from_seed(&[1; 32]);
    let mut driver = match cut % 3 {
        0 => Driver::start_in(Dialect::Proto, identity, [2; 32].into()),
        1 => Driver::start_in(Dialect::Amino, identity, [2; 32].into()),
        _ => Driver::follow(identity, [2; 32].into()),
    };
    for piece in bytes.chunks(cut) {
        if driver.receive(piece).is_err() {
            break;
        }
    }
    assert!(!driver.is_established());
    assert!(driver.take_incoming().is_empty());
});
