//! The connector: the two HTTP endpoints through which hosts reach the device.
//!
//! `GET /connector/status` answers lines of `key=value`, `POST /connector/api` passes one message. Each answer leaves in
//! one write, because the yubihsm crate's client overwrites what it has read when an answer comes in pieces. One thread
//! per connection; the device behind takes one message at a time.

use crate::fault::Fault;
use crate::handle::Shared;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

/// Bodies longer than this are nobody's message.
const MAX_BODY: usize = 64 * 1024;

/// Accepts until the handle says stop.
pub(crate) fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_stopped() {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            shared.connected(&stream);
            // A broken connection is the client's business, and often the test's.
            let _ = converse(&stream, &shared);
            let _ = stream.shutdown(Shutdown::Both);
            shared.disconnected(&stream);
        });
    }
}

struct Request {
    line: String,
    body: Vec<u8>,
}

fn converse(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        match request.line.split(' ').take(2).collect::<Vec<_>>()[..] {
            ["GET", "/connector/status"] => {
                let address = shared.address();
                let status = format!(
                    "status=OK\nserial=*\nversion=3.0.5\npid={}\naddress={}\nport={}\n",
                    std::process::id(),
                    address.ip(),
                    address.port()
                );
                answer(stream, 200, "text/plain", status.as_bytes())?;
            }
            ["POST", "/connector/api"] => {
                if !api(stream, shared, &request.body)? {
                    return Ok(());
                }
            }
            [_, "/connector/status" | "/connector/api"] => answer(stream, 405, "text/plain", b"")?,
            _ => answer(stream, 404, "text/plain", b"")?,
        }
    }
    Ok(())
}

/// One message to the device; false if the connection ends here.
fn api(stream: &TcpStream, shared: &Shared, message: &[u8]) -> io::Result<bool> {
    shared.wait_while_frozen();
    let fault = shared.strike(message);
    match &fault {
        Some(Fault::HangBefore) => {
            shared.hang();
            return Ok(false);
        }
        Some(Fault::DropBefore) => return Ok(false),
        Some(Fault::Status(code)) => return answer(stream, *code, "text/plain", b"").map(|()| true),
        Some(Fault::Answer(bytes)) => return answer(stream, 200, OCTETS, bytes).map(|()| true),
        Some(Fault::Delay(time)) => std::thread::sleep(*time),
        Some(Fault::RebootBefore) => shared.device(crate::Device::reboot),
        Some(Fault::LoseSessions) => shared.device(crate::Device::drop_sessions),
        Some(Fault::WipeBefore) => shared.device(crate::Device::wipe),
        _ => {}
    }
    let mut reply = shared.exchange(message);
    match &fault {
        Some(Fault::HangAfter) => {
            shared.hang();
            return Ok(false);
        }
        Some(Fault::DropAfter) => return Ok(false),
        Some(Fault::RebootAfter) => {
            shared.device(crate::Device::reboot);
            return Ok(false);
        }
        Some(Fault::FlipBit(bit)) => {
            let at = reply.len().saturating_sub(1 + bit / 8);
            if let Some(byte) = reply.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
        }
        Some(Fault::Truncate(length)) => reply.truncate(*length),
        _ => {}
    }
    answer(stream, 200, OCTETS, &reply).map(|()| true)
}

const OCTETS: &str = "application/octet-stream";

fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
        }
    }
    if length > MAX_BODY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { line, body }))
}

fn answer(mut stream: &TcpStream, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
    let reason = match status {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Error",
    };
    let mut bytes = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)
}
