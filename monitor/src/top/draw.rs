//! From what was heard to cells. Every state of a height has a letter-like shape of its own, so that neither colour nor a
//! wide font is needed; colours are the sixteen that every terminal has, and none at all where `NO_COLOR` says so.

use super::{Place, Top, Validator, plain};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Clear, Paragraph, Row, Table, TableState, Wrap};

/// How it may look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// With colours.
    pub color: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
}

impl Look {
    fn fg(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    fn bad(self) -> Style {
        self.fg(Color::LightRed).add_modifier(Modifier::BOLD)
    }

    fn warn(self) -> Style {
        self.fg(Color::Yellow)
    }

    fn dim(self) -> Style {
        self.fg(Color::DarkGray)
    }

    /// One letter of the grid.
    fn height(self, letter: char) -> Span<'static> {
        let proposed = letter.is_ascii_uppercase();
        let (shape, ascii, style) = match letter.to_ascii_lowercase() {
            's' if proposed => ("◆", "*", self.fg(Color::LightGreen)),
            's' => ("·", ".", self.fg(Color::Green)),
            'n' => ("▄", "n", self.warn()),
            'm' => ("█", "X", self.fg(Color::LightRed)),
            '-' => ("-", "-", self.dim()),
            _ => (" ", " ", self.dim()),
        };
        Span::styled(if self.unicode { shape } else { ascii }, style)
    }

    fn grid(self, flags: &str, width: u16) -> Line<'static> {
        let letters: Vec<char> = flags.chars().collect();
        let skip = letters.len().saturating_sub(usize::from(width));
        letters.into_iter().skip(skip).map(|l| self.height(l)).collect()
    }
}

/// Draws everything.
pub fn draw(top: &Top, look: Look, frame: &mut Frame<'_>) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(header(top, look), head);
    match &top.place {
        Place::Overview => overview(top, look, frame, body),
        Place::Chain(_) => chain(top, look, frame, body),
        Place::Validator(_, valoper) => validator(top, valoper, look, frame, body),
        Place::Alerts => alerts(top, look, frame, body),
    }
    let keys = if top.typing {
        format!("/{}_", plain(&top.filter))
    } else {
        format!(
            "? keys  enter in  esc out  o overview  a alerts  s order: {}  / filter {}  q quit",
            top.sort.name(),
            plain(&top.filter)
        )
    };
    frame.render_widget(Paragraph::new(keys).style(look.dim()), foot);
    if top.help {
        help(frame);
    }
}

fn header(top: &Top, look: Look) -> Line<'static> {
    let mut spans = vec![Span::styled("Palisade ", Style::new().add_modifier(Modifier::BOLD))];
    if let Some(failure) = &top.failure {
        spans.push(Span::styled(format!("BLIND: {}", plain(failure)), look.bad()));
        return spans.into();
    }
    let shown = match &top.place {
        Place::Chain(id) | Place::Validator(id, _) => top.chain.as_ref().filter(|c| c.chain_id == *id),
        _ => None,
    };
    match shown {
        Some(c) => {
            let age =
                c.data_age_seconds.map_or_else(|| "no block yet".into(), |s| format!("{} old", duration(s)));
            let word = if c.blind { "BLIND" } else { "live" };
            spans.push(Span::styled(plain(&c.chain_id), Style::new().add_modifier(Modifier::BOLD)));
            spans.push(Span::raw(format!(
                "  height {}  round {}  power {}  block {}  window {}  ",
                count(c.height),
                count(c.round.map(i64::from)),
                percent(c.signed_power_ratio, 1),
                c.block_seconds.map_or_else(|| "–".into(), |s| format!("{s:.2} s")),
                c.window.as_ref().map_or_else(
                    || "–".into(),
                    |w| format!("{} of {}", count(w.limit), count(Some(w.blocks)))
                ),
            )));
            spans.push(Span::styled(
                format!("{word}, {age}"),
                if c.blind { look.bad() } else { look.fg(Color::Green) },
            ));
        }
        None => {
            let bad = top.chains.iter().filter(|c| c.health() < 2).count();
            let text = format!("{} chains, {bad} in trouble", top.chains.len());
            spans.push(Span::styled(text, if bad > 0 { look.bad() } else { Style::new() }));
        }
    }
    spans.into()
}

