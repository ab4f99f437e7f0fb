//! `palisade-monitor alert`: what fires, and orders about it, over the running daemon's `monitor.sock`.

use crate::alert::board::Board;
use crate::alert::command::Command;
use crate::alert::policy::Matcher;
use crate::alert::{Alert, Phase, Severity};
use crate::config::span;
use crate::decode::timestamp;
use crate::io::alert::socket;
use anyhow::{Context as _, bail};
use clap::Subcommand;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// `alert`
#[derive(clap::Args)]
pub(super) struct Args {
    /// The configuration; its data_dir has the daemon's socket.
    #[arg(long, default_value = "monitor.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// What fires, what is silenced, how channels fare. Exits 1 when something fires.
    List {
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// I take care: no reminders and no escalation until it is over.
    Ack {
        #[command(flatten)]
        what: What,
    },
    /// Say nothing of it for a time. What may be a double-sign is silenced only by its rule's name.
    Silence {
        #[command(flatten)]
        what: What,
        /// For how long: 30m, 4h, 7d.
        #[arg(long = "for")]
        span: String,
    },
    /// End a silence or a maintenance.
    Unsilence {
        /// Its number, from `list`.
        id: u64,
    },
    /// Work is done there on purpose: nothing is said of it, but what may be a double-sign.
    Maintenance {
        #[command(flatten)]
        what: What,
        /// For how long: 30m, 4h, 7d.
        #[arg(long = "for")]
        span: String,
    },
    /// Send one message to a channel, and say what it answers.
    Test {
        /// Its name.
        channel: String,
    },
}

#[derive(clap::Args)]
struct What {
    /// Only this rule.
    #[arg(long)]
    rule: Option<String>,
    /// Only this chain.
    #[arg(long)]
    chain: Option<String>,
    /// Only this validator (valoper or moniker), endpoint, signer, sentry or channel.
    #[arg(long)]
    subject: Option<String>,
    /// Why, or what is being done.
    #[arg(long, default_value = "")]
    note: String,
    /// Who.
    #[arg(long, default_value = "operator")]
    by: String,
}

/// Exits 1 for a refused order, and for `list` when something fires.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::read(&args.config)?;
    let socket = socket::path(&config.data_dir);
    let matcher =
        |w: &What| Matcher { rule: w.rule.clone(), chain: w.chain.clone(), subject: w.subject.clone() };
    let seconds = |text: &str| {
        let millis = span::parse(text).with_context(|| format!("{text:?} is no time\ntry: 30m, 4h or 7d"))?;
        anyhow::Ok(millis / 1000)
    };
    let command = match &args.verb {
        Verb::List { json } => return list(&socket, *json),
        Verb::Test { channel } => {
            let body = serde_json::json!({ "channel": channel });
            return said(exchange(&socket, "POST", "/api/alerts/test", &body.to_string())?);
        }
        Verb::Ack { what } => {
            Command::Ack { matcher: matcher(what), by: what.by.clone(), note: what.note.clone() }
        }
        Verb::Silence { what, span } | Verb::Maintenance { what, span } => Command::Silence {
            matcher: matcher(what),
            seconds: seconds(span)?,
            maintenance: matches!(args.verb, Verb::Maintenance { .. }),
            by: what.by.clone(),
            note: what.note.clone(),
        },
        Verb::Unsilence { id } => Command::Unsilence { id: *id },
    };
    said(exchange(&socket, "POST", "/api/alerts/order", &serde_json::to_string(&command)?)?)
}

fn said((status, body): (u16, String)) -> anyhow::Result<ExitCode> {
    if status == 200 {
        println!("{}", body.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{}", body.trim_end());
    Ok(ExitCode::from(1))
}

fn list(socket: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let (status, body) = exchange(socket, "GET", "/api/alerts", "")?;
    if status != 200 {
        bail!("the daemon answered {status}: {body}\ntry: is it of the same version?");
    }
    let board: Board = serde_json::from_str(&body)?;
    if json {
        println!("{body}");
    } else {
        show(&board);
    }
    let fires = board.alerts.iter().any(|a| a.fires_since().is_some() && !a.hidden);
    Ok(ExitCode::from(u8::from(fires)))
}

fn show(board: &Board) {
    let shown = |a: &&Alert| matches!(a.phase, Phase::Firing { .. }) && !a.hidden;
    for alert in board.alerts.iter().filter(shown) {
        let mark = if alert.severity == Severity::Critical { "CRITICAL" } else { "warning " };
        let since = timestamp(alert.fires_since().unwrap_or(0).saturating_mul(1_000_000));
        println!("{mark} {} {}\n         {}", alert.key.rule, alert.words.what, alert.words.means);
        if let Some(left) = &alert.words.left {
            println!("         {left}");
        }
        let silenced = if alert.silenced { ", silenced" } else { "" };
        let ack = alert.ack.as_ref().map(|a| format!(", taken by {}", a.by)).unwrap_or_default();
        println!("         since {since}{silenced}{ack}\n    try: {}", alert.words.advice);
    }
    if !board.alerts.iter().any(|a| shown(&a)) {
        println!("nothing fires");
    }
    for s in &board.silences {
        let kind = if s.maintenance { "maintenance" } else { "silence" };
        let parts = [&s.matcher.rule, &s.matcher.chain, &s.matcher.subject];
        let about = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        let until = timestamp(s.until.saturating_mul(1_000_000));
        println!("{kind} {} of {about} until {until} by {} {}", s.id, s.by, s.note);
    }
    for c in &board.channels {
        let error = c.error.as_ref().filter(|_| c.failures > 0).map(|e| format!(": {e}")).unwrap_or_default();
        println!(
            "channel {}: {} delivered, {} wait, {} failures{error}",
            c.name, c.delivered, c.waiting, c.failures
        );
    }
}

fn exchange(socket: &Path, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
    let shown = socket.display();
    let mut stream = UnixStream::connect(socket).with_context(|| {
        format!("cannot reach the daemon at {shown}\ntry: is it running, and are you its user?")
    })?;
    stream.set_read_timeout(Some(Duration::from_secs(40)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: monitor\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the daemon gave no answer")?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).context("the daemon gave no answer")?;
    Ok((status, body.to_owned()))
}
