//! Receivers on loopback that fail, limit, close and hang as they are told, and keep what they took.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What is done with one request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// Takes it, and says so.
    Takes,
    /// Takes it, and the connection breaks before it can say so.
    TakesAndBreaks,
    /// Takes it, and never says so.
    TakesAndHangs,
    /// Refuses it with this status.
    Refuses(u16),
    /// Asks for a second of patience.
    Limits,
}

/// One request that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Took {
    pub(crate) path: String,
    pub(crate) headers: String,
    pub(crate) body: Value,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    took: Arc<Mutex<Vec<Took>>>,
}

impl Receiver {
    /// Does what the script says, then takes everything.
    pub(crate) fn start(script: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let took = Arc::new(Mutex::new(Vec::new()));
        let kept = took.clone();
        let script = Arc::new(Mutex::new(script.into_iter()));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, script) = (kept.clone(), script.clone());
                std::thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    let does = script.lock().unwrap().next().unwrap_or(Does::Takes);
                    if matches!(does, Does::Takes | Does::TakesAndBreaks | Does::TakesAndHangs) {
                        kept.lock().unwrap().push(request);
                    }
                    let answer = match does {
                        Does::Takes => "202 Accepted\r\n",
                        Does::TakesAndBreaks => return,
                        Does::TakesAndHangs => return std::thread::sleep(Duration::from_secs(60)),
                        Does::Refuses(status) => &format!("{status} No\r\n"),
                        Does::Limits => "429 Slow\r\nRetry-After: 1\r\n",
                    };
                    let _ = write!(
                        &stream,
                        "HTTP/1.1 {answer}Content-Length: 3\r\nConnection: close\r\n\r\nso\n"
                    );
                });
            }
        });
        Self { address, took }
    }

    pub(crate) fn took(&self) -> Vec<Took> {
        self.took.lock().unwrap().clone()
    }

    /// Waits until `enough` of what was taken.
    pub(crate) fn until(&self, what: &str, enough: impl Fn(&[Took]) -> bool) -> Vec<Took> {
        until(what, || Some(self.took()).filter(|all| enough(all)))
    }
}

/// Waits at most a minute.
pub(crate) fn until<T>(what: &str, test: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = test() {
            return found;
        }
        assert!(Instant::now() < end, "never {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn read(stream: &TcpStream) -> Option<Took> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length =
        head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Took { path, headers: head, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

/// A mail server of one thread: what it took, head and body.
pub(crate) fn mail() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mails = Arc::new(Mutex::new(Vec::new()));
    let kept = mails.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let say = |text: &str| write!(&stream, "{text}\r\n").is_ok();
            let mut line = String::new();
            say("220 local");
            while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
                match line.get(..4).unwrap_or_default() {
                    "DATA" => {
                        say("354 go on");
                        let mut mail = String::new();
                        while !mail.ends_with("\r\n.\r\n") && reader.read_line(&mut mail).is_ok_and(|n| n > 0)
                        {
                        }
                        kept.lock().unwrap().push(mail);
                        say("250 taken")
                    }
                    "QUIT" => break,
                    _ => say("250 ok"),
                };
                line.clear();
            }
        }
    });
    (address, mails)
}
