//! A node's RPC that says what the test wants: `/commit` over HTTP/1.1.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test uses its part

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    thread,
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::key::PrivateKey;
use serde_json::{Value, json};

/// A scripted RPC; its port stays open when it is dropped, but nobody answers any more.
#[derive(Clone)]
pub struct Rpc {
    address: String,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    chain_id: String,
    commits: BTreeMap<i64, Value>,
    refuse: bool,
    say: Option<String>,
    /// Heights that were asked for; `None` is the newest.
    asked: Vec<Option<i64>>,
}

// === impl Rpc ===

impl Rpc {
    pub fn start(chain_id: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let script = Arc::new(Mutex::new(Script { chain_id: chain_id.into(), ..Script::default() }));
        let to_serve = Arc::clone(&script);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &to_serve);
            }
        });
        Self { address, script }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Adds blocks. These keys have signed at these heights; every commit has another validator as well.
    pub fn blocks(&self, heights: RangeInclusive<i64>, signed: &[(i64, &PrivateKey)]) {
        let mut script = self.script.lock().unwrap();
        for height in heights {
            let mut entries = vec![entry(&PrivateKey::from_seed(&[1; 32]), b"another validator")];
            let ours = signed.iter().filter(|(at, _)| *at == height);
            entries.extend(ours.map(|(_, key)| entry(key, format!("somebody else's {height}").as_bytes())));
            let header = json!({"chain_id": script.chain_id, "height": height.to_string(), "time": "2026-01-02T03:04:05Z"});
            let commit = json!({"height": height.to_string(), "round": 0, "signatures": entries});
            script.commits.insert(
                height,
                json!({"signed_header": {"header": header, "commit": commit}, "canonical": true}),
            );
        }
    }

    /// Whether connections are closed without an answer.
    pub fn refuse(&self, refuse: bool) {
        self.script.lock().unwrap().refuse = refuse;
    }

    /// From now on these bytes are every answer.
    pub fn say(&self, bytes: &str) {
        self.script.lock().unwrap().say = Some(bytes.into());
    }

    pub fn asked(&self) -> Vec<Option<i64>> {
        self.script.lock().unwrap().asked.clone()
    }
}

fn entry(key: &PrivateKey, bytes: &[u8]) -> Value {
    json!({
        "block_id_flag": 2,
        "validator_address": key.public().address().to_string(),
        "timestamp": "2026-01-02T03:04:05Z",
        "signature": BASE64_STANDARD.encode(key.sign(bytes)),
    })
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    let _ = reader.read_line(&mut first);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        line.clear();
    }
    let mut script = script.lock().unwrap();
    if script.refuse {
        return;
    }
    if let Some(said) = &script.say {
        let _ = stream.write_all(said.as_bytes());
        return;
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let height = path.strip_prefix("/commit?height=").and_then(|text| text.parse().ok());
    script.asked.push(height);
    let found = match height {
        Some(height) => script.commits.get(&height),
        None => script.commits.values().next_back(),
    };
    let body = match found {
        Some(result) => json!({"jsonrpc": "2.0", "id": -1, "result": result}),
        None if height.is_none() => json!({"jsonrpc": "2.0", "id": -1, "result": null}),
        None => json!({"jsonrpc": "2.0", "id": -1, "error": {"code": -32603, "message": "Internal error", "data": "height 1 is not available, lowest height is 2"}}),
    }
    .to_string();
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
}
