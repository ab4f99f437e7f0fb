//! A link that an attacker damages after the handshake: data arrives as it was sent, or the link breaks.
#![no_main]

use comet::{key::PrivateKey, secret::Driver};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, Vec<(u16, u8)>)| {
    let (data, damage) = input;
    let mut a = Driver::start(PrivateKey::from_seed(&[1; 32]), [2; 32].into());
    let mut b = Driver::start(PrivateKey::from_seed(&[3; 32]), [4; 32].into());
    for _ in 0..2 {
        b.receive(&a.take_outgoing()).expect("honest");
        a.receive(&b.take_outgoing()).expect("honest");
    }
    a.send(&data).expect("established");
    let mut wire = a.take_outgoing();
    let honest = wire.clone();
    for (at, xor) in damage {
        if let Some(byte) = wire.get_mut(usize::from(at)) {
            *byte ^= xor;
        }
    }
    match b.receive(&wire) {
        Ok(()) => assert!(wire == honest && b.take_incoming() == data),
        Err(_) => assert!(wire != honest),
    }
});
