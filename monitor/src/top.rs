//! `palisade-monitor top`: what the page shows, in a terminal. Here is what was heard and where the operator is; [`draw`]
//! turns both into cells. Deliberately absent: orders. Acknowledging needs a name and a reason, which the page and
//! its API ask for.

pub mod draw;
mod heard;

pub use heard::{Alert, Chain, Detail, Summary, Validator, plain};

use std::cmp::Reverse;

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// All chains.
    #[default]
    Overview,
    /// One chain.
    Chain(String),
    /// One validator of it, by operator address.
    Validator(String, String),
    /// Alerts.
    Alerts,
}

/// How validators are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By rank.
    #[default]
    Power,
    /// Closest to jail first.
    Jail,
    /// Most misses on screen first.
    Missed,
    /// By name.
    Name,
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Power => Self::Jail,
            Self::Jail => Self::Missed,
            Self::Missed => Self::Name,
            Self::Name => Self::Power,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Jail => "blocks to jail",
            Self::Missed => "missed",
            Self::Name => "name",
        }
    }
}

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Up by so many lines, or down.
    Move(i32),
    /// Go in.
    Enter,
    /// Go out.
    Back,
    /// In the filter: take the last character away.
    Erase,
}

/// Everything that is on the screen.
#[derive(Clone, Debug, Default)]
pub struct Top {
    /// Where the operator is.
    pub place: Place,
    /// All chains.
    pub chains: Vec<Summary>,
    /// The chain that is looked at.
    pub chain: Option<Chain>,
    /// The validator that is looked at.
    pub detail: Option<Detail>,
    /// Alerts; `None` where the monitor has none to tell.
    pub alerts: Option<Vec<Alert>>,
    /// Why nothing new is heard.
    pub failure: Option<String>,
    /// Order of validators.
    pub sort: Sort,
    /// Own validators before all others.
    pub own_last: bool,
    /// What names must contain.
    pub filter: String,
    /// The filter is being typed.
    pub typing: bool,
    /// The marked line.
    pub marked: usize,
    /// The keys are shown.
    pub help: bool,
    /// It is over.
    pub quit: bool,
}

impl Top {
    /// Validators in their order.
    pub fn validators(&self) -> Vec<&Validator> {
        let wanted = self.filter.to_lowercase();
        let keep = |v: &&Validator| v.name().to_lowercase().contains(&wanted) || v.valoper.contains(&wanted);
        let all = self.chain.iter().flat_map(|c| &c.validators);
        let mut shown: Vec<_> = all.filter(keep).collect();
        match self.sort {
            Sort::Power => shown.sort_by_key(|v| (v.rank.is_none(), v.rank)),
            Sort::Jail => shown.sort_by_key(|v| (v.jail_class(), v.blocks_to_jail)),
            Sort::Missed => shown.sort_by_key(|v| Reverse(v.shown_misses())),
            Sort::Name => shown.sort_by_key(|v| v.name().to_lowercase()),
        }
        if !self.own_last {
            shown.sort_by_key(|v| !v.own);
        }
        shown
    }

    fn lines(&self) -> usize {
        match self.place {
            Place::Overview => self.chains.len(),
            Place::Chain(_) => self.validators().len(),
            Place::Alerts => self.alerts.as_ref().map_or(0, Vec::len),
            Place::Validator(..) => 0,
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) {
        match key {
            Key::Char(c) if self.typing => self.filter.push(c),
            Key::Erase => drop(self.filter.pop()),
            Key::Enter | Key::Back if self.typing => {
                self.typing = false;
                if key == Key::Back {
                    self.filter.clear();
                }
            }
            Key::Move(by) => {
                let by = isize::try_from(by).unwrap_or(0);
                self.marked = self.marked.saturating_add_signed(by).min(self.lines().saturating_sub(1));
            }
            Key::Enter => self.enter(),
            Key::Back | Key::Char('h') if self.help => self.help = false,
            Key::Back => self.back(),
            Key::Char('q') => self.quit = true,
            Key::Char('?') => self.help = !self.help,
            Key::Char('o') => self.go(Place::Overview),
            Key::Char('a') => self.go(Place::Alerts),
            Key::Char('s') => self.sort = self.sort.next(),
            Key::Char('w') => self.own_last = !self.own_last,
            Key::Char('/') if matches!(self.place, Place::Chain(_)) => self.typing = true,
            Key::Char('j') => self.key(Key::Move(1)),
            Key::Char('k') => self.key(Key::Move(-1)),
            Key::Char(_) => {}
        }
    }

    /// Goes somewhere.
    pub fn go(&mut self, place: Place) {
        if self.place != place {
            self.place = place;
            self.marked = 0;
            self.detail = None;
        }
    }

    fn enter(&mut self) {
        let next = match &self.place {
            Place::Overview => self.chains.get(self.marked).map(|c| Place::Chain(c.chain_id.clone())),
            Place::Chain(id) => {
                let marked = self.validators().get(self.marked).map(|v| v.valoper.clone());
                marked.map(|valoper| Place::Validator(id.clone(), valoper))
            }
            Place::Alerts => {
                let alert = self.alerts.as_ref().and_then(|all| all.get(self.marked));
                alert.filter(|a| !a.key.chain.is_empty()).map(|a| Place::Chain(a.key.chain.clone()))
            }
            Place::Validator(..) => None,
        };
        if let Some(place) = next {
            self.go(place);
        }
    }

    fn back(&mut self) {
        match self.place.clone() {
            Place::Validator(id, valoper) => {
                self.go(Place::Chain(id));
                let at = self.validators().iter().position(|v| v.valoper == valoper);
                self.marked = at.unwrap_or(0);
            }
            Place::Overview => {}
            _ => self.go(Place::Overview),
        }
    }

    /// What has to be asked for next: paths of the API, without the slash.
    pub fn wanted(&self) -> Vec<String> {
        let mut paths = vec!["api/overview".to_owned()];
        match &self.place {
            Place::Overview => {}
            Place::Alerts => paths.push("api/alerts".into()),
            Place::Chain(id) => paths.push(format!("api/chains/{}", escape(id))),
            Place::Validator(id, valoper) => {
                paths.push(format!("api/chains/{}", escape(id)));
                paths.push(format!("api/chains/{}/validators/{}", escape(id), escape(valoper)));
            }
        }
        paths
    }

    /// Takes the answer to one of them; a 404 is `None`.
    pub fn take(&mut self, path: &str, body: Option<&[u8]>) -> Result<(), serde_json::Error> {
        let parts = path.split('/').count();
        match (path, body) {
            ("api/overview", Some(body)) => {
                self.chains = serde_json::from_slice(body)?;
                self.chains.sort_by_key(|c| (c.health(), c.chain_id.clone()));
            }
            ("api/alerts", Some(body)) => {
                let mut alerts = serde_json::from_slice::<heard::Board>(body)?.alerts;
                alerts.retain(Alert::fires);
                alerts.sort_by_key(|a| (a.ack.is_some(), a.severity.clone()));
                self.alerts = Some(alerts);
            }
            ("api/alerts", None) => self.alerts = None,
            (_, Some(body)) if parts == 3 => self.chain = Some(serde_json::from_slice(body)?),
            (_, None) if parts == 3 => self.chain = None,
            (_, Some(body)) => self.detail = Some(serde_json::from_slice::<heard::Whole>(body)?.detail),
            (_, None) => self.detail = None,
        }
        Ok(())
    }
}

/// A part of a path.
fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests;
