//! The handshake against go-libp2p's bytes, itself, and hostile peers.

use proptest::prelude::*;

use super::*;
use crate::noise::{Driver, Secrets};

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(&[seed; 32])
}

fn id(seed: u8) -> PeerId {
    PeerId::of(&key(seed).public())
}

/// Dials as 1 and listens as 3, each expecting the one that is given.
fn pair(dials_to: u8, listens_for: u8) -> (Driver, Driver) {
    let secrets = |ephemeral, fixed| Secrets {
        ephemeral: Zeroizing::new([ephemeral; 32]),
        fixed: Zeroizing::new([fixed; 32]),
    };
    let a = Driver::dial(key(1), id(dials_to), secrets(33, 11)).expect("fresh");
    (a, Driver::listen(key(3), id(listens_for), secrets(44, 22)))
}

/// Moves bytes in pieces of `cut` until both sides are quiet.
fn settle(a: &mut Driver, b: &mut Driver, cut: usize) -> Result<(), NoiseError> {
    loop {
        let (from_a, from_b) = (a.take_outgoing(), b.take_outgoing());
        if from_a.is_empty() && from_b.is_empty() {
            return Ok(());
        }
        from_a.chunks(cut).try_for_each(|piece| b.receive(piece))?;
        from_b.chunks(cut).try_for_each(|piece| a.receive(piece))?;
    }
}

// Made by github.com/flynn/noise v1.1.0 with go-libp2p v0.47.0's payload, which is what CometBFT 0.40.0 runs: identities of
// seeds 1 and 3, Noise keys 11 and 22, ephemeral keys 33 and 44, each that byte 32 times.
const HELLO: &str = "7d34a4815fa6b982535e60af3bd9b49556816080f1641ff81d2b7c8ae8268a44";
const ANSWER: &str = "1007e3794a6e21990af2cfed48551a244f30d2f2e682882bacd96cbcb305dd03f3c9f102456fef7d02bb248075cdd904a82899cfc46f5651205b70567b8b286c4d5662b3ea14c5300e33c7d288a8effee902bc8181a2989eafcf829ac63dc0460668b41bc6edb903ae69e8cf7f201e7fba797a255b21bdb254fbfa2541123d340ee3c58ee0c54585bb93421efa9cc13e71e0868d04eba4dd00bf8b6de6592e341be39bfa814d658ba96e6bc3c378906761733013e7f7d767965d7ee2a2b01b0b8471dbd97d2263b6523a";
const PROOF: &str = "4b8eca6a5b37b2d4a4479e16fd4312277fa9982101e28c1c710d3a7d6b3d89c825e43af17e17faee194f2950a2fb9c9168c71eb338d8a1cc79556c55720a2fe267b0199136d72b3b256af2e14e9e0c224caf60e922cdf8baf3ea432e18dd6186c5366402338a0b983ad3eecb8626116d5ea5fb6781ba3cbded6b9940fc8112c1940b31614c5c4b954e3878df7cf33eda1d7840d076c0716adaf880106cc714188d939a69d6d2742bf87a";
const FROM_DIALLER: &str = "e58b80322d81bedacf7b8d9dc7b2a7ea70772f5451b836667c540b0272b020f78ae42106e64271";
const FROM_LISTENER: &str =
    "1cfec207bdefaf023d704a6a4d48c40f81f4bd168de67901a6060e77f3a8248784fecf78a409e9df72";

fn behind_its_length(message: &str) -> String {
    format!("{:04x}{message}", message.len() / 2)
}

#[test]
fn every_message_as_go_makes_it() {
    let (mut a, mut b) = pair(3, 1);
    let hello = a.take_outgoing();
    assert_eq!(hex::encode(&hello), behind_its_length(HELLO));
    b.receive(&hello).expect("hello");
    let answer = b.take_outgoing();
    assert_eq!(hex::encode(&answer), behind_its_length(ANSWER));
    a.receive(&answer).expect("answer");
    let proof = a.take_outgoing();
    assert_eq!(hex::encode(&proof), behind_its_length(PROOF));
    b.receive(&proof).expect("proof");
    a.send(b"from the one that dials").expect("established");
    assert_eq!(hex::encode(a.take_outgoing()), behind_its_length(FROM_DIALLER));
    b.send(b"from the one that listens").expect("established");
    assert_eq!(hex::encode(b.take_outgoing()), behind_its_length(FROM_LISTENER));
}

#[test]
fn two_sides_meet_in_any_cut() {
    for cut in [1, 2, 33, 1000, 200_000] {
        let (mut a, mut b) = pair(3, 1);
        settle(&mut a, &mut b, cut).expect("honest");
        assert!(a.is_established() && b.is_established());
        // Longer than one message, and nothing at all.
        let data: Vec<u8> = (0..150_000u32).map(|i| i.to_le_bytes()[0]).collect();
        a.send(&data).expect("established");
        b.send(b"").expect("established");
        settle(&mut a, &mut b, cut).expect("honest");
        assert_eq!(b.take_incoming(), data);
        assert!(a.take_incoming().is_empty());
    }
}

