//! The monitor on a real Cosmos SDK 0.53 network of four validators; `palisade_tests::sdk_jailing` says what happens there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use palisade_tests::scratch::Scratch;
use palisade_tests::sdk_jailing;
use palisade_tests::sdk_line::SdkLine;

#[test]
#[ignore = "needs real nodes: tests/run"]
fn jailings_forecasts_and_a_tombstone_are_those_of_the_chain() {
    let dir = Scratch::new().unwrap();
    sdk_jailing::prove(SdkLine::V0_53, dir.path()).unwrap();
}