fn overview(top: &Top, look: Look, frame: &mut Frame<'_>, area: Rect) {
    let rows = top.chains.iter().map(|c| {
        let style = match c.health() {
            0..=1 => look.bad(),
            2..=5 => look.warn(),
            _ => look.fg(Color::Green),
        };
        let (name, jail, grid) = match &c.worst {
            Some(v) => (v.name(), to_jail(v), look.grid(&v.flags, 30)),
            None => ("none watched".into(), String::new(), Line::default()),
        };
        Row::new([
            Cell::new(plain(&c.chain_id)),
            Cell::new(Span::styled(c.word(), style)),
            right(count(c.height)),
            right(c.data_age_seconds.map_or_else(|| "–".into(), duration)),
            right(percent(c.signed_power_ratio, 1)),
            right(format!("{}/{}", c.sources_up, c.sources)),
            Cell::new(name),
            Cell::new(grid),
            right(jail),
        ])
    });
    let widths = [20, 13, 11, 9, 8, 5, 20, 30, 18].map(Constraint::Length);
    let names = [
        "chain",
        "health",
        "height",
        "last block",
        "power",
        "ends",
        "closest own",
        "its last heights",
        "to jail if down",
    ];
    table(rows.collect(), &widths, &names, top, look, frame, area);
}

fn chain(top: &Top, look: Look, frame: &mut Frame<'_>, area: Rect) {
    let Some(chain) = &top.chain else {
        frame.render_widget(Paragraph::new("waiting for the chain"), area);
        return;
    };
    let lines: Vec<Line<'_>> = chain.troubles.iter().flat_map(|t| trouble(t, look)).collect();
    let space = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height / 2);
    let [above, below] = Layout::vertical([Constraint::Length(space), Constraint::Min(1)]).areas(area);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), above);
    let grid = below.width.saturating_sub(4 + 20 + 7 + 7 + 20 + 5).min(100);
    let rows = top.validators().into_iter().map(|v| {
        let (word, style) = standing(v, look);
        let last = if v.in_set && v.jailed != Some(true) { to_jail(v) } else { word };
        let name = format!("{}{}", if v.own { if look.unicode { "● " } else { "> " } } else { "" }, v.name());
        let own = if v.own { look.fg(Color::Yellow).add_modifier(Modifier::BOLD) } else { Style::new() };
        Row::new([
            right(v.rank.map_or_else(|| "–".into(), |r| r.to_string())),
            Cell::new(Span::styled(name, own)),
            Cell::new(look.grid(&v.flags, grid)),
            right(v.shown_misses().to_string()),
            right(count(v.window_missed)),
            Cell::new(Line::styled(last, style).alignment(Alignment::Right)),
        ])
    });
    let widths = [4, 20, grid, 7, 7, 20].map(Constraint::Length);
    let names = ["#", "validator", "last heights", "missed", "window", "to jail if down"];
    table(rows.collect(), &widths, &names, top, look, frame, below);
}

