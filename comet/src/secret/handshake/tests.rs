//! The handshake against CometBFT's golden secrets, itself, and hostile peers.

use proptest::prelude::*;

use super::*;
use crate::secret::Driver;

const BOTH: [Dialect; 2] = [Dialect::Proto, Dialect::Amino];

fn bytes32(hex: &str) -> [u8; 32] {
    hex::decode(hex).expect("hex").try_into().expect("32 bytes")
}

// Rows 1 to 3 of cometbft v0.38.25 p2p/conn/testdata/TestDeriveSecretsAndChallengeGolden.golden (Apache-2.0).
#[test]
fn keys_as_go_derives_them() {
    let rows = [
        (
            "9fe4a5a73df12dbd8659b1d9280873fe993caefec6b0ebc2686dd65027148e03",
            true,
            "80a83ad6afcb6f8175192e41973aed31dd75e3c106f813d986d9567a4865eb2f",
            "96362a04f628a0666d9866147326898bb0847b8db8680263ad19e6336d4eed9e",
        ),
        (
            "0716764b370d543fee692af03832c16410f0a56e4ddb79604ea093b10bb6f654",
            false,
            "84f2b1e8658456529a2c324f46c3406c3c6fecd5fbbf9169f60bed8956a8b03d",
            "cba357ae33d7234520d5742102a2a6cdb39b7db59c14a58fa8aadd310127630f",
        ),
        (
            "358dd73aae2c5b7b94b57f950408a3c681e748777ecab2063c8ca51a63588fa8",
            false,
            "c2e2f664c8ee561af8e1e30553373be4ae23edecc8c6bd762d44b2afb7f2a037",
            "d1563f428ac1c023c15d8082b2503157fe9ecbde4fb3493edd69ebc299b4970c",
        ),
    ];
    for (shared, least, receive, send) in rows {
        let keys = derive(&bytes32(shared), least);
        assert_eq!(*keys.receive, bytes32(receive));
        assert_eq!(*keys.send, bytes32(send));
    }
}

fn driver(identity: u8, ephemeral: u8) -> Driver {
    driver_in(Dialect::Proto, identity, ephemeral)
}

fn driver_in(dialect: Dialect, identity: u8, ephemeral: u8) -> Driver {
    Driver::start_in(dialect, PrivateKey::from_seed(&[identity; 32]), Zeroizing::new([ephemeral; 32]))
}

fn follower(identity: u8, ephemeral: u8) -> Driver {
    Driver::follow(PrivateKey::from_seed(&[identity; 32]), Zeroizing::new([ephemeral; 32]))
}

/// Moves bytes in pieces of `cut` until both sides are quiet.
fn settle(a: &mut Driver, b: &mut Driver, cut: usize) -> Result<(), HandshakeError> {
    loop {
        let (from_a, from_b) = (a.take_outgoing(), b.take_outgoing());
        if from_a.is_empty() && from_b.is_empty() {
            return Ok(());
        }
        from_a.chunks(cut).try_for_each(|piece| b.receive(piece))?;
        from_b.chunks(cut).try_for_each(|piece| a.receive(piece))?;
    }
}

#[test]
fn two_sides_meet_and_know_each_other() {
    for (dialect, cut) in BOTH.into_iter().flat_map(|d| [1, 34, 35, 36, 1000, 5000].map(|cut| (d, cut))) {
        let (mut a, mut b) = (driver_in(dialect, 1, 11), driver_in(dialect, 2, 22));
        settle(&mut a, &mut b, cut).expect("honest");
        assert_eq!(a.peer().copied(), Some(PrivateKey::from_seed(&[2; 32]).public()));
        assert_eq!(b.peer().copied(), Some(PrivateKey::from_seed(&[1; 32]).public()));
        a.send(&[7; 3000]).expect("established");
        settle(&mut a, &mut b, cut).expect("honest");
        assert_eq!(b.take_incoming(), vec![7; 3000]);
    }
}

#[test]
fn who_follows_answers_in_the_peers_dialect() {
    for (dialect, cut) in BOTH.into_iter().flat_map(|d| [1, 35, 5000].map(|cut| (d, cut))) {
        let (mut a, mut b) = (follower(1, 11), driver_in(dialect, 2, 22));
        assert!(a.take_outgoing().is_empty() && a.dialect().is_none(), "it speaks first");
        settle(&mut a, &mut b, cut).expect("honest");
        assert_eq!(a.dialect(), Some(dialect));
        assert!(a.is_established() && b.is_established());
    }
    assert_eq!(follower(1, 11).receive(&[0x16]), Err(HandshakeError::Hello), "TLS");
}