#[test]
fn each_side_refuses_a_stranger() {
    let (mut a, mut b) = pair(9, 1);
    assert_eq!(settle(&mut a, &mut b, 5000), Err(NoiseError::OtherPeer { expected: id(9), got: id(3) }));
    assert!(a.take_outgoing().is_empty(), "a stranger is not told who we are");
    assert_eq!(a.receive(&[]), Err(NoiseError::NoLink));
    let (mut a, mut b) = pair(3, 9);
    assert_eq!(settle(&mut a, &mut b, 5000), Err(NoiseError::OtherPeer { expected: id(9), got: id(1) }));
    assert!(!b.is_established());
}

#[test]
fn every_damaged_byte_of_the_answer_is_found() {
    let (mut a, mut b) = pair(3, 1);
    b.receive(&a.take_outgoing()).expect("hello");
    let answer = b.take_outgoing();
    for at in 2..answer.len() {
        let (mut a, _) = pair(3, 1);
        let mut damaged = answer.clone();
        damaged[at] ^= 1;
        assert!(a.receive(&damaged).is_err() && !a.is_established(), "byte {at}");
    }
}

#[test]
fn messages_that_are_damaged_repeated_or_too_short_do_not_open() {
    let (mut a, mut b) = pair(3, 1);
    settle(&mut a, &mut b, 5000).expect("honest");
    a.send(b"once").expect("established");
    let wire = a.take_outgoing();
    b.receive(&wire).expect("first time");
    assert_eq!(b.receive(&wire), Err(NoiseError::Forged), "replayed");
    assert!(!b.is_established() && b.send(b"x") == Err(NoiseError::NoLink), "broken stays broken");
    assert_eq!(a.receive(&[0, 3, 1, 2, 3]), Err(NoiseError::Forged));
}

#[test]
fn low_order_keys_are_refused() {
    let (mut a, mut b) = pair(3, 1);
    let hello = [&[0, 32][..], &[0; 32]].concat();
    assert_eq!(b.receive(&hello), Err(NoiseError::LowOrder));
    let answer = [&[0, 200][..], &[0; 200]].concat();
    assert_eq!(a.receive(&answer), Err(NoiseError::LowOrder));
}

#[test]
fn an_identity_that_signed_another_noise_key_is_refused() {
    // A peer that knows the expected one's old payload and not its key.
    let (dialler, hello) = dial(&Zeroizing::new([33; 32]), &Zeroizing::new([11; 32]), id(3)).expect("fresh");
    let liar = listen(&Zeroizing::new([44; 32]), &Zeroizing::new([55; 32]), id(1));
    let AwaitHello(mut own) = liar;
    let (theirs, rest) = own.read_ephemeral(&hello).expect("hello");
    own.symmetric.read(rest).expect("empty");
    let mut answer = own.write_ephemeral();
    own.mix(&own.ephemeral.clone(), &theirs).expect("honest");
    let fixed = X25519Public::from(&own.fixed).to_bytes();
    own.symmetric.write(&fixed, &mut answer).expect("writes");
    own.mix(&own.fixed.clone(), &theirs).expect("honest");
    let payload = Payload {
        identity_key: [&ED25519[..], key(3).public().as_bytes()].concat(),
        identity_sig: key(3).sign(&[SIGNED, &[7; 32]].concat()).to_vec(),
        extensions: None,
    };
    own.symmetric.write(&payload.encode_to_vec(), &mut answer).expect("writes");
    assert_eq!(dialler.got_answer(&key(1), &answer).err(), Some(NoiseError::Signature));
}

#[test]
fn a_length_that_no_handshake_has_is_refused_at_once() {
    let (mut a, _) = pair(3, 1);
    assert_eq!(
        a.receive(&[0x48, 0x54]),
        Err(NoiseError::TooLong { length: 0x4854, max: MAX_MESSAGE }),
        "HTTP"
    );
    let (_, mut b) = pair(3, 1);
    assert_eq!(b.receive(&[0, 3, 1, 2, 3]), Err(NoiseError::Malformed));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1500), 0..6), listens: bool, after_hello: bool) {
        let (mut a, mut b) = pair(3, 1);
        if after_hello {
            let _ = b.receive(&a.take_outgoing());
        }
        let mut victim = if listens { b } else { a };
        for piece in pieces {
            if victim.receive(&piece).is_err() {
                prop_assert!(victim.receive(b"xxx").is_err(), "broken stays broken");
                break;
            }
        }
        prop_assert!(!victim.is_established() && victim.take_incoming().is_empty());
    }
}
