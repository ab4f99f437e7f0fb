//! GET, and POST of one JSON-RPC call. HTTP/1.0, so that no server answers in chunks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The body of `http://address/path`, which must answer 200.
pub fn get(address: &str, path: &str) -> Result<String> {
    get_with(address, path, "")
}

/// The body as JSON.
pub fn json(address: &str, path: &str) -> Result<Value> {
    let body = get(address, path)?;
    serde_json::from_str(&body).with_context(|| format!("{path} is no JSON: {body:.200}"))
}

/// `result` of a CometBFT RPC answer.
pub fn rpc(address: &str, path: &str) -> Result<Value> {
    let mut answer = json(address, path)?;
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        bail!("{path}: {error}");
    }
    Ok(answer["result"].take())
}

/// `result` of a CometBFT RPC call with parameters that a path cannot hold.
pub fn call(address: &str, method: &str, params: &Value) -> Result<Value> {
    let call = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let head = format!(
        "POST / HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        call.len()
    );
    let (status, body) = exchange(address, &format!("{head}\r\n{call}"))?;
    let mut answer: Value =
        serde_json::from_str(&body).with_context(|| format!("{method}: {status}: {body:.300}"))?;
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        bail!("{method}: {error}");
    }
    Ok(answer["result"].take())
}

/// A Cosmos SDK REST answer for the state after `height`.
pub fn rest_at(address: &str, path: &str, height: u64) -> Result<Value> {
    let body = get_with(address, path, &format!("x-cosmos-block-height: {height}\r\n"))?;
    serde_json::from_str(&body).with_context(|| format!("{path} is no JSON: {body:.200}"))
}

fn get_with(address: &str, path: &str, headers: &str) -> Result<String> {
    let (status, body) =
        exchange(address, &format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n{headers}\r\n"))?;
    if status != "200" {
        bail!("{path}: {status}: {body:.300}");
    }
    Ok(body)
}

/// Status and body.
fn exchange(address: &str, request: &str) -> Result<(String, String)> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    Ok((head.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned()))
}
