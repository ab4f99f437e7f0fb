//! Signing infos before and after jailing, and the forecast that simulates it.

use std::time::Duration;

use comet::privval::Timestamp;

use crate::offline::Offline;
use crate::script::Script;
use crate::seats::Origin;
use crate::truth::blocks_to_jail;

fn offline(script: &str) -> Offline {
    let script = Script::parse(script, 64).unwrap();
    let start = Timestamp { seconds: 1_700_000_000, nanos: 0 };
    Offline::new(Origin::akashnet_1(), script, 1, start, Duration::from_secs(1))
}

#[test]
fn index_offset_of_a_genesis_validator_is_height_minus_1() {
    let mut chain = offline("");
    for height in 1..=5 {
        chain.step().unwrap();
        let info = chain.chain().app().accounts[0].info.unwrap();
        assert_eq!((info.start_height, info.index_offset), (0, height - 1));
    }
}

#[test]
fn a_newcomer_is_counted_from_the_third_block_after_it_bonded() {
    let mut chain = offline("[chain]\nmax_validators = 70\n[[event]]\nat = 4\njoin = 500");
    for _ in 1..=10 {
        chain.step().unwrap();
    }
    let info = chain.chain().app().accounts[64].info.unwrap();
    // h - start - 2.
    assert_eq!((info.start_height, info.index_offset), (4, 4));
}

#[test]
fn the_forecast_comes_true() {
    let mut chain = offline(
        "[chain]\nwindow = 30\nmin_signed = '0.5'\n
        [[event]]\nat = 20\nvalidator = 1\nmiss = 3\n[[event]]\nat = 50\nvalidator = 1\ndown = 100",
    );
    for _ in 1..=50 {
        chain.step().unwrap();
    }
    let address = chain.chain().app().accounts[1].identity.address;
    let forecast = blocks_to_jail(chain.chain().app(), &address).unwrap();
    let mut taken = 0;
    while !chain.chain().app().accounts[1].jailed {
        chain.step().unwrap();
        taken += 1;
    }
    assert_eq!(taken, forecast);
    assert_eq!(blocks_to_jail(chain.chain().app(), &address), None);
}
