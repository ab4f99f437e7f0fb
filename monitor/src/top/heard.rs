//! What the monitor's API says, as far as `top` shows it. Every field may be missing: an older or newer monitor is shown
//! as well.

use serde::Deserialize;

/// One chain in a line.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Chain id.
    pub chain_id: String,
    /// Height of the last block seen.
    pub height: Option<i64>,
    /// Seconds since it arrived.
    pub data_age_seconds: Option<f64>,
    /// No news for too long.
    pub blind: bool,
    /// Share of the power that signed.
    pub signed_power_ratio: Option<f64>,
    /// Times own arithmetic and the chain's word differed.
    pub disagreements: u64,
    /// Endpoints that answer.
    pub sources_up: usize,
    /// All endpoints.
    pub sources: usize,
    /// Critical troubles.
    pub critical: usize,
    /// Warnings.
    pub warnings: usize,
    /// The own validator that needs help first.
    pub worst: Option<Validator>,
}

impl Summary {
    /// How it is: the smaller, the worse.
    pub fn health(&self) -> u8 {
        match self {
            _ if self.blind => 0,
            _ if self.critical > 0 => 1,
            _ if self.height.is_none() => 2,
            _ if self.warnings > 0 => 3,
            _ if self.disagreements > 0 => 4,
            _ if self.sources_up < self.sources => 5,
            _ => 6,
        }
    }

    /// The same in a word.
    pub fn word(&self) -> &'static str {
        ["BLIND", "CRITICAL", "WAITING", "WARNING", "DISAGREES", "ENDPOINT DOWN", "good"]
            [usize::from(self.health())]
    }
}

/// One validator.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Validator {
    /// Operator address.
    pub valoper: String,
    /// Name; hostile text.
    pub moniker: String,
    /// Watched as an own one.
    pub own: bool,
    /// Position by power.
    pub rank: Option<usize>,
    /// Power.
    pub power: Option<i64>,
    /// In the set.
    pub in_set: bool,
    /// In jail.
    pub jailed: Option<bool>,
    /// Out for ever.
    pub tombstoned: Option<bool>,
    /// Earliest unjail.
    pub jailed_until: Option<String>,
    /// Heights signed.
    pub signed: u64,
    /// Heights missed.
    pub missed: u64,
    /// Nil votes.
    pub nil: u64,
    /// Blocks proposed.
    pub proposed: u64,
    /// Misses in a row.
    pub consecutive_missed: u64,
    /// C.
    pub window_missed: Option<i64>,
    /// M.
    pub window_limit: Option<i64>,
    /// Blocks to jail if it is down.
    pub blocks_to_jail: Option<i64>,
    /// Whether that is exact.
    pub exact: bool,
    /// In seconds.
    pub seconds_to_jail: Option<f64>,
    /// Blocks until the window is clean.
    pub blocks_to_clean: Option<i64>,
    /// Share signed.
    pub uptime_ratio: Option<f64>,
    /// What is ahead of it.
    pub forecast: Forecast,
    /// Letters of the last heights.
    pub flags: String,
}

/// What is ahead of a validator.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Forecast {
    /// When it would be in jail if it is down from now.
    pub jail_at: Option<String>,
    /// Within an hour.
    pub jail_probability_1h: Option<f64>,
    /// Within a day.
    pub jail_probability_24h: Option<f64>,
    /// Within a week.
    pub jail_probability_7d: Option<f64>,
    /// How sure that is.
    pub confidence: Option<String>,
}

impl Validator {
    /// A name that cannot do anything to the terminal.
    pub fn name(&self) -> String {
        let name = plain(&self.moniker);
        if name.is_empty() { self.valoper.chars().take(14).collect() } else { name }
    }

    /// Misses among the letters.
    pub fn shown_misses(&self) -> usize {
        self.flags.chars().filter(|c| matches!(c, 'm' | 'M')).count()
    }

    /// In jail first, then by blocks, then who cannot be jailed, then those out for ever.
    pub(super) fn jail_class(&self) -> u8 {
        match self {
            _ if self.tombstoned == Some(true) => 3,
            _ if self.jailed == Some(true) => 0,
            _ if self.blocks_to_jail.is_some() => 1,
            _ => 2,
        }
    }
}

/// What is wrong with an own validator.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Trouble {
    /// `critical` or `warning`.
    pub severity: String,
    /// Name; hostile text.
    pub moniker: String,
    /// What broke.
    pub what: String,
    /// What it means.
    pub means: String,
    /// What is left.
    pub left: Option<String>,
    /// What to type.
    pub advice: String,
}

/// The slashing parameters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Window {
    /// W.
    pub blocks: i64,
    /// M.
    pub limit: Option<i64>,
}

/// One chain in full.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chain {
    /// Chain id.
    pub chain_id: String,
    /// Height of the last block seen.
    pub height: Option<i64>,
    /// Seconds since it arrived.
    pub data_age_seconds: Option<f64>,
    /// No news for too long.
    pub blind: bool,
    /// Median time between blocks.
    pub block_seconds: Option<f64>,
    /// Round of the last counted height.
    pub round: Option<i32>,
    /// Share of the power that signed it.
    pub signed_power_ratio: Option<f64>,
    /// The slashing parameters.
    pub window: Option<Window>,
    /// What is wrong.
    pub troubles: Vec<Trouble>,
    /// Everybody.
    pub validators: Vec<Validator>,
}

/// A validator in depth.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// Letters of all remembered heights.
    pub flags: String,
    /// Last of them.
    pub to: i64,
    /// Its window.
    pub window: Option<WindowDetail>,
}

/// A window in depth.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WindowDetail {
    /// W.
    pub blocks: i64,
    /// Runs of misses: falls out after so many blocks, and how many.
    pub misses: Option<Vec<(i64, i64)>>,
}

/// The answer that has it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Whole {
    pub(super) detail: Detail,
}

/// What an alert is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AlertKey {
    /// Rule.
    pub rule: String,
    /// Chain id, or nothing.
    pub chain: String,
    /// Validator, endpoint, or nothing.
    pub subject: String,
}

/// One alert.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Alert {
    /// What it is about.
    pub key: AlertKey,
    /// `critical` or `warning`.
    pub severity: String,
    /// What an operator reads.
    pub words: Trouble,
    /// Pending or firing.
    pub phase: serde_json::Value,
    /// Nothing is sent.
    pub silenced: bool,
    /// Who has taken it.
    pub ack: Option<serde_json::Value>,
}

impl Alert {
    pub(super) fn fires(&self) -> bool {
        self.phase.get("firing").is_some()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Board {
    pub(super) alerts: Vec<Alert>,
}

/// Text without control characters and without those that are not seen: they could move the cursor, turn the line
/// around, or hide what follows.
pub fn plain(text: &str) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{AD}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
                | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
    };
    let mut marks = 0;
    let mut few = |c: &char| {
        let mark = matches!(c, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}');
        marks = if mark { marks + 1 } else { 0 };
        marks < 3
    };
    text.chars().filter(|c| !unseen(*c)).filter(|c| few(c)).collect::<String>().trim().to_owned()
}
