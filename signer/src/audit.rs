//! The audit log: one line of JSON for each decision, each with the hash of the line before it.
//!
//! A line that is changed, taken out or put in breaks the chain behind it, and [`Verifier`] says where. Lines cut off at the end leave
//! no gap: compare the last hash with what `palisade-signer status` shows, or with a copy kept elsewhere. What prevents a double sign is
//! the mark, not this log: it is written after the reply and not flushed for each line.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a link decided about a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Chain id.
    pub chain: String,
    /// Node that asked.
    pub node: String,
    /// `prevote`, `precommit`, `proposal`, or what it wanted to be.
    pub r#type: &'static str,
    /// Absent where the request was not even that far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<i32>,
    /// 1 propose, 2 prevote, 3 precommit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u8>,
    /// Of what was signed, in hex: in a repeat of what was signed the first time, so that the logs of several signers agree. Where nothing was
    /// signed, of what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_bytes_sha256: Option<String>,
    /// As in the metrics: `signed`, `repeated`, `refused`, `invalid`, `failed`, or `late` for what was signed but not sent.
    pub verdict: &'static str,
    /// As in the metrics; empty for a signature.
    pub reason: &'static str,
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The log was opened: at the start, after a rotation, after trouble.
    Opened {
        /// Whether the line before this one is the torn end of an earlier write.
        torn: bool,
        /// Decisions that could not be written since the line before.
        lost: u64,
    },
    /// A request was decided.
    Decision(Decision),
}

/// The end of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Lines so far.
    pub sequence: u64,
    /// SHA-256 of the last line without its newline, in hex; zeros before the first.
    pub hash: String,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    before: &'a str,
    /// Seconds since 1970, with milliseconds.
    time: String,
    #[serde(flatten)]
    event: &'a Event,
}

/// The part of a line that the chain is made of.
#[derive(Deserialize)]
struct Link {
    seq: u64,
    before: String,
    event: String,
    #[serde(default)]
    torn: bool,
}

/// Goes through a log line by line.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    head: Option<Head>,
    /// The hash of a line that cannot be read; the next one has to account for it.
    torn: Option<String>,
    lines: u64,
}

/// Where the chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Flaw {
    /// From 1, over all files.
    pub line: u64,
    /// What is wrong.
    pub why: &'static str,
}

// === impl Head ===

impl Head {
    /// Appends a line; `millis` since 1970.
    pub fn append(&mut self, event: &Event, millis: u128) -> String {
        self.sequence += 1;
        let time = format!("{}.{:03}", millis / 1000, millis % 1000);
        let line = Line { seq: self.sequence, before: &self.hash, time, event };
        let line = serde_json::to_string(&line).expect("names and numbers are JSON");
        self.hash = hash(line.as_bytes());
        line
    }

    /// The head after an existing line; `None` if it is none of ours.
    pub fn after(line: &[u8]) -> Option<Self> {
        let link: Link = serde_json::from_slice(line).ok()?;
        Some(Self { sequence: link.seq, hash: hash(line) })
    }
}

impl Default for Head {
    fn default() -> Self {
        Self { sequence: 0, hash: "0".repeat(64) }
    }
}

// === impl Verifier ===

impl Verifier {
    /// The next line, without its newline.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Flaw> {
        self.lines += 1;
        let flaw = |why| Err(Flaw { line: self.lines, why });
        let Ok(link) = serde_json::from_slice::<Link>(line) else {
            if self.torn.is_some() {
                return flaw("neither this line nor the one before it can be read");
            }
            self.torn = Some(hash(line));
            return Ok(());
        };
        if let Some(torn) = self.torn.take() {
            if link.event != "opened" || !link.torn || link.before != torn {
                return Err(Flaw {
                    line: self.lines - 1,
                    why: "it cannot be read, and no restart accounts for it",
                });
            }
        } else if self.head.as_ref().is_some_and(|head| link.before != head.hash) {
            return flaw("it does not follow the line before it: something was changed, taken out or put in");
        }
        if self.head.as_ref().is_some_and(|head| link.seq != head.sequence + 1) {
            return flaw("its number does not follow that of the line before it");
        }
        self.head = Some(Head { sequence: link.seq, hash: hash(line) });
        Ok(())
    }

    /// The end of the chain; `None` where there was no line.
    pub fn end(self) -> Result<Option<Head>, Flaw> {
        match self.torn {
            Some(_) => {
                Err(Flaw { line: self.lines, why: "the last line cannot be read: torn, or being written" })
            }
            None => Ok(self.head),
        }
    }
}

/// SHA-256 in hex.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Vec<String> {
        let mut head = Head::default();
        let mut lines = vec![head.append(&Event::Opened { torn: false, lost: 0 }, 1_700_000_000_007)];
        for height in 1..6 {
            let decision = Decision {
                chain: "c-1".into(),
                node: "tcp://n:1".into(),
                r#type: "prevote",
                height: Some(height),
                round: Some(0),
                step: Some(2),
                sign_bytes_sha256: Some(hash(b"x")),
                verdict: "signed",
                reason: "",
            };
            lines.push(head.append(&Event::Decision(decision), 1_700_000_000_007));
        }
        lines
    }

    fn verify(lines: &[String]) -> Result<Option<Head>, Flaw> {
        let mut verifier = Verifier::default();
        lines.iter().try_for_each(|line| verifier.line(line.as_bytes()))?;
        verifier.end()
    }

    #[test]
    fn a_line_says_who_asked_for_what_and_what_became_of_it() {
        let expected = format!(
            "{{\"seq\":2,\"before\":\"{}\",\"time\":\"1700000000.007\",\"event\":\"decision\",\"chain\":\"c-1\",\
             \"node\":\"tcp://n:1\",\"type\":\"prevote\",\"height\":1,\"round\":0,\"step\":2,\
             \"sign_bytes_sha256\":\"{}\",\"verdict\":\"signed\",\"reason\":\"\"}}",
            hash(log()[0].as_bytes()),
            hash(b"x")
        );
        assert_eq!(log()[1], expected);
    }

    #[test]
    fn whatever_is_done_to_a_line_is_found() {
        let good = log();
        assert_eq!(verify(&good).expect("good").expect("lines").sequence, 6);
        for at in 0..5 {
            let mut edited = good.clone();
            edited[at] = edited[at].replace("1700", "1701");
            assert_eq!(verify(&edited).expect_err("edited").line, at as u64 + 2, "{at}");
            let mut twice = good.clone();
            twice.insert(at, good[at].clone());
            assert!(verify(&twice).is_err(), "{at}");
            if at > 0 {
                let mut gone = good.clone();
                gone.remove(at);
                assert_eq!(verify(&gone).expect_err("gone").line, at as u64 + 1, "{at}");
            }
            let mut garbage = good.clone();
            garbage[at] = "x".into();
            assert!(verify(&garbage).is_err(), "{at}");
        }
    }

    #[test]
    fn a_torn_end_is_accounted_for_by_the_next_start() {
        let mut lines = log();
        let torn = lines.pop().expect("some")[..40].to_owned();
        let mut head = Head::after(lines.last().expect("some").as_bytes()).expect("ours");
        assert!(verify(&[lines.clone(), vec![torn.clone()]].concat()).is_err());
        head.hash = hash(torn.as_bytes());
        lines.push(torn);
        lines.push(head.append(&Event::Opened { torn: true, lost: 3 }, 1_700_000_000_009));
        assert_eq!(verify(&lines).expect("good").expect("lines").sequence, 6);
    }
}
