//! Noise against a hostile peer: before and during the handshake nothing is believed; after it a link carries what was sent,
//! or breaks.
#![no_main]

use comet::{
    key::PrivateKey,
    noise::{Driver, PeerId, Secrets},
};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};

#[derive(Arbitrary, Debug)]
enum Input {
    /// Bytes of somebody without the expected key, and in which pieces they come.
    Stranger { dials: bool, cut: u8, bytes: Vec<u8> },
    /// What the honest peer sends in the handshake, damaged.
    Meddler { message: u8, damage: Vec<(u8, u8)> },
    /// What it sends afterwards, damaged.
    Sealed { data: Vec<u8>, damage: Vec<(u16, u8)> },
}

fuzz_target!(|input: Input| {
    match input {
        Input::Stranger { dials, cut, bytes } => {
            let (a, b) = pair();
            let mut own = if dials { a } else { b };
            for piece in bytes.chunks(usize::from(cut).max(1)) {
                if own.receive(piece).is_err() {
                    break;
                }
            }
            assert!(!own.is_established());
            assert!(own.take_incoming().is_empty());
        }
        Input::Meddler { message, damage } => {
            let (mut a, mut b) = pair();
            let message = usize::from(message % 3);
            let mut changed = false;
            for turn in 0..3 {
                let (from, to) = if turn % 2 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
                let mut wire = from.take_outgoing();
                if turn == message {
                    for (at, xor) in &damage {
                        if let Some(byte) = wire.get_mut(usize::from(*at)) {
                            *byte ^= xor;
                            changed |= *xor != 0;
                        }
                    }
                    let honest = { let (mut a, mut b) = pair(); replay(&mut a, &mut b, message) };
                    changed &= wire != honest;
                }
                if to.receive(&wire).is_err() {
                    assert!(changed, "an honest handshake failed");
                    return;
                }
            }
            assert!(!changed || !(a.is_established() && b.is_established()), "damage went unnoticed");
        }
        Input::Sealed { data, damage } => {
            let (mut a, mut b) = pair();
            b.receive(&a.take_outgoing()).expect("honest");
            a.receive(&b.take_outgoing()).expect("honest");
            b.receive(&a.take_outgoing()).expect("honest");
            a.send(&data).expect("established");
            let mut wire = a.take_outgoing();
            let honest = wire.clone();
            for (at, xor) in damage {
                if let Some(byte) = wire.get_mut(usize::from(at)) {
                    *byte ^= xor;
                }
            }
            let received = b.receive(&wire);
            let incoming = b.take_incoming();
            if wire == honest {
                assert!(received.is_ok() && incoming == data);
            } else {
                // A length that was made longer is waited for; what came out is a true beginning in any case.
                assert!(data.starts_with(&incoming) && (data.is_empty() || incoming != data));
            }
        }
    }
});

/// Two honest ends that expect each other, always the same.
fn pair() -> (Driver, Driver) {
    let identity = |n| PrivateKey::from_seed(&[n; 32]);
    let secrets = |n| Secrets { ephemeral: [n; 32].into(), fixed: [n + 1; 32].into() };
    let id = |n| PeerId::of(&identity(n).public());
    (
        Driver::dial(identity(1), id(2), secrets(3)).expect("fresh"),
        Driver::listen(identity(2), id(1), secrets(5)),
    )
}

/// What an honest pair sends as this message of the handshake.
fn replay(a: &mut Driver, b: &mut Driver, message: usize) -> Vec<u8> {
    for turn in 0.. {
        let (from, to) = if turn % 2 == 0 { (&mut *a, &mut *b) } else { (&mut *b, &mut *a) };
        let wire = from.take_outgoing();
        if turn == message {
            return wire;
        }
        to.receive(&wire).expect("honest");
    }
    unreachable!("messages are numbered below 3")
}
