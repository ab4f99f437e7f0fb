//! `palisade-monitor top`, where it touches the world: asks the API, reads keys, draws.

use super::http::{Http, Tls};
use super::secret;
use crate::config::SecretSource;
use crate::secret::Secret;
use crate::top::draw::{Look, draw};
use crate::top::{Key, Place, Top};
use anyhow::Context as _;
use http::{Request, header};
use http_body_util::Full;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

const DEADLINE: Duration = Duration::from_secs(10);
/// 1,000 validators are about two megabytes.
const LARGEST: usize = 64 << 20;
/// Between two looks; an answer that takes long makes it longer, so that the monitor is never kept busy.
const EVERY: Duration = Duration::from_secs(1);

/// What was asked for.
#[derive(Debug)]
pub struct Options {
    /// The monitor's page.
    pub url: String,
    /// File of a token.
    pub token: Option<PathBuf>,
    /// Whom to trust and who to be.
    pub tls: Tls,
    /// The first place.
    pub chain: Option<String>,
    /// One screen, and no keys.
    pub once: bool,
}

struct Monitor {
    http: Http,
    url: String,
    token: Option<Secret>,
}

impl Monitor {
    /// Asks for everything that `top` wants now.
    async fn look(&self, top: &mut Top) -> anyhow::Result<()> {
        for path in top.wanted() {
            let mut request = Request::get(format!("{}/{path}", self.url));
            if let Some(token) = &self.token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
            }
            let request =
                request.body(Full::default()).context("is no URL\ntry: --url http://127.0.0.1:9464")?;
            let answer = self.http.send(request, DEADLINE, LARGEST).await?;
            let body = match answer.status {
                200 => Some(&*answer.body),
                404 => None,
                401 => anyhow::bail!("the page wants a token\ntry: --token-file FILE"),
                other => anyhow::bail!("the monitor answers {other}"),
            };
            top.take(&path, body)?;
        }
        Ok(())
    }
}

/// Runs until `q`.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let token = options.token.map(|path| secret::read(&SecretSource::File(path))).transpose()?;
    let monitor =
        Monitor { http: Http::new(&options.tls)?, url: options.url.trim_end_matches('/').into(), token };
    let mut top = Top { place: options.chain.map_or(Place::Overview, Place::Chain), ..Top::default() };
    let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let look = Look {
        color: std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        unicode: utf8.is_some_and(|v| v.to_uppercase().replace('-', "").contains("UTF8")),
    };
    if options.once {
        monitor.look(&mut top).await.with_context(|| monitor.url.clone())?;
        return once(&top, look);
    }
    anyhow::ensure!(std::io::stdout().is_terminal(), "stdout is no terminal\ntry: --once");
    let mut terminal = ratatui::try_init().context("the terminal cannot be used")?;
    let result = follow(&monitor, &mut top, look, &mut terminal).await;
    ratatui::restore();
    result
}

/// Without colours: it goes into files and mails.
fn once(top: &Top, look: Look) -> anyhow::Result<()> {
    let (width, height) =
        if std::io::stdout().is_terminal() { ratatui::crossterm::terminal::size()? } else { (120, 80) };
    let backend = ratatui::backend::TestBackend::new(width, height);
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport: Viewport::Fullscreen })?;
    terminal.draw(|frame| draw(top, look, frame))?;
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    let lines: Vec<String> = (0..height.saturating_sub(1)).map(line).collect();
    // Nobody reads to the end behind `| head`, which is no fault.
    match writeln!(std::io::stdout(), "{}", lines.join("\n").trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

async fn follow(
    monitor: &Monitor,
    top: &mut Top,
    look: Look,
    terminal: &mut ratatui::DefaultTerminal,
) -> anyhow::Result<()> {
    let (out, mut events) = mpsc::channel(16);
    // Keys are read by a thread: there is no other way that blocks nothing.
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if out.blocking_send(event).is_err() {
                return;
            }
        }
    });
    let mut next = Instant::now();
    while !top.quit {
        let place = top.place.clone();
        if Instant::now() >= next {
            let asked = Instant::now();
            top.failure = monitor.look(top).await.err().map(|error| format!("{error:#}"));
            next = Instant::now() + EVERY.max(asked.elapsed() * 4);
        }
        terminal.draw(|frame| draw(top, look, frame))?;
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => {
                    take(top, &event);
                    while let Ok(event) = events.try_recv() {
                        take(top, &event);
                    }
                }
                None => return Ok(()),
            },
            () = tokio::time::sleep_until(next) => {}
        }
        if top.place != place {
            next = Instant::now();
        }
    }
    Ok(())
}

fn take(top: &mut Top, event: &Event) {
    let Event::Key(key) = event else { return };
    if key.kind == KeyEventKind::Release {
        return;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        top.quit |= key.code == KeyCode::Char('c');
        return;
    }
    let meant = match key.code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Move(-1),
        KeyCode::Down => Key::Move(1),
        KeyCode::PageUp => Key::Move(-20),
        KeyCode::PageDown => Key::Move(20),
        KeyCode::Home => Key::Move(i32::MIN),
        KeyCode::End => Key::Move(i32::MAX),
        KeyCode::Enter | KeyCode::Right => Key::Enter,
        KeyCode::Esc | KeyCode::Left => Key::Back,
        KeyCode::Backspace => Key::Erase,
        _ => return,
    };
    top.key(meant);
}
