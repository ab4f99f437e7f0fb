//! States of other signers, in files as these write them (spec/signer.md §4), traps included.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/requests.rs"]
mod requests;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{consensus::PublicKey, key::PrivateKey};
use palisade_signer::{
    import::state::{ImportStateError, Imported, Origin, highest, read},
    mark::{Hrs, Mark, Step},
    request::Request,
};
use requests::CHAIN;

fn key() -> PrivateKey {
    PrivateKey::from_seed(&[3; 32])
}

fn public() -> PublicKey {
    key().public().into()
}

/// A FilePV state as a node writes it after this signature.
fn file_pv(request: &Request, key: &PrivateKey) -> String {
    let Hrs { height, round, step } = request.hrs();
    format!(
        "{{\n  \"height\": \"{height}\",\n  \"round\": {round},\n  \"step\": {},\n  \"signature\": \"{}\",\n  \"signbytes\": \"{}\"\n}}",
        step.number(),
        BASE64_STANDARD.encode(key.sign(request.sign_bytes())),
        hex::encode_upper(request.sign_bytes()),
    )
}

fn floor(origin: Origin, height: i64, round: i32, step: Step, dropped: Option<&'static str>) -> Imported {
    Imported { origin, mark: Mark::floor(Hrs { height, round, step }), dropped }
}

#[test]
fn file_pv_with_proven_sign_bytes_is_taken_whole() {
    for request in [
        requests::proposal(361_402, 1, 1, 0),
        requests::prevote(361_402, 0, 0, 0),
        requests::precommit(361_402, 0, 1, 0),
    ] {
        let imported = read(&file_pv(&request, &key()), CHAIN, &public()).unwrap();
        let mark = Mark { hrs: request.hrs(), sign_bytes: request.sign_bytes().into() };
        assert_eq!(imported, Imported { origin: Origin::FilePv, mark, dropped: None });
    }
}

#[test]
fn sign_bytes_that_do_not_prove_themselves_leave_a_floor() {
    let request = requests::precommit(361_402, 0, 1, 0);
    let good = file_pv(&request, &key());
    let sign_bytes = hex::encode_upper(request.sign_bytes());
    let without = |name: &str| {
        let mut json: serde_json::Value = serde_json::from_str(&good).unwrap();
        json.as_object_mut().unwrap().remove(name);
        json.to_string()
    };
    for (text, chain, why) in [
        (
            good.replace("\"step\": 3", "\"step\": 2"),
            CHAIN,
            "sign-bytes are for another height, round or step",
        ),
        (good.replace("361402", "361403"), CHAIN, "sign-bytes are for another height, round or step"),
        (
            file_pv(&request, &PrivateKey::from_seed(&[4; 32])),
            CHAIN,
            "signature does not verify under the key",
        ),
        (
            good.replace(&sign_bytes, &sign_bytes[2..]),
            CHAIN,
            "sign-bytes are not those of a vote or proposal",
        ),
        (good.replace(&sign_bytes, "xyz"), CHAIN, "sign-bytes are not hex"),
        (without("signature"), CHAIN, "sign-bytes have no signature"),
    ] {
        let imported = read(&text, chain, &public()).unwrap();
        assert_eq!(imported.dropped, Some(why));
        assert!(imported.mark.is_floor() && imported.mark.hrs.height >= 361_402);
    }
    let imported = read(&without("signbytes"), CHAIN, &public()).unwrap();
    assert_eq!(imported, floor(Origin::FilePv, 361_402, 0, Step::Precommit, None));
}

#[test]
fn tmkms_counts_steps_from_zero() {
    let block = r#"{"hash":"AAAA","parts":{"total":1,"hash":"BBBB"}}"#;
    for (step, expect) in [
        (0, Step::Propose),
        (1, Step::Prevote),
        (2, Step::Precommit),
        (3, Step::Precommit),
        (6, Step::Precommit),
    ] {
        let text = format!(r#"{{"height":"5","round":"1","step":{step},"block_id":{block}}}"#);
        assert_eq!(
            read(&text, CHAIN, &public()).unwrap(),
            floor(Origin::Tmkms, 5, 1, expect, None),
            "step {step}"
        );
    }
    let nil = r#"{"height":"5","round":"0","step":2,"block_id":null}"#;
    assert_eq!(read(nil, CHAIN, &public()).unwrap(), floor(Origin::Tmkms, 5, 0, Step::Precommit, None));
    let older = r#"{"height":"5","round":"0","step":1}"#;
    assert_eq!(read(older, CHAIN, &public()).unwrap(), floor(Origin::Tmkms, 5, 0, Step::Prevote, None));
}

#[test]
fn horcrux_has_the_same_file_name_as_tmkms_but_steps_from_one() {
    let request = requests::precommit(361_402, 2, 1, 0);
    let leader =
        file_pv(&request, &key()).replace("\"round\": 2", "\"round\": \"2\", \"nonce_public\": \"AAAA\"");
    let imported = read(&leader, CHAIN, &public()).unwrap();
    assert_eq!(
        (imported.origin, imported.mark.sign_bytes.as_slice()),
        (Origin::Horcrux, request.sign_bytes())
    );
    // A cosigner's own file has a partial signature, which proves nothing.
    let share =
        file_pv(&request, &PrivateKey::from_seed(&[9; 32])).replace("\"round\": 2", "\"round\": \"2\"");
    let why = Some("signature does not verify under the key");
    assert_eq!(
        read(&share, CHAIN, &public()).unwrap(),
        floor(Origin::Horcrux, 361_402, 2, Step::Precommit, why)
    );
}

#[test]
fn fresh_markers_are_no_floor() {
    for fresh in [
        r#"{"height":"0","round":0,"step":0}"#,
        r#"{"height":"0","round":"0","step":0}"#,
        r#"{"height":"0","round":"0","step":0,"block_id":null}"#,
    ] {
        assert_eq!(read(fresh, CHAIN, &public()), Err(ImportStateError::Fresh), "{fresh}");
    }
}

#[test]
fn other_files_are_refused() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"height":"5"}"#,
        r#"{"height":"-5","round":0,"step":1}"#,
        r#"{"height":"5","round":-1,"step":1}"#,
        r#"{"height":"5","round":0,"step":4}"#,
        r#"{"height":"5","round":0,"step":-1}"#,
        r#"{"height":"5","round":"0","step":-1}"#,
        r#"{"height":"99999999999999999999","round":0,"step":1}"#,
        r#"{"height":5.5,"round":0,"step":1}"#,
        r#"{"height":"5","round":99999999999,"step":1}"#,
    ] {
        assert!(read(text, CHAIN, &public()).is_err(), "{text}");
    }
}

