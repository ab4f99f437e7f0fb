//! What is ahead of one validator: its budget, its way to jail and back to a clean window, and how likely jail is.

use serde::Serialize;

/// The forecast of one validator. Absent where it is not known, and while it is in jail.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ForecastView {
    /// M - C: misses that the window still takes, if none of the old ones falls out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<i64>,
    /// Height whose block jails it if it signs none from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_height: Option<i64>,
    /// The same moment by the median block time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_at: Option<String>,
    /// The same in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_at_unix: Option<i64>,
    /// Blocks to sign until half of the limit is used at most; 0 = it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks_to_half: Option<i64>,
    /// The same in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_to_half: Option<f64>,
    /// Seconds of signing until the window is clean; in blocks it is `blocks_to_clean`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_to_clean: Option<f64>,
    /// Probability of a jailing for downtime within an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_probability_1h: Option<f64>,
    /// Within a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_probability_24h: Option<f64>,
    /// Within a week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_probability_7d: Option<f64>,
    /// Height of the state that the probabilities were computed from; they are renewed every few minutes, and sooner
    /// for who is in danger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability_height: Option<i64>,
    /// `complete` (every slot of the window is known), `partial` (some misses have no known slot) or `counter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<&'static str>,
    /// Misses in the window that are its own: those in blocks that much of the rest missed too are left out. For the
    /// estimate only, the chain counts all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributable_missed: Option<i64>,
    /// How long an outage of it lasts on average, in blocks, as estimated from its window and the whole set's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage_blocks: Option<f64>,
    /// Blocks between two outages on average, estimated likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between_outages_blocks: Option<f64>,
}