#[test]
fn the_other_dialect_is_known_by_its_first_byte() {
    for (ours, peer) in [(Dialect::Proto, Dialect::Amino), (Dialect::Amino, Dialect::Proto)] {
        let hello = driver_in(peer, 2, 22).take_outgoing();
        let error = HandshakeError::Dialect { ours, peer };
        assert_eq!(driver_in(ours, 1, 11).receive(&hello[..1]), Err(error));
    }
}

// Made by tendermint v0.33.9's own codec (p2p/conn, go-amino v0.14.1): the ephemeral key of private key 01 x 32, and the
// authSigMessage of the key of seed 03 x 32 with the signature of spec/p2p.md §3.7, which is over the same challenge.
#[test]
fn amino_messages_as_go_encodes_them() {
    let hello = driver_in(Dialect::Amino, 3, 1).take_outgoing();
    assert_eq!(hex::encode(hello), "2120a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209");
    let signature = "87cd3c3a70c77080ed517dabaa34ba3f21c25e311fbd33d86e5be39d4f810921\
                     1f0f0249d3288b69e7008e298590aa60c363fec72b9a3fe4b29253210be9790a";
    let signature = hex::decode(signature).expect("hex");
    let auth = Dialect::Amino.write_auth(&PrivateKey::from_seed(&[3; 32]).public(), &signature);
    let head = "690a251624de6420ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d11240";
    assert_eq!(hex::encode(auth), format!("{head}{}", hex::encode(&signature)));
    let challenge = bytes32("4206c8c11bdca5a661d2a4939fd3566e52fbf4ea7501df0d089bcd055291f25d");
    assert_eq!(PrivateKey::from_seed(&[3; 32]).sign(&challenge).to_vec(), signature);
}

#[test]
fn a_proof_of_another_key_type_is_refused() {
    // `tendermint/PubKeySecp256k1` in amino, secp256k1 in protobuf, and no key at all.
    let secp256k1 = [&[0x0a, 0x26, 0xeb, 0x5a, 0xe9, 0x87, 0x21][..], &[2; 33], &[0x12, 1, 0]].concat();
    let proto = [&[0x0a, 0x23, 0x12, 0x21][..], &[2; 33], &[0x12, 1, 0]].concat();
    for (dialect, body) in [
        (Dialect::Amino, &secp256k1[..]),
        (Dialect::Proto, &proto),
        (Dialect::Amino, b""),
        (Dialect::Proto, b""),
    ] {
        assert_eq!(dialect.read_auth(body), Err(HandshakeError::Auth));
    }
}

#[test]
fn data_right_behind_the_proof_is_not_lost() {
    let (mut a, mut b) = (driver(1, 11), driver(2, 22));
    b.receive(&a.take_outgoing()).expect("hello");
    a.receive(&b.take_outgoing()).expect("hello and proof");
    a.send(b"early").expect("a is established already");
    b.receive(&a.take_outgoing()).expect("proof and data in one write");
    assert_eq!(b.take_incoming(), b"early");
}

#[test]
fn our_own_hello_back_is_refused() {
    let mut a = driver(1, 11);
    let hello = a.take_outgoing();
    assert_eq!(a.receive(&hello), Err(HandshakeError::Reflected));
}

#[test]
fn low_order_points_are_refused() {
    // Orders 1, 2, 4, 8 and non-canonical forms of them.
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in points {
        for dialect in BOTH {
            let mut a = driver_in(dialect, 1, 11);
            let hello = dialect.write_hello(&bytes32(point));
            assert_eq!(a.receive(&hello), Err(HandshakeError::LowOrder), "{point}");
        }
    }
}

#[test]
fn the_hello_that_panics_another_implementation() {
    // spec/dependencies.md §0.3: [34, 0x10 x33, 0x0a].
    let mut hello = vec![0x10; 35];
    hello[0] = 34;
    hello[34] = 0x0a;
    assert_eq!(driver(1, 11).receive(&hello), Err(HandshakeError::Hello));
}

