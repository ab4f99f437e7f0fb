//! How far a long catch-up is: a bar where somebody watches, a line now and then in a log.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;
use tokio::time::Instant;

/// Fewer blocks than this are not worth a word.
const WORTH: i64 = 500;
const BAR: Duration = Duration::from_millis(250);
const LINE: Duration = Duration::from_secs(15);
const WIDTH: usize = 30;

/// One catch-up.
#[derive(Debug)]
pub(super) struct Progress {
    from: i64,
    started: Instant,
    said: Instant,
}

/// Says how far `chain` is, when it is time to. `progress` begins with the first call that has far to go, and ends with the tip.
pub(super) fn say(progress: &mut Option<Progress>, chain: &str, head: i64, tip: i64) {
    let now = Instant::now();
    let terminal = std::io::stderr().is_terminal();
    let Some(known) = progress else {
        if tip - head > WORTH {
            tracing::info!(chain, head, tip, "catching up");
            *progress = Some(Progress { from: head, started: now, said: now });
        }
        return;
    };
    if tip - head < 2 {
        if terminal {
            eprint!("\r\x1b[K");
        }
        let seconds = now.duration_since(known.started).as_secs();
        tracing::info!(chain, blocks = head - known.from, seconds, "caught up");
        *progress = None;
        return;
    }
    if now.duration_since(known.said) < if terminal { BAR } else { LINE } {
        return;
    }
    known.said = now;
    let (done, all) = (head - known.from, (tip - known.from).max(1));
    let millis = i64::try_from(now.duration_since(known.started).as_millis()).unwrap_or(i64::MAX).max(1);
    let rate = done.saturating_mul(1000) / millis;
    let left = if rate > 0 { (tip - head) / rate } else { 0 };
    let percent = done * 100 / all;
    if terminal {
        let filled = WIDTH * usize::try_from(done).unwrap_or(0) / usize::try_from(all).unwrap_or(1);
        let bar = format!("{}{}", "#".repeat(filled.min(WIDTH)), ".".repeat(WIDTH.saturating_sub(filled)));
        eprint!("\r\x1b[K{chain} [{bar}] {percent} %  {head} of {tip}  {rate}/s  {left} s left");
        let _ = std::io::stderr().flush();
    } else {
        tracing::info!(chain, percent, head, tip, rate, seconds_left = left, "catching up");
    }
}