#[test]
fn what_belongs_to_another_chain_or_key_is_refused() {
    let request = requests::precommit(361_402, 0, 1, 0);
    let other_chain = read(&file_pv(&request, &key()), "other-1", &public());
    assert_eq!(other_chain, Err(ImportStateError::OtherChain(CHAIN.into())));
    let stranger: PublicKey = PrivateKey::from_seed(&[4; 32]).public().into();
    let theirs = BASE64_STANDARD.encode(stranger.as_bytes());
    let single = format!(
        r#"{{"address":"00","pub_key":{{"type":"tendermint/PubKeyEd25519","value":"{theirs}"}},"last_height":"5","last_round":"0","last_step":2}}"#
    );
    assert_eq!(read(&single, CHAIN, &public()), Err(ImportStateError::OtherKey(theirs)));
    assert_eq!(
        read(&single, CHAIN, &stranger).unwrap().mark,
        Mark::floor(Hrs { height: 5, round: 0, step: Step::Prevote })
    );
}

/// Key and state in one file, as nodes wrote it before 0.33; the secret in it is never quoted.
#[test]
fn the_older_single_file_is_read() {
    let request = requests::precommit(361_402, 2, 1, 0);
    let ours = BASE64_STANDARD.encode(public().as_bytes());
    let single = |last_step: &str| {
        format!(
            r#"{{"address":"00","pub_key":{{"type":"tendermint/PubKeyEd25519","value":"{ours}"}},"last_height":"361402",
               "last_round":"2","last_step":{last_step},"last_signature":"{}","last_signbytes":"{}",
               "priv_key":{{"type":"tendermint/PrivKeyEd25519","value":"c2VjcmV0"}}}}"#,
            BASE64_STANDARD.encode(key().sign(request.sign_bytes())),
            hex::encode_upper(request.sign_bytes()),
        )
    };
    let imported = read(&single("3"), CHAIN, &public()).unwrap();
    let mark = Mark { hrs: request.hrs(), sign_bytes: request.sign_bytes().into() };
    assert_eq!(imported, Imported { origin: Origin::SingleFile, mark, dropped: None });
    for bad in
        [single("\"c2VjcmV0\""), single("7"), single("3,"), single("3").replace("last_height", "c2VjcmV0")]
    {
        let error = read(&bad, CHAIN, &public()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("c2VjcmV0"), "{error}");
    }
}

/// Cosigners write their state after they sign, each for itself and in any order: only the highest of all files counts.
#[test]
fn the_highest_of_several_files_counts() {
    let at = |height, round, step, sign_bytes: &[u8]| Imported {
        origin: Origin::Horcrux,
        mark: Mark { hrs: Hrs { height, round, step }, sign_bytes: sign_bytes.into() },
        dropped: None,
    };
    let low = at(9, 7, Step::Precommit, b"low");
    let high = at(10, 1, Step::Prevote, b"high");
    assert_eq!(highest(&[low.clone(), high.clone(), low.clone()], 0), Some(high.mark.clone()));
    assert_eq!(highest(&[high.clone(), low.clone()], 2), Some(Mark::floor(Hrs::whole_height(12))));
    // Two files that agree, and two that do not.
    assert_eq!(highest(&[high.clone(), high.clone()], 0), Some(high.mark.clone()));
    let other = at(10, 1, Step::Prevote, b"other");
    assert_eq!(highest(&[high.clone(), other], 0), Some(Mark::floor(high.mark.hrs)));
    assert_eq!(highest(&[high.clone(), at(10, 1, Step::Prevote, b"")], 0), Some(Mark::floor(high.mark.hrs)));
    assert_eq!(highest(&[], 0), None);
}
