//! What is shown of alerts: by the API, the page, the command line and the metrics.

use super::policy::Silence;
use super::{Alert, Millis};
use crate::alert::facts::Probe;
use serde::{Deserialize, Serialize};

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// When the rules were last looked at; `None` before the first time.
    pub evaluated_at: Option<Millis>,
    /// Pending and firing.
    pub alerts: Vec<Alert>,
    /// Silences and maintenance by command.
    pub silences: Vec<Silence>,
    /// Who is told.
    pub channels: Vec<ChannelView>,
    /// Signers that are asked.
    pub signers: Vec<Probe>,
    /// Sentries that are asked.
    pub sentries: Vec<Probe>,
}

/// How delivery by one channel goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelView {
    /// Its name.
    pub name: String,
    /// Messages that arrived since the start.
    pub delivered: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// Failures since the last success.
    pub failures: u32,
    /// Messages that wait.
    pub waiting: u64,
    /// Age of the oldest of them.
    pub oldest_seconds: i64,
    /// Why the last attempt failed.
    pub error: Option<String>,
}
