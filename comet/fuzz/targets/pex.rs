//! Address-book messages of a hostile peer.
#![no_main]

use comet::p2p::pex::{self, PexMessage};
use comet::secret::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], bool)| {
    let (bytes, amino) = input;
    let dialect = if amino { Dialect::Amino } else { Dialect::Proto };
    if let Ok(PexMessage::Addresses(answer)) = pex::decode(dialect, bytes) {
        assert!(answer.valid.len() + answer.invalid <= pex::MAX_ADDRESSES);
        let again = pex::decode(dialect, &pex::answer(dialect, &answer.valid)).expect("our own answer");
        let PexMessage::Addresses(again) = again else { panic!("an answer is an answer") };
        assert_eq!((again.valid, again.invalid), (answer.valid, 0));
    }
});
