//! Frames of a hostile node: the cut must not matter, and a bound is a bound.
#![no_main]

use comet::frame::{Decoder, FrameError, delimited};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], u8, u16)| {
    let (bytes, cut, max) = input;
    let max = usize::from(max);
    let whole = read(bytes, bytes.len().max(1), max);
    assert_eq!(read(bytes, usize::from(cut).max(1), max), whole, "the cut must not matter");
    let (bodies, _, rest) = whole;
    assert!(bodies.iter().all(|body| body.len() <= max));
    // There is one way only to write a frame: what was read writes itself again, to the last byte.
    let mut again: Vec<u8> = bodies.iter().flat_map(|body| delimited(body)).collect();
    again.extend_from_slice(&rest);
    assert!(again == bytes);
});

/// Bodies, the error that ended them, and what was not read.
fn read(bytes: &[u8], cut: usize, max: usize) -> (Vec<Vec<u8>>, Option<FrameError>, Vec<u8>) {
    let (mut decoder, mut bodies) = (Decoder::new(max), Vec::new());
    let mut pieces = bytes.chunks(cut);
    while let Some(piece) = pieces.next() {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(body)) => bodies.push(body.to_vec()),
                Ok(None) => break,
                Err(error) => {
                    let mut rest = decoder.into_rest();
                    pieces.for_each(|piece| rest.extend_from_slice(piece));
                    return (bodies, Some(error), rest);
                }
            }
        }
    }
    (bodies, None, decoder.into_rest())
}