#[test]
fn a_proof_by_another_key_is_refused() {
    // A peer that names a key it does not hold: same handshake, foreign signature.
    for dialect in BOTH {
        let (honest, hello) = start(dialect, Zeroizing::new([11; 32]));
        let (liar, liar_hello) = start(dialect, Zeroizing::new([22; 32]));
        let identity = PrivateKey::from_seed(&[1; 32]);
        let (honest, _) = honest.got_hello(&identity, &liar_hello).expect("hello");
        let (mut liar, _) = liar.got_hello(&identity, &hello).expect("hello");
        let proof =
            dialect.write_auth(&identity.public(), &PrivateKey::from_seed(&[3; 32]).sign(&liar.challenge));
        // A fresh sealer of the liar's direction: its own first frame was never sent.
        let (key, liar_key) =
            (dialect.read_hello(&hello).expect("ours"), dialect.read_hello(&liar_hello).expect("ours"));
        let shared = StaticSecret::from([22; 32]).diffie_hellman(&X25519Public::from(key));
        let keys = derive(shared.as_bytes(), liar_key < key);
        liar.sealer = Sealer::new(&keys.send);
        let mut wire = vec![];
        liar.sealer.seal(&proof, &mut wire).expect("seals");
        assert_eq!(honest.got_sealed(&wire).err(), Some(HandshakeError::Signature));
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1500), 0..6), honest_hello: bool, amino: bool, follows: bool) {
        let dialect = if amino { Dialect::Amino } else { Dialect::Proto };
        let mut a = if follows { follower(1, 11) } else { driver_in(dialect, 1, 11) };
        if honest_hello {
            let _ = a.receive(&driver_in(dialect, 2, 22).take_outgoing());
        }
        for piece in pieces {
            if a.receive(&piece).is_err() {
                prop_assert!(a.receive(b"x").is_err(), "broken stays broken");
                prop_assert!(!a.is_established());
                break;
            }
        }
        prop_assert!(!a.is_established());
    }
}

#[test]
fn a_whole_handshake_and_a_first_frame_as_in_the_spec() {
    // Spec p2p.md §3.7: ephemeral keys 01×32 and 02×32, identity of seed 03×32.
    let (_, hello_a) = start(Dialect::Proto, Zeroizing::new([1; 32]));
    let (_, hello_b) = start(Dialect::Proto, Zeroizing::new([2; 32]));
    let (a, b) = (&hello_a[3..], &hello_b[3..]);
    assert_eq!(hex::encode(a), "a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209");
    assert_eq!(hex::encode(b), "ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59");
    let shared = StaticSecret::from([1; 32]).diffie_hellman(&X25519Public::from(bytes32(&hex::encode(b))));
    assert_eq!(
        hex::encode(shared.as_bytes()),
        "2ed76ab549b1e73c031eb49c9448f0798aea81b698279a0c3dc3e49fbfc4b953"
    );
    let keys = derive(shared.as_bytes(), true);
    assert_eq!(
        hex::encode(*keys.receive),
        "e57986db437b44e0f07279abf95e2c818b2ad8ab9e36f079d54b6a29be14d097"
    );
    assert_eq!(hex::encode(*keys.send), "ce20ea7cf36f4d507a1cd6313cde6cf7a38c1148e49277aa79cf8390fc2a3ba9");
    let challenge = challenge(&bytes32(&hex::encode(a)), &bytes32(&hex::encode(b)), shared.as_bytes());
    assert_eq!(hex::encode(challenge), "4206c8c11bdca5a661d2a4939fd3566e52fbf4ea7501df0d089bcd055291f25d");
    let identity = PrivateKey::from_seed(&[3; 32]);
    assert_eq!(identity.public().node_id().to_string(), "b62e867fa2f33afe62d5d6b1642e1621d5433078");
    assert_eq!(
        hex::encode(identity.sign(&challenge)),
        "87cd3c3a70c77080ed517dabaa34ba3f21c25e311fbd33d86e5be39d4f8109211f0f0249d3288b69e7008e298590aa60c363fec72b9a3fe4b29253210be9790a"
    );
    let mut frame = Vec::new();
    Sealer::new(&keys.receive).seal(&crate::p2p::pex::request(Dialect::Proto), &mut frame).expect("fresh");
    assert_eq!(frame.len(), 1044);
    use sha2::Digest as _;
    assert_eq!(
        hex::encode(Sha256::digest(&frame)),
        "9643add1c3645ad5e5b4085ab42a99358cd20efc5246fd37f43e0273d793dd83"
    );
}
