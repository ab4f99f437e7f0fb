//! One lie at a time in an otherwise true block.

use super::*;
use crate::set::Member;
use comet::key::{Address, PrivateKey};

fn keys() -> Vec<PrivateKey> {
    (1..=4).map(|n| PrivateKey::from_seed(&[n; 32])).collect()
}

fn set() -> Set {
    let member = |k: &PrivateKey| Member {
        address: k.public().address(),
        power: 10,
        key: k.public().as_bytes().to_vec(),
    };
    let members: Vec<_> = keys().iter().map(member).collect();
    let validators = keys().iter().map(|k| comet::block::Validator::new(k.public(), 10)).collect();
    let ordered = comet::block::ValidatorSet::new(validators);
    let order: Vec<Address> = ordered.validators().iter().map(|v| v.address).collect();
    let mut members = members;
    members.sort_by_key(|m| order.iter().position(|a| *a == m.address));
    Set::new(hex::encode_upper(ordered.hash()), members)
}

fn block() -> rpc::Block {
    let before = rpc::BlockId { hash: "AB".repeat(32), ..rpc::BlockId::default() };
    let sig = |n: u8| match n {
        2 => rpc::CommitSig::absent(),
        _ => rpc::CommitSig {
            block_id_flag: rpc::FLAG_COMMIT,
            validator_address: hex::encode_upper([n; 20]),
            timestamp: "2026-11-21T10:00:00.5Z".into(),
            signature: Some(BASE64.encode([n; 64])),
        },
    };
    let commit =
        rpc::Commit { height: 8, block_id: before.clone(), signatures: (1..=4).map(sig).collect(), round: 0 };
    let header = rpc::Header {
        version: rpc::Consensus { block: BLOCK_PROTOCOL, app: 0 },
        chain_id: "c".into(),
        height: 9,
        time: "2026-11-21T10:00:01Z".into(),
        last_block_id: before,
        last_commit_hash: hex::encode_upper(commit_hash(&commit).unwrap()),
        ..rpc::Header::default()
    };
    rpc::Block { header, last_commit: Some(commit), ..rpc::Block::default() }
}

#[test]
fn every_lie_is_seen() {
    let block = block();
    let honest = ids(&block, None);
    assert_eq!(honest.fit, Some(Ok(())));
    assert_eq!(ids(&block, Some(&honest.id.to_lowercase())).fit, Some(Ok(())));
    let lie = |change: &dyn Fn(&mut rpc::Block)| {
        let mut block = block.clone();
        change(&mut block);
        ids(&block, Some(&honest.id)).fit
    };
    assert_eq!(lie(&|b| b.header.validators_hash = "AA".into()), Some(Err(Untrue::Header)));
    assert_eq!(
        lie(&|b| b.last_commit.as_mut().unwrap().signatures[0] = rpc::CommitSig::absent()),
        Some(Err(Untrue::Commit))
    );
    assert_eq!(
        lie(&|b| b.last_commit.as_mut().unwrap().signatures[2].block_id_flag = 3),
        Some(Err(Untrue::Commit))
    );
    assert_eq!(
        lie(&|b| b.last_commit.as_mut().unwrap().block_id.hash = "AA".into()),
        Some(Err(Untrue::Before))
    );
    assert_eq!(lie(&|b| b.header.version.block = 10), None, "0.33 hashes otherwise");
}

#[test]
fn a_set_is_what_its_hash_says() {
    let set = set();
    assert!(is_set(&set));
    let mut members = set.members().to_vec();
    members[0].power += 1;
    assert!(!is_set(&Set::new(set.hash().into(), members.clone())));
    members[0].key = vec![1; 48];
    assert!(is_set(&Set::new(set.hash().into(), members)), "a key of unknown kind cannot be judged");
}

#[test]
fn two_thirds_must_have_signed() {
    let set = set();
    let id =
        rpc::BlockId { hash: "CD".repeat(32), parts: rpc::PartSetHeader { total: 1, hash: "EF".repeat(32) } };
    let time = "2026-11-21T10:00:00.25Z";
    let vote = Vote {
        r#type: PRECOMMIT,
        height: 9,
        block_id: block_id(&id),
        timestamp: timestamp(time),
        ..Vote::default()
    };
    let sign = |m: &Member| {
        let key = keys().into_iter().find(|k| k.public().as_bytes()[..] == m.key).unwrap();
        rpc::CommitSig {
            block_id_flag: rpc::FLAG_COMMIT,
            validator_address: m.address.to_string(),
            timestamp: time.into(),
            signature: Some(BASE64.encode(key.sign(&canonical::vote("c", &vote)))),
        }
    };
    let mut commit = rpc::Commit {
        height: 9,
        round: 0,
        block_id: id.clone(),
        signatures: set.members().iter().map(sign).collect(),
    };
    assert!(certified("c", 9, &id.hash, &commit, &set));
    assert!(!certified("d", 9, &id.hash, &commit, &set) && !certified("c", 8, &id.hash, &commit, &set));
    assert!(!certified("c", 9, &"AB".repeat(32), &commit, &set));
    commit.signatures[0] = rpc::CommitSig::absent();
    assert!(certified("c", 9, &id.hash, &commit, &set), "three of four");
    commit.signatures[1].signature = commit.signatures[2].signature.clone();
    assert!(!certified("c", 9, &id.hash, &commit, &set), "two of four");
}
