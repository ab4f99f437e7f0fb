//! Steps of a rotation as cometbft v0.38.25 takes them: heights 1 to 12, with a change of the set at height 6.

use comet::key::PublicKey;

use super::*;

const KEYS: [(&str, i64); 6] = [
    ("34a93ca92376238972ce040a434116763a5783832319286c6e7b123d0b15040c", 1000),
    ("c8b177eda300d51c05989b3399e2a49c67ea4423e3e86c1c4a6727f0d2b68e28", 1000),
    ("e7819a5590b0f65f9cd6e0ec0ccfa88470dfdd1d8fe3b66dfe4244facc5eff04", 567),
    ("6a1eb9e18a5fe8dea6d4c2bb86560610603fb7deb353e9811e4315e0b9b006b6", 10),
    ("623f8d477fbf6a35a63fc3fcd989a33024fa8f5e78af0487a240cab1a7d8a7c8", 1000),
    ("872249e3b52f3c8b5f6ccf3409a223981e63d14561366605bb7cfe47fb16072f", 300),
];
const NEWCOMER: &str = "8e3dce3898ef60c0ca7b71200de225bd8eecf8972b5dc1c018fcd0275a542433";

/// Proposer, then address prefix, power and priority of each validator in order.
const STEPS: [&str; 12] = [
    "08BD3EBF 08BD3EBF:1000:-2877 7A6A21A0:1000:1000 B47EFAD9:1000:1000 9A154B71:567:567 309D0754:300:300 246AAB80:10:10",
    "7A6A21A0 08BD3EBF:1000:-1877 7A6A21A0:1000:-1877 B47EFAD9:1000:2000 9A154B71:567:1134 309D0754:300:600 246AAB80:10:20",
    "B47EFAD9 08BD3EBF:1000:-877 7A6A21A0:1000:-877 B47EFAD9:1000:-877 9A154B71:567:1701 309D0754:300:900 246AAB80:10:30",
    "9A154B71 08BD3EBF:1000:123 7A6A21A0:1000:123 B47EFAD9:1000:123 9A154B71:567:-1609 309D0754:300:1200 246AAB80:10:40",
    "309D0754 08BD3EBF:1000:1123 7A6A21A0:1000:1123 B47EFAD9:1000:1123 9A154B71:567:-1042 309D0754:300:-2377 246AAB80:10:50",
    "9A154B71 9A154B71:5000:-1669 08BD3EBF:1000:3883 7A6A21A0:1000:3883 309D0754:300:-317 BB4FC4D0:77:-7598 246AAB80:10:1820",
    "08BD3EBF 9A154B71:5000:3331 08BD3EBF:1000:-2504 7A6A21A0:1000:4883 309D0754:300:-17 BB4FC4D0:77:-7521 246AAB80:10:1830",
    "9A154B71 9A154B71:5000:944 08BD3EBF:1000:-1504 7A6A21A0:1000:5883 309D0754:300:283 BB4FC4D0:77:-7444 246AAB80:10:1840",
    "7A6A21A0 9A154B71:5000:5944 08BD3EBF:1000:-504 7A6A21A0:1000:-504 309D0754:300:583 BB4FC4D0:77:-7367 246AAB80:10:1850",
    "9A154B71 9A154B71:5000:3557 08BD3EBF:1000:496 7A6A21A0:1000:496 309D0754:300:883 BB4FC4D0:77:-7290 246AAB80:10:1860",
    "9A154B71 9A154B71:5000:1170 08BD3EBF:1000:1496 7A6A21A0:1000:1496 309D0754:300:1183 BB4FC4D0:77:-7213 246AAB80:10:1870",
    "9A154B71 9A154B71:5000:-1217 08BD3EBF:1000:2496 7A6A21A0:1000:2496 309D0754:300:1483 BB4FC4D0:77:-7136 246AAB80:10:1880",
];

fn validator(key: &str, power: i64) -> Validator {
    Validator::new(PublicKey::from_bytes(&hex::decode(key).unwrap()).unwrap(), power)
}

fn shown(rotation: &Rotation) -> String {
    let short = |address: Address| address.to_string()[..8].to_owned();
    let mut line = short(rotation.proposer().address);
    for (index, v) in rotation.validators().iter().enumerate() {
        line += &format!(" {}:{}:{}", short(v.address), v.power, rotation.priority(index));
    }
    line
}

#[test]
fn twelve_heights_with_a_change_of_the_set() {
    let mut rotation = Rotation::new(KEYS.iter().map(|(key, power)| validator(key, *power)).collect());
    for (height, expected) in (1..).zip(STEPS) {
        if height == 6 {
            rotation.update(vec![
                validator(KEYS[2].0, 5000),
                validator(KEYS[4].0, 0),
                validator(NEWCOMER, 77),
            ]);
        }
        if height > 1 {
            rotation.advance();
        }
        assert_eq!(shown(&rotation), expected, "height {height}");
    }
    let before = rotation.clone();
    assert_eq!(rotation.proposer_of(3).address.to_string()[..8], *"9A154B71");
    assert_eq!(rotation.proposer_of(0), *rotation.proposer());
    assert_eq!(rotation, before);
}

#[test]
fn everyone_proposes_as_often_as_it_weighs() {
    let mut rotation = Rotation::new(KEYS.iter().map(|(key, power)| validator(key, *power)).collect());
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..3877 {
        *counts.entry(rotation.proposer().power).or_insert(0) += 1;
        rotation.advance();
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(10, 10), (300, 300), (567, 567), (1000, 3000)]);
}
