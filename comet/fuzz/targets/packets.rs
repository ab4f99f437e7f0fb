//! The stream of a hostile peer after the handshake, in any cut.
#![no_main]

use comet::p2p::{Event, Packets, pex};
use comet::secret::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, u8, bool)| {
    let (bytes, cut, amino) = input;
    let dialect = if amino { Dialect::Amino } else { Dialect::Proto };
    let read = |cut: usize| {
        let mut packets = Packets::new(dialect, &[(pex::CHANNEL, 1000), (0x20, 10)]);
        let mut events = Vec::new();
        for piece in bytes.chunks(cut) {
            packets.push(piece);
            loop {
                match packets.next() {
                    Ok(Some(Event::Message { channel, data })) => {
                        assert!(data.len() <= 1000);
                        events.push((channel, data));
                    }
                    Ok(Some(Event::Ping | Event::Pong)) => {}
                    Ok(None) => break,
                    Err(error) => return (events, Some(error)),
                }
            }
        }
        (events, None)
    };
    assert_eq!(read(usize::from(cut).max(1)), read(bytes.len().max(1)), "the cut must not matter");
});
