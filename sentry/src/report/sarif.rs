//! The audit as SARIF 2.1.0, which code-scanning pages and editors read.
//!
//! A finding is about a host and not about a line of a file, so its place is a logical one; the file named is the source.

use serde_json::{Value, json};

use crate::audit::Report;
use crate::finding::{Finding, Severity};
use crate::rules;

/// The report as one SARIF log that ends with a newline. `source` is the file name as the caller typed it.
pub fn sarif(report: &Report, source: &str) -> String {
    let ran = rules::ALL.iter().filter(|rule| report.rules.contains(&rule.name));
    let described: Vec<Value> = ran
        .map(|rule| json!({ "id": rule.name, "shortDescription": { "text": rule.name.replace('_', " ") }, "fullDescription": { "text": rule.attack } }))
        .collect();
    let results: Vec<Value> = report.findings.iter().map(|finding| result(report, finding, source)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "palisade-sentry",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": described,
            }},
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).expect("strings and numbers always serialise");
    text.push('\n');
    text
}

fn result(report: &Report, finding: &Finding, source: &str) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warn => "warning",
        Severity::Info => "note",
    };
    let subject = finding.subject.to_string();
    let message = format!("{subject}: {}. {} Fix: {}", finding.evidence, finding.attack, finding.fix);
    json!({
        "ruleId": finding.rule,
        "ruleIndex": report.rules.iter().position(|rule| *rule == finding.rule),
        "level": level,
        "message": { "text": message },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": source } },
            "logicalLocations": [{ "name": subject, "kind": "resource" }],
        }],
        // The same finding keeps its place in a list of alerts when its evidence changes.
        "partialFingerprints": { "ruleAndSubject/v1": format!("{}/{subject}", finding.rule) },
    })
}