fn validator(top: &Top, valoper: &str, look: Look, frame: &mut Frame<'_>, area: Rect) {
    let found =
        top.chain.as_ref().and_then(|c| Some((c, c.validators.iter().find(|v| v.valoper == valoper)?)));
    let Some((chain, v)) = found else {
        frame.render_widget(Paragraph::new("this validator is not known here"), area);
        return;
    };
    let (word, style) = standing(v, look);
    let mut lines = vec![
        Line::from(vec![
            Span::styled(v.name(), Style::new().add_modifier(Modifier::BOLD)),
            "  ".into(),
            Span::styled(word, style),
        ]),
        Line::styled(plain(&v.valoper), look.dim()),
        Line::default(),
    ];
    let own = chain.troubles.iter().filter(|t| t.moniker == v.moniker);
    lines.extend(own.flat_map(|t| trouble(t, look)));
    let chance = |p: Option<f64>| p.map_or_else(|| "–".into(), |p| format!("{:.2} %", 100.0 * p));
    let f = &v.forecast;
    for (label, value) in [
        ("to jail if down", to_jail(v)),
        ("that is at", f.jail_at.clone().unwrap_or_else(|| "–".into())),
        (
            "P(jail) 1 h, 24 h, 7 d",
            format!(
                "{}, {}, {}  {}",
                chance(f.jail_probability_1h),
                chance(f.jail_probability_24h),
                chance(f.jail_probability_7d),
                f.confidence.as_deref().unwrap_or("")
            ),
        ),
        ("misses in the window", format!("{} of {}", count(v.window_missed), count(v.window_limit))),
        ("clean again after", format!("{} blocks", count(v.blocks_to_clean))),
        ("uptime", percent(v.uptime_ratio, 3)),
        ("missed in a row", v.consecutive_missed.to_string()),
        (
            "rank, power",
            format!("{}, {}", v.rank.map_or_else(|| "–".into(), |r| r.to_string()), count(v.power)),
        ),
        ("signed, missed, nil", format!("{}, {}, {}", v.signed, v.missed, v.nil)),
        ("proposed", v.proposed.to_string()),
    ] {
        lines.push(Line::from(vec![
            Span::styled(format!("{label:>24}  "), look.dim()),
            Span::raw(plain(&value)),
        ]));
    }
    if let Some(detail) = &top.detail {
        let width = usize::from(area.width.min(128)).max(1);
        if let Some((window, misses)) = detail.window.as_ref().and_then(|w| Some((w, w.misses.as_ref()?))) {
            lines.push(Line::default());
            lines.push(Line::styled(
                "window: left falls out with the next block, right was written by the last one",
                look.dim(),
            ));
            lines.push(strip(window.blocks, misses, width, look));
        }
        lines.push(Line::default());
        lines.push(Line::styled(format!("{} heights up to {}", detail.flags.len(), detail.to), look.dim()));
        let letters: Vec<char> = detail.flags.chars().collect();
        lines.extend(letters.chunks(width).map(|part| part.iter().map(|l| look.height(*l)).collect()));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// The window squeezed into `width` cells: one with a miss in it is marked.
fn strip(blocks: i64, misses: &[(i64, i64)], width: usize, look: Look) -> Line<'static> {
    let cells = i64::try_from(width).unwrap_or(1);
    let mut marked = vec!['s'; width];
    for (from, length) in misses {
        for k in *from..from.saturating_add(*length) {
            let cell = (k - 1).saturating_mul(cells) / blocks.max(1);
            if let Some(letter) = usize::try_from(cell).ok().and_then(|at| marked.get_mut(at)) {
                *letter = 'm';
            }
        }
    }
    marked.into_iter().map(|l| look.height(l)).collect()
}

fn alerts(top: &Top, look: Look, frame: &mut Frame<'_>, area: Rect) {
    let Some(alerts) = &top.alerts else {
        frame.render_widget(Paragraph::new("this monitor has no alerts to tell"), area);
        return;
    };
    if alerts.is_empty() {
        frame.render_widget(Paragraph::new(Span::styled("nothing fires", look.fg(Color::Green))), area);
        return;
    }
    let rows = alerts.iter().map(|a| {
        let style = if a.severity == "critical" { look.bad() } else { look.warn() };
        let state = match (a.ack.is_some(), a.silenced) {
            (true, _) => "acked",
            (_, true) => "silenced",
            _ => "",
        };
        let words = [&a.words.what, a.words.left.as_ref().unwrap_or(&a.words.means)];
        Row::new([
            Cell::new(Span::styled(a.severity.to_uppercase(), style)),
            Cell::new(plain(&a.key.chain)),
            Cell::new(plain(&a.key.rule)),
            Cell::new(state),
            Cell::new(Text::from(format!(
                "{}: {}; type: {}",
                plain(words[0]),
                plain(words[1]),
                plain(&a.words.advice)
            ))),
        ])
    });
    let widths = [
        Constraint::Length(9),
        Constraint::Length(16),
        Constraint::Length(20),
        Constraint::Length(8),
        Constraint::Min(20),
    ];
    table(rows.collect(), &widths, &["severity", "chain", "rule", "", "what"], top, look, frame, area);
}

fn table(
    rows: Vec<Row<'_>>,
    widths: &[Constraint],
    names: &[&str],
    top: &Top,
    look: Look,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let head = Row::new(names.iter().map(|n| Cell::new((*n).to_owned()))).style(look.dim());
    let table = Table::new(rows, widths.to_vec())
        .header(head)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(Some(top.marked));
    frame.render_stateful_widget(table, area, &mut state);
}

fn trouble(t: &super::heard::Trouble, look: Look) -> Vec<Line<'static>> {
    let style = if t.severity == "critical" { look.bad() } else { look.warn() };
    let head = format!("{}: {} {}. ", t.severity.to_uppercase(), plain(&t.moniker), plain(&t.what));
    let rest = format!("{} {}", plain(&t.means), t.left.as_deref().map(plain).unwrap_or_default());
    vec![
        Line::from(vec![Span::styled(head, style), Span::raw(rest)]),
        Line::from(vec![Span::styled("  type: ", look.dim()), Span::raw(plain(&t.advice))]),
    ]
}

