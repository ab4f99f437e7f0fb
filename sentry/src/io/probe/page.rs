//! HTTP, one GET on a connection, read to a bound.
//!
//! HTTP/1.0, so that no answer comes in chunks and the connection's end is the body's.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::Options;
use crate::live::{Answer, Hidden, PAGE, Page, State};

/// Longest head of an answer.
const HEAD: usize = 32 * 1024;

/// Asks for each path in turn; stops at the first that brings no HTTP.
pub(super) async fn ask(
    to: SocketAddr,
    paths: &[&'static str],
    options: &Options,
    hidden: &[Hidden],
) -> (State, Option<Answer>) {
    let mut pages = Vec::new();
    for path in paths {
        let mut stream = match options.way.connect(to, options.connect).await {
            Ok(stream) => stream,
            // It was open a moment ago.
            Err(_) if !pages.is_empty() => break,
            Err(state) => return (state, None),
        };
        match timeout(options.talk, get(&mut stream, &to.to_string(), path, hidden)).await {
            Ok(Some(page)) => pages.push(page),
            _ => break,
        }
    }
    (State::Open, (!pages.is_empty()).then_some(Answer::Pages(pages)))
}

/// One question of JSON-RPC that changes nothing, as the EVM's port takes it.
pub(super) async fn ask_evm(to: SocketAddr, options: &Options, hidden: &[Hidden]) -> (State, Option<Answer>) {
    let mut stream = match options.way.connect(to, options.connect).await {
        Ok(stream) => stream,
        Err(state) => return (state, None),
    };
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"web3_clientVersion","params":[]}"#;
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.0\r\nHost: {to}\r\nUser-Agent: palisade-sentry\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let got = timeout(options.talk, exchange(&mut stream, &request, "web3_clientVersion", hidden)).await;
    (State::Open, got.ok().flatten().map(|page| Answer::Pages(vec![page])))
}

/// One GET.
pub(super) async fn get(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    host: &str,
    path: &'static str,
    hidden: &[Hidden],
) -> Option<Page> {
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: palisade-sentry\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    exchange(stream, &request, path, hidden).await
}

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &str,
    path: &'static str,
    hidden: &[Hidden],
) -> Option<Page> {
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    let bound = u64::try_from(PAGE + HEAD).expect("a few MiB");
    // A peer that resets after its answer has answered.
    let _ = stream.take(bound).read_to_end(&mut bytes).await;
    read(&bytes, path, hidden)
}

/// An answer of HTTP, or what there is of it.
fn read(bytes: &[u8], path: &'static str, hidden: &[Hidden]) -> Option<Page> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes.get(..bytes.len().min(HEAD))?).ok()? else {
        return None;
    };
    let body = &bytes[start..];
    let announced = head
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse::<usize>().ok());
    let cut = body.len() > PAGE || announced.is_some_and(|announced| body.len() < announced);
    Some(Page::new(path, head.code?, cut, &body[..body.len().min(PAGE)], hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_whole_cut_and_none() {
        let page = read(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", "/", &[]).unwrap();
        assert_eq!((page.status, page.cut, page.body.as_str()), (200, false, "abc"));
        let page = read(b"HTTP/1.1 404 Not Found\r\ncontent-length: 30\r\n\r\nabc", "/", &[]).unwrap();
        assert_eq!((page.status, page.cut), (404, true));
        for bad in [&b""[..], b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.0 200 OK\r\nA: b\r\n", &[0xff; 70_000]] {
            assert!(read(bad, "/", &[]).is_none());
        }
        let long = [b"HTTP/1.0 200 OK\r\n\r\n".to_vec(), vec![b'a'; PAGE + 1]].concat();
        let page = read(&long, "/", &[]).unwrap();
        assert_eq!((page.cut, page.body.len()), (true, crate::live::KEPT));
    }
}
