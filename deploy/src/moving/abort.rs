//! How a move ends badly, and what to do then: one printed way forward for each doubt.

use serde::{Deserialize, Serialize};

use super::{Move, Stage};

/// Why a move does not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The one thing that nothing may replace.
    #[error("the old host does not answer, so nobody knows whether it signs")]
    OldUnreachable,
    /// The old host gives no mark to carry.
    #[error("the old host has no readable mark and key for {0}")]
    OldHasNoMark(String),
    /// A process, a unit or a connection.
    #[error("the old host is not down: {0}")]
    OldRuns(String),
    /// A signer works on the new host already.
    #[error("a signer runs on the new host already")]
    NewRuns,
    /// It could not sign.
    #[error("the new host is not ready: {0}")]
    NewNotReady(String),
    /// The two hosts hold different keys.
    #[error("the two hosts hold different keys for {0}")]
    OtherKey(String),
    /// Somebody signs.
    #[error(
        "a final block of {0} at height {1} holds a signature of the key above the carried mark: somebody else signs with it"
    )]
    StillSigning(String, i64),
    /// No blocks, no proof.
    #[error("{0} makes no blocks, so nothing shows that the key is silent")]
    Halted(String),
    /// Nobody to ask.
    #[error("no node of {0} answers: {1}")]
    NoRpc(String, String),
    /// The mark did not arrive.
    #[error("the new host's mark is below the one that was carried")]
    MarkLower,
    /// Started, silent.
    #[error("the new host runs, but has not signed above the carried mark")]
    NoSignature,
    /// The old host came back, and the new one could not be stopped.
    #[error("{0}; and stopping the new host failed as well: {1}")]
    BothMayRun(Box<Doubt>, String),
    /// An action did not work.
    #[error("at {0}: {1}")]
    Failed(String, String),
}

/// A move that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abort {
    /// Why.
    pub doubt: Doubt,
    /// Lines for the operator, the first thing to do first.
    pub way_forward: Vec<String>,
}

impl Abort {
    pub(super) fn new(of: &Move, doubt: Doubt) -> Self {
        let (from, to) = (&of.order.from, &of.order.to);
        let again = format!("then run it again: palisade signer move {from} {to}");
        let untouched = format!("nothing was changed: {from} is as it was");
        let way_forward = match &doubt {
            Doubt::BothMayRun(..) => vec![
                format!("NOW: stop palisade-signer on {to} by hand, on its console if ssh does not answer"),
                format!("then make sure that {from} is off: power it down, or take it from the network"),
                "only then look for the reason".into(),
            ],
            Doubt::OldRuns(_) if matches!(of.stage, Stage::StopNew(_)) => vec![
                format!("both hosts are to be stopped: {to} was stopped and masked when {from} showed signs of life"),
                format!("find out who started {from} past its mask, and end it; its state was put aside, so whoever did had a copy"),
                format!("only when {from} is off for certain, on {to}: systemctl unmask palisade-signer && systemctl enable --now palisade-signer"),
                format!("{to} holds the newest mark; never give {from} a state again"),
            ],
            Doubt::OldUnreachable if of.started => vec![
                format!("{to} signs, and is the only host with a mark; leave it running"),
                format!("{from} was stopped, masked and without a state right before the start, and has not answered since"),
                again,
            ],
            Doubt::OldUnreachable if !of.masked => vec![
                untouched,
                format!("reach {from} (console, provider's panel) and run this again; there is no way round it"),
                format!("if {from} is lost for good: prove that it is powered off, then palisade-signer state recover on {to}"),
            ],
            Doubt::OldUnreachable => vec![
                format!("{from} was masked when it last answered; keep it so"),
                format!("{to} does not sign; the validator misses blocks until this is settled"),
                format!("reach {from} (console, provider's panel), {again}"),
            ],
            Doubt::OldRuns(_) => vec![
                format!("{from} is masked and does not come back after a restart; {to} does not sign"),
                format!("on {from}: systemctl status palisade-signer; end what still runs there"),
                again,
            ],
            Doubt::StillSigning(chain, _) => vec![
                format!("find the other signer of {chain}: a node with a key file of its own, a second host, a backup that was started"),
                format!("keep {from} masked and {to} stopped until it is found; two signers are a double sign"),
            ],
            Doubt::Halted(chain) => vec![
                format!("{from} is stopped and masked; its mark is kept in the journal of this move"),
                format!("wait until {chain} makes blocks, {again}"),
                "nodes of the key wait minutes for each vote while no signer is there: rpc = [\"http://…\"] at the [[chain]] names nodes of others to ask".into(),
                "if it stands still because this validator is missing: the same with --chain-halts-without-us".into(),
            ],
            Doubt::NoSignature => vec![
                format!("{to} is the only signer now, with the carried mark: leave it running"),
                format!("on {to}: palisade-signer status --config /etc/palisade/signer/signer.toml; is the node connected, is the validator bonded?"),
                format!("{from} stays masked; {again} to watch once more"),
            ],
            _ if !of.masked => vec![untouched, format!("put that right, {again}")],
            _ => vec![
                format!("{from} stays stopped and masked; do not start it again, its mark may have been carried away"),
                format!("put that right, {again}: it goes on where it stopped"),
            ],
        };
        Self { doubt, way_forward }
    }
}
