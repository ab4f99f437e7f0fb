//! The genesis of a chain whose own page is too large: `/genesis_chunked`, chunk after chunk, searched as it comes.
//!
//! A chunk is 16 MiB in base64 (`rpc/core/env.go`), so nothing is kept of it: the text is decoded in small pieces, each is
//! searched together with the end of the one before, and forgotten.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::Options;
use crate::live::{Hidden, Page, Trace, traces};

/// Chunks that are read: 256 MiB of genesis, more than any chain's.
const CHUNKS: u32 = 16;
/// Bytes of one answer.
const ANSWER: usize = 24 * 1024 * 1024;
/// What is decoded at once, a multiple of four.
const PIECE: usize = 32 * 1024;
/// Longer than any id or address with what stands around it.
const OVERLAP: usize = 128;

/// Walks the chunks; nothing where there are none. The page is cut where one could not be read.
pub(super) async fn walk(to: SocketAddr, options: &Options, hidden: &[Hidden]) -> Option<Page> {
    let mut search = Search { hidden, tail: Vec::new(), found: BTreeSet::new() };
    let (mut total, mut read) = (1, 0);
    while read < total.min(CHUNKS) {
        // A chunk has as many bytes as everything else together, so each has its own time.
        match timeout(options.talk * 4, chunk(to, read, options, &mut search)).await {
            Ok(Some(of)) => total = of,
            _ if read == 0 => return None,
            _ => break,
        }
        read += 1;
    }
    let mut page = Page::new("/genesis_chunked", 200, read < total, &[], hidden);
    page.traces = search.found;
    Some(page)
}

/// Reads one chunk; returns how many there are.
async fn chunk(to: SocketAddr, number: u32, options: &Options, search: &mut Search<'_>) -> Option<u32> {
    let mut stream = options.way.connect(to, options.connect).await.ok()?;
    let request = format!(
        "GET /genesis_chunked?chunk={number} HTTP/1.0\r\nHost: {to}\r\nUser-Agent: palisade-sentry\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let (mut answer, mut buffer, mut left) = (Answer::default(), vec![0; PIECE], ANSWER);
    loop {
        let got = stream.read(&mut buffer).await.ok()?;
        if got == 0 {
            break;
        }
        left = left.checked_sub(got)?;
        answer.take(&buffer[..got], search);
    }
    (answer.state == Part::After).then_some(answer.total?)
}

/// Where in the answer the reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// Before the data.
    #[default]
    Head,
    /// In the text in base64.
    Data,
    /// Behind it.
    After,
}

/// One answer as it comes: `{"result":{"chunk":"0","total":"3","data":"…"}}`, keys in any order but data last or not.
#[derive(Debug, Default)]
struct Answer {
    state: Part,
    /// What has been read and not been understood yet; small.
    text: Vec<u8>,
    total: Option<u32>,
}

impl Answer {
    fn take(&mut self, bytes: &[u8], search: &mut Search<'_>) {
        self.text.extend_from_slice(bytes);
        if self.state == Part::Head {
            let Some(at) = find(&self.text, b"\"data\":") else {
                // A head of this length is none.
                self.text.truncate(64 * 1024);
                return;
            };
            let Some(quote) = self.text[at + 7..].iter().position(|b| *b == b'"') else { return };
            self.total = total(&self.text[..at]);
            self.text.drain(..at + 7 + quote + 1);
            self.state = Part::Data;
        }
        if self.state == Part::Data {
            let end = self.text.iter().position(|b| *b == b'"');
            let ready = end.unwrap_or(self.text.len() / 4 * 4);
            search.base64(&self.text[..ready]);
            self.text.drain(..ready);
            if end.is_some() {
                self.state = Part::After;
            }
        }
        if self.state == Part::After {
            self.total = self.total.or_else(|| total(&self.text));
            let keep = self.text.len().saturating_sub(256);
            self.text.drain(..keep);
        }
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|w| w == word)
}

/// `"total":"3"`, or without quotes in lines that write numbers so.
fn total(text: &[u8]) -> Option<u32> {
    let at = find(text, b"\"total\":")? + 8;
    let digits: String = text[at..]
        .iter()
        .map(|b| char::from(*b))
        .skip_while(|c| matches!(c, '"' | ' '))
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

struct Search<'a> {
    hidden: &'a [Hidden],
    tail: Vec<u8>,
    found: BTreeSet<Trace>,
}

impl Search<'_> {
    fn base64(&mut self, text: &[u8]) {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        let Ok(plain) = BASE64_STANDARD.decode(text) else { return };
        self.tail.extend_from_slice(&plain);
        self.found.extend(traces(self.hidden, &String::from_utf8_lossy(&self.tail)));
        let keep = self.tail.len().saturating_sub(OVERLAP);
        self.tail.drain(..keep);
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    use super::*;

    const ID: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";

    fn read(answer: &str, step: usize) -> (Answer, usize) {
        let hidden = vec![Hidden { name: "v".into(), id: Some(ID.parse().expect("an id")), ips: [].into() }];
        let mut search = Search { hidden: &hidden, tail: Vec::new(), found: BTreeSet::new() };
        let mut read = Answer::default();
        for bytes in answer.as_bytes().chunks(step) {
            read.take(bytes, &mut search);
        }
        (read, search.found.len())
    }

    #[test]
    fn an_id_is_found_wherever_the_pieces_end() {
        let genesis = format!("{}\"memo\":\"{ID}@203.0.113.7:26656\"{}", " ".repeat(5000), " ".repeat(3000));
        let data = BASE64_STANDARD.encode(genesis);
        let answers = [
            format!(
                "HTTP/1.0 200 OK\r\n\r\n{{\"result\":{{\"chunk\":\"0\",\"total\":\"3\",\"data\":\"{data}\"}}}}"
            ),
            format!("HTTP/1.0 200 OK\r\n\r\n{{\"result\":{{\"data\": \"{data}\",\"chunk\":0,\"total\":3}}}}"),
        ];
        for answer in answers {
            for step in [1, 7, 1000, 100_000] {
                let (read, found) = read(&answer, step);
                assert_eq!((read.state, read.total, found), (Part::After, Some(3), 1), "{step}");
            }
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for answer in ["", "HTTP/1.0 404 Not Found\r\n\r\n", "\"data\":\"%%%%\"", &"x".repeat(1 << 20)] {
            let (read, found) = read(answer, 1000);
            assert!(read.total.is_none() && found == 0 && read.text.len() <= 65 * 1024);
        }
    }
}
