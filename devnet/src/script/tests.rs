//! Scripts read, and scripts refused with the reason.

use super::*;

#[test]
fn every_action_is_read() {
    let script = Script::parse(
        "[chain]\nwindow = 100\nmin_signed = '0.5'\njail = '60s'\nmax_validators = 65\n
        [random]\nseed = 3\nmiss_per_million = 1000\n
        [[event]]\nat = 50\nvalidator = 7\ndown = 200\n
        [[event]]\nat = 10\nvalidator = 8\nmiss_every = 5\nblocks = 20\n
        [[event]]\nat = 10\nvalidator = 9\nnil = 2\n
        [[event]]\nat = 20\nlate_round_every = 20\n
        [[event]]\nat = 33\nlate_rounds = 3\n
        [[event]]\nat = 40\nvalidator = 1\npower = 5\n
        [[event]]\nat = 41\njoin = 900\nmoniker = 'new'\n
        [[event]]\nat = 42\nvalidator = 64\nleave = true\n
        [[event]]\nat = 43\nvalidator = 7\nunjail = true\n
        [[event]]\nat = 44\nhalt = '10s'\n
        [[event]]\nat = 45\nvalidator = 3\nequivocate = true\n
        [[event]]\nat = 46\nwindow = 50\n
        [[event]]\nat = 60\nrpc_garbage = 2\n
        [[event]]\nat = 70\nrpc_slow = '2s'\nblocks = 3\n",
        64,
    )
    .unwrap();
    assert_eq!((script.choice(7, 49), script.choice(7, 50), script.choice(7, 250)).0, Choice::Block);
    assert_eq!((script.choice(7, 50), script.choice(7, 249)), (Choice::Down, Choice::Down));
    assert_eq!(script.choice(9, 11), Choice::Nil);
    let late: Vec<i64> = (1..50).filter(|h| script.choice(8, *h) == Choice::Late).collect();
    assert_eq!(late, [10, 15, 20, 25]);
    assert_eq!([19, 20, 21, 33, 40].map(|h| script.failed_rounds(h)), [0, 1, 0, 3, 1]);
    assert_eq!(script.operations(41).next(), Some(&Operation::Join { seat: 64, coins: 900 }));
    assert_eq!(script.halt(44), Some(Duration::from_secs(10)));
    assert_eq!(script.equivocators(45).collect::<Vec<_>>(), [3]);
    assert_eq!(script.answers(61), Answers::Garbage);
    assert_eq!(script.answers(72), Answers::Slow(Duration::from_secs(2)));
    assert_eq!(script.answers(73), Answers::Normal);
    let origin = script.apply_to(Origin::akashnet_1());
    assert_eq!((origin.seats.len(), origin.max_validators, origin.slashing.window), (65, 65, 100));
    assert_eq!(origin.seats[64].moniker, "new");
}

#[test]
fn wrong_scripts_say_why() {
    for (script, reason) in [
        ("[[event]]\nat = 5\nvalidator = 1", "0 actions"),
        ("[[event]]\nat = 5\nvalidator = 1\ndown = 1\nnil = 1", "2 actions"),
        ("[[event]]\nat = 5\ndown = 1", "names no validator"),
        ("[[event]]\nat = 0\nhalt = '1s'", "before the first block"),
        ("[[event]]\nat = 5\nvalidator = 64\ndown = 1", "seats are 0 to 63"),
        ("[[event]]\nat = 5\nhalt = 'long'", "not a duration"),
        ("[[event]]\nat = 5\ndwon = 1", "unknown field"),
        ("[chain]\nmin_signed = 'half'", "not a decimal"),
        ("[[event]]\nat = 5\nwindow = 0", "window of 0 blocks"),
    ] {
        let error = Script::parse(script, 64).unwrap_err().to_string();
        assert!(error.contains(reason), "{error} should contain {reason}");
    }
}

#[test]
fn random_misses_spare_nobody_and_nobody_special() {
    let script = Script { seed: 1, miss_per_million: 100_000, ..Script::default() };
    let misses = |seat| (1..=1000).filter(|h| script.choice(seat, *h) == Choice::Late).count();
    assert!((0..64).all(|seat| (50..160).contains(&misses(seat))));
}

#[test]
fn the_demo_spares_the_signer_s_seat() {
    let script = Script::parse(DEMO, 64).unwrap();
    assert!(script.votes.iter().all(|f| f.seat != 0));
    assert!(script.equivocations.iter().all(|(_, seat)| *seat != 0));
    let own = |operation: &Operation| match operation {
        Operation::Power { seat, .. } | Operation::Leave { seat } | Operation::Unjail { seat } => *seat == 0,
        Operation::Join { .. } | Operation::Limits { .. } => false,
    };
    assert!(!script.operations.iter().any(|(_, operation)| own(operation)));
}
