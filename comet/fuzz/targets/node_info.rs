//! NodeInfo of a hostile peer: whatever decodes encodes and decodes to itself.
#![no_main]

use comet::frame::Decoder;
use comet::p2p::{MAX_NODE_INFO, NodeInfo};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(info) = NodeInfo::decode(bytes) {
        let mut decoder = Decoder::new(2 * MAX_NODE_INFO);
        decoder.push(&info.to_frame());
        let body = decoder.next().expect("our own frame").expect("whole").to_vec();
        // Written anew it may be a little longer, e.g. where `other` was absent.
        if body.len() <= MAX_NODE_INFO {
            assert_eq!(NodeInfo::decode(&body), Ok(info));
        }
    }
});
