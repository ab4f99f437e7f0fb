//! Keys of every type against CometBFT's own code.
//!
//! `vectors/cometbft-0.40-keys.json` was printed by a program of 60 lines that calls `crypto/*`, `crypto/encoding` and
//! `privval.FilePVKey` of github.com/cometbft/cometbft v0.40.0, built with `-tags bls12381`; seeds are 01 02 … 20.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use comet::{
    consensus::{KeyType, PublicKey, SecretKey},
    key::KeyError,
    key_file::{read_priv_validator_key, write_priv_validator_key},
    privval::{self, PubKeyResponse},
};
use prost::Message as _;
use serde_json::Value;

fn vectors() -> Vec<(KeyType, Value)> {
    let file: Value = serde_json::from_str(include_str!("vectors/cometbft-0.40-keys.json")).unwrap();
    let keys = file["keys"].as_array().unwrap();
    let typed = |key: &Value| (KeyType::from_name(key["type"].as_str().unwrap()).unwrap(), key.clone());
    let vectors: Vec<_> = keys.iter().map(typed).collect();
    assert_eq!(vectors.len(), KeyType::ALL.len());
    vectors
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn key_files_addresses_and_wire_forms_are_cometbft_s() {
    for (key_type, vector) in vectors() {
        let key = read_priv_validator_key(&vector["file"].to_string()).unwrap();
        let public = key.public();
        assert_eq!((public.key_type(), public.as_bytes()), (key_type, &bytes(&vector["public"])[..]));
        assert_eq!(public.address().to_string(), vector["address"].as_str().unwrap(), "{key_type}");
        assert_eq!(public.to_proto().encode_to_vec(), bytes(&vector["proto"]), "{key_type}");
        let proto = privval::PublicKey::decode(&bytes(&vector["proto"])[..]).unwrap();
        assert_eq!(PublicKey::from_proto(&proto), Some(Ok(public.clone())));
        assert_eq!(public.as_bytes().len(), key_type.public_size());
        // What we write says the same, field by field.
        let written: Value = serde_json::from_str(&write_priv_validator_key(&key)).unwrap();
        assert_eq!(written, vector["file"], "{key_type}");
        let answer = PubKeyResponse::of(public);
        assert_eq!(
            (answer.pub_key_type.as_str(), answer.pub_key_bytes),
            (key_type.name(), bytes(&vector["public"]))
        );
    }
}

#[test]
fn signatures_are_cometbft_s_to_the_last_byte() {
    for (key_type, vector) in vectors() {
        let key = read_priv_validator_key(&vector["file"].to_string()).unwrap();
        for signed in vector["signed"].as_array().unwrap() {
            let (message, signature) = (bytes(&signed["message"]), bytes(&signed["signature"]));
            assert_eq!(key.sign(&message).as_bytes(), signature, "{key_type}");
            assert_eq!(signature.len(), key_type.signature_size());
            assert!(key.public().verify(&message, &signature), "{key_type}");
            assert!(!key.public().verify(b"another message", &signature), "{key_type}");
            for at in [0, signature.len() / 2, signature.len() - 1] {
                let mut bad = signature.clone();
                bad[at] ^= 1;
                assert!(!key.public().verify(&message, &bad), "{key_type}, byte {at}");
            }
            assert!(!key.public().verify(&message, &signature[1..]), "{key_type}");
        }
    }
}

#[test]
fn a_generated_key_survives_its_file() {
    for key_type in KeyType::ALL {
        let key = SecretKey::generate(key_type, &mut rand_core::OsRng);
        let back = read_priv_validator_key(&write_priv_validator_key(&key)).unwrap();
        assert_eq!(back.public(), key.public());
        assert_eq!(back.sign(b"vote"), key.sign(b"vote"));
        assert_eq!(SecretKey::from_bytes(key_type, &key.to_bytes().unwrap()).unwrap().public(), key.public());
        let shown = format!("{key:?}");
        // The first 32 bytes of an ML-DSA key are public.
        let from = if key_type == KeyType::MlDsa65 { 32 } else { 0 };
        let secret = hex::encode(&key.to_bytes().unwrap()[from..][..16]);
        assert!(shown.contains(key_type.name()) && !shown.contains(&secret), "{key_type}");
    }
}

#[test]
fn bytes_that_are_no_key_are_refused() {
    for key_type in KeyType::ALL {
        let (public, private) = (key_type.public_size(), key_type.private_size());
        for size in [0, public - 1, public + 1] {
            let error = PublicKey::from_bytes(key_type, &vec![2; size]).unwrap_err();
            assert_eq!(error, KeyError::Length { got: size, expected: public }, "{key_type}");
        }
        for size in [0, private - 1, private + 1] {
            assert!(SecretKey::from_bytes(key_type, &vec![2; size]).is_err(), "{key_type}");
        }
        if key_type != KeyType::MlDsa65 {
            // Not on the curve, or outside of the group; every byte string is some ML-DSA key.
            let refused =
                |byte: u8| PublicKey::from_bytes(key_type, &vec![byte; public]) == Err(KeyError::NotAPoint);
            assert!((1..=255).any(refused), "{key_type}");
        }
        if matches!(key_type, KeyType::Secp256k1 | KeyType::Secp256k1Eth | KeyType::Bls12_381) {
            for bad in [[0; 32], [255; 32]] {
                assert_eq!(SecretKey::from_bytes(key_type, &bad).unwrap_err(), KeyError::OutOfRange);
            }
        }
    }
    // BLS: the point at infinity is on the curve, and everybody's signature verifies under it.
    let mut infinity = [0; 96];
    infinity[0] = 0x40;
    assert_eq!(PublicKey::from_bytes(KeyType::Bls12_381, &infinity), Err(KeyError::NotAPoint));
}

#[test]
fn the_higher_s_is_no_signature_but_a_device_s_is_made_low() {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba,
        0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    for key_type in [KeyType::Secp256k1, KeyType::Secp256k1Eth] {
        let key = SecretKey::generate(key_type, &mut rand_core::OsRng);
        let low = key.sign(b"vote");
        let mut high = low.as_bytes().to_vec();
        let mut borrow = 0;
        for at in (0..32).rev() {
            let n = i16::from(ORDER[at]) - i16::from(high[32 + at]) - borrow;
            borrow = i16::from(n < 0);
            high[32 + at] = u8::try_from(n.rem_euclid(256)).unwrap();
        }
        assert!(!key.public().verify(b"vote", &high), "{key_type}");
        for r_s in [&low.as_bytes()[..64], &high[..64]] {
            assert_eq!(key.public().ecdsa_signature(b"vote", r_s), Some(low.clone()), "{key_type}");
        }
        assert_eq!(key.public().ecdsa_signature(b"other", &low.as_bytes()[..64]), None);
    }
}
