//! What happened to a message, told to metrics and logs after its reply is out.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tracing::{debug, error, info, warn};

use crate::{
    audit::{Decision, hash},
    guard::Reason,
    io::{desk::Times, link::Link},
    keeper::{Answer, Failure},
    mark::{Hrs, Step},
    reply::Kind,
    request::Request,
    session,
};

/// What happened to a message.
pub(super) enum Event {
    Plain(&'static str),
    Rejected(Kind, session::Reject),
    Judged(Request, Box<Answer>, Times),
    /// The node was told "timeout" while the key was still at it; the answer itself comes later, if ever.
    Overdue(Option<Hrs>),
    /// What came of it. It is sent to nobody.
    TooLate(Request, Box<Answer>),
    /// So many raw bytes that the chain allows.
    Raw(usize, Result<(), Failure>),
}

// === impl Link ===

impl Link {
    /// Metrics and logs of a message whose reply is out.
    pub(super) fn note(&self, event: &Event, since: Instant) {
        let chain_id = self.status.chain_id.as_str();
        let node = self.status.node.as_str();
        let count = |r#type: &str, result: &str, reason: &str| {
            self.metrics.requests.with_label_values(&[chain_id, r#type, result, reason]).inc();
        };
        if let Some(audit) = &self.audit
            && let Some(decision) = self.decision(event)
        {
            audit.record(decision);
        }
        match event {
            Event::Plain(r#type) => count(r#type, "answered", ""),
            Event::Rejected(kind, reject) => {
                warn!(chain_id, node, reason = %reject, "request refused as invalid");
                count(kind_name(*kind), "invalid", reject.name());
            }
            Event::Raw(bytes, Ok(())) => {
                info!(chain_id, node, bytes, "raw bytes signed");
                count("sign_bytes", "signed", "");
            }
            Event::Raw(bytes, Err(failure)) => {
                error!(chain_id, node, bytes, reason = %failure, "raw bytes not signed");
                count("sign_bytes", "failed", failure.name());
            }
            Event::Overdue(None) => {
                error!(chain_id, node, "raw bytes not signed in time: the key hangs");
                count("sign_bytes", "failed", "timeout");
            }
            Event::Overdue(Some(hrs)) => {
                let (r#type, height, round) = (step_name(hrs.step), hrs.height, hrs.round);
                error!(chain_id, node, r#type, height, round, "no answer in time: disk or key hangs");
                count(r#type, "failed", "timeout");
            }
            Event::TooLate(request, answer) => {
                let hrs = request.hrs();
                let (r#type, height, round) = (step_name(hrs.step), hrs.height, hrs.round);
                let seconds = since.elapsed().as_secs();
                warn!(chain_id, node, r#type, height, round, seconds, "answered too late, not sent");
                if let Answer::Sign(_) = &**answer {
                    self.metrics.signed(chain_id, hrs);
                }
            }
            Event::Judged(request, answer, times) => {
                let hrs = request.hrs();
                let (r#type, height, round) = (step_name(hrs.step), hrs.height, hrs.round);
                self.time(times, since);
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                self.metrics.last_request.with_label_values(&[chain_id, node]).set(now.as_secs_f64());
                match &**answer {
                    Answer::Sign(signed) => {
                        debug!(chain_id, node, r#type, height, round, repeat = signed.repeat, "signed");
                        count(r#type, if signed.repeat { "repeated" } else { "signed" }, "");
                        self.metrics.signed(chain_id, hrs);
                        self.status.signed(hrs, since.elapsed());
                        if signed.extension_signature.is_some() {
                            let bytes = u32::try_from(request.extension_size()).unwrap_or(u32::MAX);
                            self.metrics.extension_bytes.with_label_values(&[chain_id]).observe(bytes.into());
                        }
                        if signed.repeat && signed.extension_signature.is_some() {
                            self.metrics.extension_resigned.with_label_values(&[chain_id]).inc();
                        }
                    }
                    Answer::Refuse(refusal) if refusal.reason.is_double_sign() => {
                        error!(chain_id, node, r#type, height, round, reason = %refusal, "double sign prevented");
                        count(r#type, "refused", refusal.reason.name());
                        let labels = [chain_id, refusal.reason.name()];
                        self.metrics.double_sign_prevented.with_label_values(&labels).inc();
                    }
                    Answer::Refuse(refusal) if refusal.reason == Reason::PeerConflict => {
                        warn!(chain_id, node, r#type, height, round, reason = %refusal, "peer conflict");
                        count(r#type, "refused", refusal.reason.name());
                        self.metrics.etcd.peer_conflicts.with_label_values(&[chain_id]).inc();
                    }
                    Answer::Refuse(refusal) => {
                        warn!(chain_id, node, r#type, height, round, reason = %refusal, "request refused");
                        count(r#type, "refused", refusal.reason.name());
                    }
                    Answer::Fail(failure @ Failure::Paused) => {
                        warn!(chain_id, node, r#type, height, round, reason = %failure, "request refused");
                        count(r#type, "refused", failure.name());
                    }
                    Answer::Fail(failure) => {
                        error!(chain_id, node, r#type, height, round, reason = %failure, "request failed");
                        count(r#type, "failed", failure.name());
                    }
                }
            }
        }
    }

    /// What the audit log shall say; pings and the public key are no decisions.
    fn decision(&self, event: &Event) -> Option<Decision> {
        let (kind, hrs, sign_bytes, verdict, reason) = match event {
            Event::Plain(_) => return None,
            Event::Rejected(kind, reject) => (kind_name(*kind), None, None, "invalid", reject.name()),
            Event::Overdue(hrs) => {
                let what = hrs.map_or(kind_name(Kind::SignBytes), |hrs| step_name(hrs.step));
                (what, *hrs, None, "failed", "timeout")
            }
            Event::Raw(_, done) => {
                let (verdict, reason) = match done {
                    Ok(()) => ("signed", ""),
                    Err(failure @ Failure::Paused) => ("refused", failure.name()),
                    Err(failure) => ("failed", failure.name()),
                };
                (kind_name(Kind::SignBytes), None, None, verdict, reason)
            }
            Event::Judged(request, answer, _) | Event::TooLate(request, answer) => {
                let hrs = request.hrs();
                let (verdict, reason) = match &**answer {
                    Answer::Sign(_) if matches!(event, Event::TooLate(..)) => ("late", ""),
                    Answer::Sign(signed) if signed.repeat => ("repeated", ""),
                    Answer::Sign(_) => ("signed", ""),
                    Answer::Refuse(refusal) => ("refused", refusal.reason.name()),
                    Answer::Fail(failure @ Failure::Paused) => ("refused", failure.name()),
                    Answer::Fail(failure) => ("failed", failure.name()),
                };
                let sign_bytes = match &**answer {
                    Answer::Sign(signed) => &signed.sign_bytes[..],
                    _ => request.sign_bytes(),
                };
                (step_name(hrs.step), Some(hrs), Some(hash(sign_bytes)), verdict, reason)
            }
        };
        Some(Decision {
            chain: self.status.chain_id.clone(),
            node: self.status.node.clone(),
            r#type: kind,
            height: hrs.map(|hrs| hrs.height),
            round: hrs.map(|hrs| hrs.round),
            step: hrs.map(|hrs| hrs.step.number()),
            sign_bytes_sha256: sign_bytes,
            verdict,
            reason,
        })
    }

    fn time(&self, times: &Times, since: Instant) {
        let chain_id = self.status.chain_id.as_str();
        let observe = |phase: &str, from: Instant, to: Instant| {
            let seconds = to.saturating_duration_since(from).as_secs_f64();
            self.metrics.request_duration.with_label_values(&[chain_id, phase]).observe(seconds);
        };
        let mut before = since;
        let phases =
            [("wait", times.turn), ("check", times.check), ("persist", times.persist), ("sign", times.sign)];
        for (phase, at) in phases {
            if let Some(at) = at {
                observe(phase, before, at);
                before = at;
            }
        }
        observe("total", since, Instant::now());
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::PubKey => "pub_key",
        Kind::Vote => "vote",
        Kind::Proposal => "proposal",
        Kind::SignBytes => "sign_bytes",
    }
}

fn step_name(step: Step) -> &'static str {
    match step {
        Step::Propose => "proposal",
        other => other.name(),
    }
}
