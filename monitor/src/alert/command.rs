//! What an operator orders: acknowledge, silence, end a silence.

use super::engine::State;
use super::policy::{Matcher, Silence};
use super::{Ack, Millis};
use serde::{Deserialize, Serialize};

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// I take care: no reminders, no escalation.
    Ack {
        /// What; one of rule, chain and subject at least.
        matcher: Matcher,
        /// Who.
        by: String,
        /// What is being done.
        #[serde(default)]
        note: String,
    },
    /// Say nothing of what matches.
    Silence {
        /// What; one of rule, chain and subject at least.
        matcher: Matcher,
        /// For so many seconds.
        seconds: i64,
        /// As maintenance: what could be a double-sign is told all the same.
        #[serde(default)]
        maintenance: bool,
        /// Who.
        by: String,
        /// Why.
        #[serde(default)]
        note: String,
    },
    /// End a silence.
    Unsilence {
        /// Which.
        id: u64,
    },
}

/// Why an order cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It would be about everything.
    #[error("neither rule nor chain nor subject is given\ntry: name what it is about, for instance a chain")]
    Everything,
    /// There is nothing of the kind.
    #[error("no firing alert matches\ntry: palisade-monitor alert list")]
    NoAlert,
    /// There is no such silence.
    #[error("there is no silence {0}\ntry: palisade-monitor alert list")]
    NoSilence(u64),
    /// Not positive, or for ever.
    #[error("{0} s is no time for a silence\ntry: between a second and 90 days")]
    Span(i64),
}

/// Longest silence: what is silenced for longer should be changed in the configuration.
const LONGEST: i64 = 90 * 86_400;

/// Carries `command` out; says what came of it.
pub fn apply(state: &mut State, command: Command, now: Millis) -> Result<String, CommandError> {
    let empty = |m: &Matcher| *m == Matcher::default();
    match command {
        Command::Ack { matcher, .. } | Command::Silence { matcher, .. } if empty(&matcher) => {
            Err(CommandError::Everything)
        }
        Command::Ack { matcher, by, note } => {
            let mut taken = 0;
            for alert in state.alerts.values_mut().filter(|a| a.fires_since().is_some() && matcher.alert(a)) {
                alert.ack = Some(Ack { by: by.clone(), at: now, note: note.clone() });
                taken += 1;
            }
            if taken == 0 { Err(CommandError::NoAlert) } else { Ok(format!("{taken} acknowledged")) }
        }
        Command::Silence { seconds, .. } if !(1..=LONGEST).contains(&seconds) => {
            Err(CommandError::Span(seconds))
        }
        Command::Silence { matcher, seconds, maintenance, by, note } => {
            // Not only above those that are left: an id is not given twice in a day.
            let id = state.silences.iter().map(|s| s.id).max().unwrap_or(0).max(seconds_of_day(now)) + 1;
            let until = now + seconds * 1000;
            state.silences.push(Silence { id, matcher, maintenance, until, by, note });
            Ok(format!("silence {id}"))
        }
        Command::Unsilence { id } => {
            let before = state.silences.len();
            state.silences.retain(|s| s.id != id);
            if state.silences.len() == before {
                return Err(CommandError::NoSilence(id));
            }
            Ok(format!("silence {id} ended"))
        }
    }
}

fn seconds_of_day(now: Millis) -> u64 {
    u64::try_from(now.div_euclid(1000).rem_euclid(86_400)).unwrap_or(0)
}
