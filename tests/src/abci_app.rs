//! An application that does nothing but extend votes, behind the node's ABCI socket. The node lines since 0.38 agree on
//! this much of the protocol (`uvarint(len) || proto`, every answer's oneof tag one above its request's), so one program
//! of ours serves them all, and a test decides what each height's extension is.
//!
//! Not here: transactions, queries, snapshots. They get the empty answer, which is a success in each of them.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context, Result};
use comet::frame::Decoder;
use prost::Message as _;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

/// The node's own bound on a message (`abci/types/messages.go`), far above what is sent here.
const MAX_MESSAGE: usize = 16 << 20;

const ECHO: u32 = 1;
const INFO: u32 = 3;
const PROCESS_PROPOSAL: u32 = 17;
const EXTEND_VOTE: u32 = 18;
const VERIFY_VOTE_EXTENSION: u32 = 19;
const FINALIZE_BLOCK: u32 = 20;

/// `{ string or bytes = 1 }`: an echo both ways, and the extension.
#[derive(Clone, PartialEq, prost::Message)]
struct Bytes {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
}

/// `ResponseInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct Info {
    #[prost(int64, tag = "4")]
    last_block_height: i64,
}

/// Status of a proposal or an extension; 1 accepts.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `RequestExtendVote`.
#[derive(Clone, PartialEq, prost::Message)]
struct ExtendVote {
    #[prost(int64, tag = "2")]
    height: i64,
}

/// `RequestFinalizeBlock`.
#[derive(Clone, PartialEq, prost::Message)]
struct FinalizeBlock {
    #[prost(int64, tag = "5")]
    height: i64,
}

/// The extension for each height.
pub type Extend = fn(i64) -> Vec<u8>;

/// Listens on loopback and serves whoever comes, until the process ends. Returns what goes into `proxy_app`.
pub fn serve(extend: Extend) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("tcp://{}", listener.local_addr()?);
    let last = Arc::new(AtomicI64::new(0));
    std::thread::Builder::new().name("abci".into()).spawn(move || {
        // A node has four connections; each ends with its node.
        for stream in listener.incoming().flatten() {
            let last = Arc::clone(&last);
            std::thread::spawn(move || answer_all(&stream, extend, &last));
        }
    })?;
    Ok(address)
}

fn answer_all(stream: &TcpStream, extend: Extend, last: &AtomicI64) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut from, mut to) = (BufReader::new(stream), stream);
    let mut frames = Decoder::new(MAX_MESSAGE);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer)?;
        anyhow::ensure!(count > 0, "the node is gone");
        frames.push(&buffer[..count]);
        let mut answers = Vec::new();
        while let Some(request) = frames.next()? {
            let (tag, inner) = open(request)?;
            let inner = answer(tag, inner, extend, last)?;
            close(tag + 1, &inner, &mut answers);
        }
        to.write_all(&answers)?;
    }
}

/// The oneof's tag and what is inside.
fn open(mut request: &[u8]) -> Result<(u32, &[u8])> {
    let (tag, kind) = decode_key(&mut request).context("no oneof")?;
    anyhow::ensure!(kind == WireType::LengthDelimited, "the oneof holds messages");
    let length = usize::try_from(decode_varint(&mut request)?)?;
    Ok((tag, request.get(..length).context("cut off")?))
}

fn close(tag: u32, inner: &[u8], out: &mut Vec<u8>) {
    let mut body = Vec::with_capacity(inner.len() + 8);
    encode_key(tag, WireType::LengthDelimited, &mut body);
    encode_varint(inner.len() as u64, &mut body);
    body.extend_from_slice(inner);
    encode_varint(body.len() as u64, out);
    out.extend_from_slice(&body);
}

fn answer(tag: u32, request: &[u8], extend: Extend, last: &AtomicI64) -> Result<Vec<u8>> {
    Ok(match tag {
        ECHO => request.to_vec(),
        INFO => Info { last_block_height: last.load(Ordering::Relaxed) }.encode_to_vec(),
        PROCESS_PROPOSAL | VERIFY_VOTE_EXTENSION => Status { status: 1 }.encode_to_vec(),
        EXTEND_VOTE => Bytes { bytes: extend(ExtendVote::decode(request)?.height) }.encode_to_vec(),
        FINALIZE_BLOCK => {
            last.store(FinalizeBlock::decode(request)?.height, Ordering::Relaxed);
            Vec::new()
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_the_tag_above_its_request() {
        let last = AtomicI64::new(7);
        let mut out = Vec::new();
        let request = ExtendVote { height: 5 }.encode_to_vec();
        let inner = answer(EXTEND_VOTE, &request, |height| vec![9; usize::try_from(height).unwrap()], &last);
        close(EXTEND_VOTE + 1, &inner.unwrap(), &mut out);
        let mut frames = Decoder::new(100);
        frames.push(&out);
        let (tag, inner) = open(frames.next().unwrap().unwrap()).unwrap();
        assert_eq!((tag, Bytes::decode(inner).unwrap().bytes), (19, vec![9; 5]));
        assert_eq!(answer(INFO, &[], |_| vec![], &last).unwrap(), [0x20, 7]);
    }
}