fn help(frame: &mut Frame<'_>) {
    let text = "up down j k   the line        enter   go in\nesc           go out          o       all chains\na             alerts          s       order\nw             own first       /       filter\nq             quit            ?       this\n\n. signed  * proposed  n nil vote  X missed  - not in the set\nwith Unicode: \u{b7} \u{25c6} \u{2584} \u{2588} -";
    let [area] =
        Layout::vertical([Constraint::Length(9)]).flex(ratatui::layout::Flex::Center).areas(frame.area());
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(text), area);
}

fn right(text: String) -> Cell<'static> {
    Cell::new(Line::raw(text).alignment(Alignment::Right))
}

fn standing(v: &Validator, look: Look) -> (String, Style) {
    match v {
        _ if v.tombstoned == Some(true) => ("TOMBSTONED".into(), look.bad()),
        _ if v.jailed == Some(true) => ("JAILED".into(), look.bad()),
        _ if !v.in_set => ("NOT IN SET".into(), look.warn()),
        _ if v.consecutive_missed >= 3 => (format!("DOWN {}", v.consecutive_missed), look.bad()),
        _ if v.consecutive_missed > 0 => (format!("DOWN {}", v.consecutive_missed), look.warn()),
        _ => ("SIGNING".into(), Style::new()),
    }
}

fn to_jail(v: &Validator) -> String {
    let bound = if v.exact { "" } else { "≥" };
    let time = v.seconds_to_jail.map_or_else(String::new, |s| format!(", {}", duration(s)));
    v.blocks_to_jail.map_or_else(|| "–".into(), |k| format!("{bound}{}{time}", count(Some(k))))
}

/// With a comma between thousands.
fn count(n: Option<i64>) -> String {
    let Some(n) = n else { return "–".into() };
    let digits = n.unsigned_abs().to_string();
    let mut text = if n < 0 { "-".to_owned() } else { String::new() };
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn percent(ratio: Option<f64>, digits: usize) -> String {
    ratio.map_or_else(|| "–".into(), |r| format!("{:.digits$} %", 100.0 * r))
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}
