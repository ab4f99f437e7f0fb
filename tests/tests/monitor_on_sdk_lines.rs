//! The monitor on real Cosmos SDK networks of four validators, one for each line that can be built; what happens there is
//! `palisade_tests::sdk_jailing`'s.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use palisade_tests::scratch::Scratch;
use palisade_tests::sdk_jailing;
use palisade_tests::sdk_line::SdkLine;

fn prove(line: SdkLine) {
    let dir = Scratch::new().unwrap();
    sdk_jailing::prove(line, dir.path()).unwrap();
}

#[test]
#[ignore = "needs real nodes: tests/run, two at once"]
fn jailings_forecasts_and_a_tombstone_are_those_of_sdk_039() {
    prove(SdkLine::V0_39);
}

#[test]
#[ignore = "needs real nodes: tests/run, two at once"]
fn jailings_forecasts_and_a_tombstone_are_those_of_sdk_045() {
    prove(SdkLine::V0_45);
}

#[test]
#[ignore = "needs real nodes: tests/run, two at once"]
fn jailings_forecasts_and_a_tombstone_are_those_of_sdk_053() {
    prove(SdkLine::V0_53);
}
