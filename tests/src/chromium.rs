//! A real Chromium, driven through its debugging pipe: JSON with a zero byte between the messages, on two named pipes. No
//! driver program, no websocket, no crate.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::binaries;
use crate::process::{Process, until};

/// An answer to a command takes longer only when something is broken.
const ANSWER: Duration = Duration::from_secs(60);

/// One browser with one tab. Dropping it ends it.
pub struct Chromium {
    process: Process,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    next: u64,
    /// URLs asked for.
    pub requests: Vec<String>,
    /// What the console said, exceptions and broken policies included.
    pub console: Vec<String>,
}

impl Chromium {
    /// Starts it with an empty profile below `dir`, and opens a tab.
    pub fn start(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let (to, from) = (dir.join("to"), dir.join("from"));
        for pipe in [&to, &from] {
            mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        }
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" 3<\"$TO\" 4>\"$FROM\""])
            .arg(binaries::node("chromium")?)
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars", "--mute-audio"])
            // Its own services are no business of the page; whatever the page asked for would still be seen.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .arg(format!("--user-data-dir={}", dir.join("profile").display()))
            .env("TO", &to)
            .env("FROM", &from)
            .env("HOME", dir);
        let process = Process::start("chromium", &mut command, &dir.join("chromium.log"))?;
        // In the order in which the shell opens them: each waits for the other end.
        let to = OpenOptions::new().write(true).open(&to)?;
        let mut reader = BufReader::new(File::open(&from)?);
        let (out, from) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while reader.read_until(0, &mut bytes).is_ok_and(|read| read > 0) {
                let Ok(message) = serde_json::from_slice(bytes.strip_suffix(&[0]).unwrap_or(&bytes)) else {
                    return;
                };
                if out.send(message).is_err() {
                    return;
                }
                bytes.clear();
            }
        });
        let mut browser =
            Self { process, to, from, session: None, next: 0, requests: Vec::new(), console: Vec::new() };
        let target = browser.send("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.send("Target.attachToTarget", attach)?;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log", "Performance", "Accessibility"] {
            browser.send(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(browser)
    }

    /// One command of the protocol, and its result.
    pub fn send(&mut self, method: &str, params: Value) -> Result<Value> {
        self.process.still_runs()?;
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method });
        message["params"] = params;
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes())?;
        let deadline = Instant::now() + ANSWER;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.from.recv_timeout(left).with_context(|| format!("no answer to {method}"))?;
            if message["id"] == id {
                match message.get("error") {
                    Some(error) => bail!("{method}: {error}"),
                    None => return Ok(message["result"].clone()),
                }
            }
            self.note(&message);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.requests.push(params["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            Some("Runtime.exceptionThrown") => {
                self.console.push(format!("exception {}", params["exceptionDetails"]));
            }
            Some("Runtime.consoleAPICalled") => self.console.push(format!("console {}", params["args"])),
            Some("Log.entryAdded") => self.console.push(format!("log {}", params["entry"])),
            _ => {}
        }
    }

    /// Opens a URL.
    pub fn open(&mut self, url: &str) -> Result<()> {
        self.send("Page.navigate", json!({ "url": url })).map(drop)
    }

    /// The value of an expression; a promise is waited for.
    pub fn eval(&mut self, expression: &str) -> Result<Value> {
        let ask = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.send("Runtime.evaluate", ask)?;
        if let Some(wrong) = answer.get("exceptionDetails") {
            bail!("{expression}: {wrong}");
        }
        Ok(answer["result"]["value"].clone())
    }

    /// The text of an expression.
    pub fn text(&mut self, expression: &str) -> Result<String> {
        Ok(self.eval(expression)?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until an expression is true.
    pub fn until(&mut self, expression: &str) -> Result<()> {
        let ask = || match self.eval(expression) {
            Ok(Value::Bool(true)) => Ok(Some(())),
            Ok(other) => bail!("{other}"),
            Err(error) => Err(error),
        };
        until(expression, Duration::from_secs(60), ask)
    }

    /// Presses a key, by its DOM name; a single character is typed.
    pub fn key(&mut self, key: &str) -> Result<()> {
        let text = if key.chars().count() == 1 {
            key
        } else if key == "Enter" {
            "\r"
        } else {
            ""
        };
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "Escape" => 27,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            self.send(
                "Input.dispatchKeyEvent",
                json!({ "type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code }),
            )?;
        }
        Ok(())
    }

    /// Types a text where the focus is.
    pub fn typed(&mut self, text: &str) -> Result<()> {
        self.send("Input.insertText", json!({ "text": text })).map(drop)
    }

    /// The size of the screen, in CSS pixels.
    pub fn screen(&mut self, width: u32, height: u32) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.send("Emulation.setDeviceMetricsOverride", size).map(drop)
    }

    /// What the system prefers: `dark` or `light`.
    pub fn prefers(&mut self, scheme: &str) -> Result<()> {
        let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.send("Emulation.setEmulatedMedia", feature).map(drop)
    }

    /// A PNG of what is on the screen.
    pub fn screenshot(&mut self, path: &Path) -> Result<()> {
        let shot = self.send("Page.captureScreenshot", json!({ "format": "png" }))?;
        let png =
            base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap_or_default())?;
        Ok(std::fs::write(path, png)?)
    }

    /// Bytes of JavaScript and elements of the document that are left after a collection.
    pub fn memory(&mut self) -> Result<(f64, f64)> {
        self.send("HeapProfiler.collectGarbage", json!({}))?;
        let metrics = self.send("Performance.getMetrics", json!({}))?;
        let value = |name: &str| {
            let found = metrics["metrics"].as_array().and_then(|all| all.iter().find(|m| m["name"] == name));
            found.and_then(|m| m["value"].as_f64()).context("no such metric")
        };
        Ok((value("JSHeapUsedSize")?, value("Nodes")?))
    }

    /// Roles and names of everything that assistive technology is told.
    pub fn accessible(&mut self) -> Result<Vec<(String, String)>> {
        let tree = self.send("Accessibility.getFullAXTree", json!({}))?;
        let text = |node: &Value, what: &str| node[what]["value"].as_str().unwrap_or_default().to_owned();
        let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
        Ok(nodes
            .iter()
            .filter(|n| n["ignored"] != true)
            .map(|n| (text(n, "role"), text(n, "name")))
            .collect())
    }
}
