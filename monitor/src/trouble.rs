//! What is wrong with an own validator, in the words an operator needs at night: what broke, what it means for the
//! stake, how many blocks are left, and what to type.

mod more;

use crate::view::{ChainView, ValidatorView, WindowView};
use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stake is lost, or will be.
    Critical,
    /// Look at it today.
    Warning,
}

/// One trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// How bad it is.
    pub severity: Severity,
    /// Operator address.
    pub valoper: String,
    /// Name, hostile text.
    pub moniker: String,
    /// What broke.
    pub what: String,
    /// What it means for the stake.
    pub means: String,
    /// How much is left.
    pub left: Option<String>,
    /// What to type.
    pub advice: String,
}

/// Misses in a row that are no longer a hiccup.
const STREAK: u64 = 3;

/// Troubles of own validators, worst first.
pub fn of(chain: &ChainView) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for v in chain.validators.iter().filter(|v| v.own) {
        troubles.extend(one(&chain.chain_id, v, chain.window.as_ref()));
        troubles.extend(more::of(chain, v));
    }
    troubles.sort_by_key(|t| t.severity);
    troubles
}

fn one(chain_id: &str, v: &ValidatorView, window: Option<&WindowView>) -> Option<Trouble> {
    let trouble = |severity, what: String, means: String, left: Option<String>, advice: String| Trouble {
        severity,
        valoper: v.valoper.clone(),
        moniker: v.moniker.clone(),
        what,
        means,
        left,
        advice,
    };
    let burned = window.map_or_else(|| "part".into(), |w| percent(&w.slash_downtime));
    if v.tombstoned == Some(true) {
        return Some(trouble(
            Severity::Critical,
            "is tombstoned: it signed two different blocks at one height".into(),
            "Its stake was slashed and this consensus key can never validate again: a new validator with a new key is the only way back.".into(),
            None,
            "stop every process that holds the key; a new validator with a new key is the only way back"
                .into(),
        ));
    }
    if v.jailed == Some(true) {
        let until = match (v.may_unjail, &v.jailed_until) {
            (Some(true), _) => Some("It may leave jail now".into()),
            (_, Some(time)) => Some(format!("It may leave jail at {time}")),
            (_, None) => None,
        };
        return Some(trouble(
            Severity::Critical,
            "is in jail and out of the set".into(),
            format!(
                "It earns nothing, and {burned} of the stake is burned at a jailing for downtime. Repair the node first."
            ),
            until,
            format!("<node> tx slashing unjail --from <operator> --chain-id {chain_id}"),
        ));
    }
    if !v.in_set {
        return Some(trouble(
            Severity::Warning,
            "is not in the validator set".into(),
            "It signs nothing and earns nothing.".into(),
            None,
            format!("<node> query staking validator {}", v.valoper),
        ));
    }
    let left = v.blocks_to_jail.map(|blocks| {
        let bound = if v.exact { "" } else { "at least " };
        let time = v.seconds_to_jail.map(|s| format!(", about {}", duration(s))).unwrap_or_default();
        format!("{bound}{blocks} blocks to jail if it signs none of them{time}")
    });
    let means = format!("When the window is full it is jailed and {burned} of the stake is burned.");
    let advice = "journalctl -u palisade-signer -n 50; curl -s localhost:26657/status";
    if v.consecutive_missed >= STREAK {
        let what = format!("has missed the last {} blocks", v.consecutive_missed);
        return Some(trouble(Severity::Critical, what, means, left, advice.into()));
    }
    if let (Some(missed), Some(limit)) = (v.window_missed, v.window_limit)
        && missed > 0
        && missed.saturating_mul(2) > limit
    {
        let what = format!("has used {missed} of the {limit} misses that its window allows");
        return Some(trouble(Severity::Warning, what, means, left, advice.into()));
    }
    None
}

/// `0.000100000000000000` as `0.01 %`.
fn percent(decimal: &str) -> String {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let padded = format!("{fraction:0<2}");
    let (hundredths, rest) = padded.split_at(2);
    let units = format!("{whole}{hundredths}");
    let units = units.trim_start_matches('0');
    let rest = rest.trim_end_matches('0');
    let units = if units.is_empty() { "0" } else { units };
    if rest.is_empty() { format!("{units} %") } else { format!("{units}.{rest} %") }
}

/// Seconds as a person says them.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and far below 2^63")]
pub fn duration(seconds: f64) -> String {
    let s = seconds.clamp(0.0, 1e15).round() as u64;
    match s {
        0..120 => format!("{s} s"),
        120..7200 => format!("{} min", s / 60),
        7200..172_800 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers() {
        for (decimal, text) in [
            ("0.000100000000000000", "0.01 %"),
            ("0.05", "5 %"),
            ("1.000000000000000000", "100 %"),
            ("0.0", "0 %"),
        ] {
            assert_eq!(percent(decimal), text);
        }
        for (seconds, text) in
            [(0.4, "0 s"), (119.0, "119 s"), (600.0, "10 min"), (7260.0, "2 h 1 min"), (2e5, "2 days")]
        {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn only_own_validators_and_the_worst_first() {
        let own = ValidatorView { own: true, in_set: true, ..ValidatorView::default() };
        let streak =
            ValidatorView { consecutive_missed: 3, blocks_to_jail: Some(40), exact: true, ..own.clone() };
        let outside = ValidatorView { in_set: false, ..own.clone() };
        let jailed = ValidatorView { jailed: Some(true), in_set: false, ..own.clone() };
        let stranger = ValidatorView { own: false, ..jailed.clone() };
        let chain = ChainView {
            chain_id: "c-1".into(),
            validators: vec![own, outside, streak, jailed, stranger],
            ..ChainView::default()
        };
        let troubles = of(&chain);
        let what: Vec<_> = troubles.iter().map(|t| (t.severity, t.what.as_str())).collect();
        assert_eq!(
            what,
            [
                (Severity::Critical, "has missed the last 3 blocks"),
                (Severity::Critical, "is in jail and out of the set"),
                (Severity::Warning, "is not in the validator set"),
            ]
        );
        assert_eq!(troubles[0].left.as_deref(), Some("40 blocks to jail if it signs none of them"));
        assert!(troubles[1].advice.contains("--chain-id c-1"));
    }
}
