//! The monitor's numbers as `GET /api/chains` gives them; of that answer, what the demo shows or compares.

use serde::Deserialize;

/// One chain.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Seen {
    /// Last block seen.
    pub height: Option<i64>,
    /// Last height whose signatures are counted.
    pub counted_height: Option<i64>,
    /// Round that decided it.
    pub round: Option<i32>,
    /// Times the monitor's arithmetic and the chain's events differed.
    pub disagreements: u64,
    /// Every validator.
    pub validators: Vec<SeenValidator>,
}

/// One validator.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SeenValidator {
    /// Operator address.
    pub valoper: String,
    /// Name; hostile text.
    pub moniker: String,
    /// Whether it is ours.
    pub own: bool,
    /// In jail.
    pub jailed: Option<bool>,
    /// Out for ever.
    pub tombstoned: Option<bool>,
    /// Precommits in commits, for a block or nil.
    pub signed: u64,
    /// Absences.
    pub missed: u64,
    /// Precommits for nil.
    pub nil: u64,
    /// Absences in a row.
    pub consecutive_missed: u64,
    /// Misses in the window.
    pub window_missed: Option<i64>,
    /// Misses allowed in it.
    pub window_limit: Option<i64>,
    /// If it signed nothing from now on.
    pub blocks_to_jail: Option<i64>,
    /// The same in seconds.
    pub seconds_to_jail: Option<f64>,
}

impl Seen {
    /// The chain out of the API's answer.
    pub fn parse(json: &[u8], chain_id: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Named {
            chain_id: String,
            #[serde(flatten)]
            seen: Seen,
        }
        let chains: Vec<Named> = serde_json::from_slice(json).ok()?;
        chains.into_iter().find(|chain| chain.chain_id == chain_id).map(|chain| chain.seen)
    }

    /// Our validator.
    pub fn own(&self) -> Option<&SeenValidator> {
        self.validators.iter().find(|validator| validator.own)
    }
}
