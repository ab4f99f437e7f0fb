//! `yubihsm audit`: the device's log for people, its chain checked; on request kept in a file and freed on the device.

use std::path::Path;

use serde_json::{Value, json};

use super::{Login, Said};
use crate::{
    io::key::yubihsm::audit::AuditFile,
    yubihsm::log::{LogEntry, follow},
};

/// `audit`. A broken chain is a finding; what there is is printed all the same.
pub fn audit(login: &Login, keep: Option<&Path>, free: bool) -> anyhow::Result<Said> {
    let mut session = login.open()?;
    let serial = session.device_info()?.serial;
    let page = session.log_entries()?;
    let mut lines: Vec<String> = page.entries.iter().map(LogEntry::to_string).collect();
    let chain = follow(None, &page.entries).map(|_| ());
    let mut findings: Vec<String> = chain.as_ref().err().map(ToString::to_string).into_iter().collect();
    if page.unlogged_boots > 0 || page.unlogged_authentications > 0 {
        findings.push(format!(
            "the log was full: {} boots and {} authentications are not in it",
            page.unlogged_boots, page.unlogged_authentications
        ));
    }
    if chain.is_ok() {
        lines.push(format!(
            "device {serial}: {} entries, each follows from the one before",
            page.entries.len()
        ));
    }
    if let (Some(path), true) = (keep, chain.is_ok()) {
        let (last, new) = AuditFile::open(path, serial)?.keep(&page)?;
        lines.push(format!("{new} new entries in {}", path.display()));
        if let (Some(last), true) = (last, free) {
            session.set_log_index(last)?;
            lines.push(format!("freed up to entry {last}"));
        }
    }
    lines.extend(findings.iter().map(|finding| format!("finding: {finding}")));
    let entries: Vec<Value> = page
        .entries
        .iter()
        .map(|entry| json!({ "number": entry.number(), "text": entry.to_string(), "entry": hex::encode(entry.to_bytes()) }))
        .collect();
    let json = json!({
        "serial": serial,
        "unlogged_boots": page.unlogged_boots,
        "unlogged_authentications": page.unlogged_authentications,
        "entries": entries,
        "findings": findings,
    });
    Ok(Said { lines, json, findings: !findings.is_empty() })
}
