//! Whatever a script does, the books balance.

use std::collections::BTreeMap;
use std::time::Duration;

use comet::block::{FLAG_ABSENT, FLAG_COMMIT};
use comet::key::Address;
use comet::privval::Timestamp;
use palisade_devnet::offline::Offline;
use palisade_devnet::script::Script;
use palisade_devnet::seats::Origin;
use proptest::prelude::*;

const SEATS: usize = 12;
const BLOCKS: i64 = 160;

/// One event in TOML. Outages are few and short of a third of the power together.
fn event() -> impl Strategy<Value = String> {
    let at = 2..BLOCKS - 20;
    let action = prop_oneof![
        (0..3usize, 5..60i64).prop_map(|(v, n)| format!("validator = {v}\ndown = {n}")),
        (3..SEATS, 2..9i64).prop_map(|(v, n)| format!("validator = {v}\nmiss_every = {n}")),
        (0..2usize, 1..9i64).prop_map(|(v, n)| format!("validator = {v}\nnil = {n}")),
        (0..3usize).prop_map(|v| format!("validator = {v}\nunjail = true")),
        (3..SEATS, 800..1200u64).prop_map(|(v, n)| format!("validator = {v}\npower = {n}")),
        (11..SEATS).prop_map(|v| format!("validator = {v}\nleave = true")),
        (1..5i32).prop_map(|n| format!("late_rounds = {n}")),
        (300..900u64).prop_map(|n| format!("join = {n}")),
        (9..10usize).prop_map(|v| format!("validator = {v}\nequivocate = true")),
    ];
    (at, action).prop_map(|(at, action)| format!("[[event]]\nat = {at}\n{action}\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance(events in prop::collection::vec(event(), 0..10), window in 10i64..40, seed: u64) {
        let head = format!("[chain]\nwindow = {window}\nmin_signed = '0.5'\njail = '5s'\nmax_validators = 20\n");
        let script = Script::parse(&(head + &events.concat()), SEATS).expect("well-formed");
        let start = Timestamp { seconds: 1_700_000_000, nanos: 0 };
        let origin = Origin::akashnet_1().with_seats(SEATS);
        let mut chain = Offline::new(origin, script, seed, start, Duration::from_secs(1));
        let (mut entries, mut before): (BTreeMap<Address, [u64; 3]>, Option<_>) = (BTreeMap::new(), None);
        for _ in 0..BLOCKS {
            // Enough power can be out at once to stop the chain; that is honest as well.
            let Ok(block) = chain.step() else { return Ok(()) };
            if let Some(before) = before.replace(block.clone()) {
                let before: std::sync::Arc<palisade_devnet::chain::Finalized> = before;
                prop_assert_eq!(block.draft.block.last_commit.as_ref(), Some(&before.commit));
                prop_assert!(block.draft.time > before.draft.time);
                for (v, sig) in before.rotation.validators().iter().zip(&before.commit.signatures) {
                    let place = match sig.block_id_flag { FLAG_COMMIT => 0, FLAG_ABSENT => 2, _ => 1 };
                    entries.entry(v.address).or_default()[place] += 1;
                }
            }
            let rotation = chain.chain().rotation();
            let sum: i128 = (0..rotation.validators().len()).map(|i| i128::from(rotation.priority(i))).sum();
            prop_assert!(sum.unsigned_abs() < rotation.validators().len() as u128, "priorities are centred: {}", sum);
            for account in &block.app.accounts {
                let Some(info) = account.info else { continue };
                prop_assert_eq!(i64::from(account.bits.count()), info.missed);
                prop_assert!(info.missed <= block.app.params.max_missed() + 1 || info.start_height + window >= block.draft.height);
                prop_assert!(!info.tombstoned || account.jailed);
            }
        }
        for validator in chain.truth().validators {
            let address = Address::from_hex(&validator.address).expect("hex");
            let counted = entries.get(&address).copied().unwrap_or_default();
            prop_assert_eq!([validator.signed, validator.nil, validator.missed], counted, "{}", validator.moniker);
        }
    }
}
