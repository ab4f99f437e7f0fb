//! Hashes and part sets as cometbft v0.38.25 computes them for the same values.

use super::*;
use crate::key::PublicKey;
use crate::privval::{PRECOMMIT, Vote};

fn id(first: u8) -> BlockId {
    BlockId { hash: vec![first; 32], part_set_header: Some(PartSetHeader { total: 1, hash: vec![0xbb; 32] }) }
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 123_456_789 })
}

fn commit() -> Commit {
    let sig = |flag, who, seconds, signature| CommitSig {
        block_id_flag: flag,
        validator_address: vec![who; 20],
        timestamp: at(seconds),
        signature: vec![signature; 64],
    };
    Commit {
        height: 41,
        round: 2,
        block_id: Some(id(0xaa)),
        signatures: vec![
            sig(FLAG_COMMIT, 1, 1_700_000_000, 7),
            CommitSig::absent(),
            sig(FLAG_NIL, 2, 1_700_000_001, 8),
        ],
    }
}

fn set() -> ValidatorSet {
    let keys = [
        ("e7819a5590b0f65f9cd6e0ec0ccfa88470dfdd1d8fe3b66dfe4244facc5eff04", 5000),
        ("34a93ca92376238972ce040a434116763a5783832319286c6e7b123d0b15040c", 1000),
        ("c8b177eda300d51c05989b3399e2a49c67ea4423e3e86c1c4a6727f0d2b68e28", 1000),
        ("6a1eb9e18a5fe8dea6d4c2bb86560610603fb7deb353e9811e4315e0b9b006b6", 10),
        ("872249e3b52f3c8b5f6ccf3409a223981e63d14561366605bb7cfe47fb16072f", 300),
        ("8e3dce3898ef60c0ca7b71200de225bd8eecf8972b5dc1c018fcd0275a542433", 77),
    ];
    let validator = |(key, power): &(&str, i64)| {
        Validator::new(PublicKey::from_bytes(&hex::decode(key).unwrap()).unwrap(), *power)
    };
    ValidatorSet::new(keys.iter().map(validator).collect())
}

fn header() -> Header {
    Header {
        version: Some(Consensus { block: BLOCK_PROTOCOL, app: 0 }),
        chain_id: "akashnet-1".into(),
        height: 42,
        time: at(1_700_000_000),
        last_block_id: Some(id(0xaa)),
        last_commit_hash: commit().hash().to_vec(),
        data_hash: data_hash::<Vec<u8>>(&[]).to_vec(),
        validators_hash: set().hash().to_vec(),
        next_validators_hash: set().hash().to_vec(),
        consensus_hash: consensus_params_hash(22_020_096, -1).to_vec(),
        app_hash: vec![0xcc; 32],
        last_results_hash: results_hash(&[]).to_vec(),
        evidence_hash: evidence_hash(&EvidenceList::default()).to_vec(),
        proposer_address: vec![3; 20],
    }
}

fn evidence() -> EvidenceList {
    let vote = |block| Vote {
        r#type: PRECOMMIT,
        height: 41,
        round: 2,
        block_id: Some(id(block)),
        timestamp: at(1_700_000_000),
        validator_address: vec![1; 20],
        validator_index: 3,
        signature: vec![9; 64],
        ..Vote::default()
    };
    let votes = DuplicateVoteEvidence {
        vote_a: Some(vote(0xaa)),
        vote_b: Some(vote(0xab)),
        total_voting_power: 6387,
        validator_power: 1000,
        timestamp: at(1_700_000_000),
    };
    EvidenceList { evidence: vec![Evidence { sum: Some(EvidenceSum::DuplicateVote(votes)) }] }
}

#[test]
fn validators_are_ordered_by_power_then_address() {
    let set = set();
    let firsts: Vec<u8> = set.validators().iter().map(|v| v.address.0[0]).collect();
    assert_eq!(firsts, [0x9a, 0x08, 0x7a, 0x30, 0xbb, 0x24]);
    assert_eq!(set.total_power(), 7387);
    assert_eq!(hex::encode(set.hash()), "7068507878e01af55e2c762a8e88289c91af31981d4c934ad20af5f3d5464b59");
}

#[test]
fn commit_hash() {
    assert_eq!(
        hex::encode(commit().hash()),
        "7ec83528204b9830048fcbd24885c087418a8027cf4deca5c44b199efdd243cb"
    );
    assert_eq!(hex::encode(Commit::none().hash())[..8], *"e3b0c442");
}

#[test]
fn params_data_and_results_hashes() {
    assert_eq!(
        hex::encode(consensus_params_hash(22_020_096, -1)),
        "048091bc7ddc283f77bfbf91d73c44da58c3df8a9cbc867405d8b7f3daada22f"
    );
    assert_eq!(
        hex::encode(data_hash(&["hello", "world!"])),
        "e3f7f449f7c434ec8ec77eb475ab0ea13cc16db79fadb0ec37165a8a5c9f9561"
    );
    let results = [
        TxResult { code: 0, data: b"x".to_vec(), gas_wanted: 100, gas_used: 90 },
        TxResult { code: 5, ..TxResult::default() },
    ];
    assert_eq!(
        hex::encode(results_hash(&results)),
        "5f835e7f0d449fdf29354b68f071499278657603cec2fc41847ba547c59c9214"
    );
}

#[test]
fn header_hash() {
    assert_eq!(
        hex::encode(header().hash()),
        "b7185544ce97117b87a531c1e5bac5c0e853aa3f924f9603caa3ac0d795186f6"
    );
}

#[test]
fn header_hash_of_the_first_block() {
    let first = Header {
        height: 1,
        last_block_id: None,
        app_hash: vec![],
        last_commit_hash: Commit::none().hash().to_vec(),
        ..header()
    };
    assert_eq!(hex::encode(first.hash()), "e5dc6544f689a01c9e1f3771ef22be96f916116556270a844381cf39c3ed7fc5");
}

#[test]
fn evidence_hash_of_two_votes() {
    assert_eq!(
        hex::encode(evidence_hash(&evidence())),
        "6424970aab524fac6e4cd8f58c0e60ae93bbb9c73ff406b0fe910525578510f0"
    );
}

#[test]
fn part_sets_of_blocks_with_and_without_evidence() {
    let mut block = Block {
        header: Some(header()),
        data: Some(Data::default()),
        evidence: Some(EvidenceList::default()),
        last_commit: Some(commit()),
    };
    let parts = block.part_set_header();
    assert_eq!(parts.total, 1);
    assert_eq!(hex::encode(parts.hash), "7a9c1cc80e3e4e26be1b9bc0615c913588ec49c29688663e570295545f9a2ceb");
    // The header's evidence hash is left as it was, as in the Go program that made the vector.
    block.evidence = Some(evidence());
    assert_eq!(
        hex::encode(block.part_set_header().hash),
        "91a359bfa8c72918debb37a2a301c1e97de33dd3b36282b6e947ac4ddb6fabf9"
    );
    assert_eq!(block.id().hash, header().hash());
}
