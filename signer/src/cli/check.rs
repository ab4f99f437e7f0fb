//! `palisade-signer check`.

use std::{path::Path, process::ExitCode};

use serde_json::{Value, json};

use crate::{
    cli::{Failure, load},
    io::check_cmd::{self, Finding},
};

pub(super) fn check(path: &Path, as_json: bool) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    let findings = check_cmd::check(&config, path);
    if as_json {
        println!("{}", machine(&findings));
    } else {
        findings.iter().for_each(tell);
    }
    Ok(if findings.iter().all(|f| f.result.is_ok()) { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn tell(Finding { subject, result, .. }: &Finding) {
    match result {
        Ok(news) => println!("ok: {subject}: {news}"),
        Err((error, remedy)) => {
            println!("finding: {subject}: {error}");
            if let Some(remedy) = remedy {
                println!("  try: {remedy}");
            }
        }
    }
}

/// One line: every finding, and key and mark of each chain.
fn machine(findings: &[Finding]) -> Value {
    let line = |f: &Finding| match &f.result {
        Ok(said) => json!({ "subject": f.subject, "good": true, "said": said }),
        Err((said, remedy)) => json!({ "subject": f.subject, "good": false, "said": said, "try": remedy }),
    };
    let chains = findings.iter().filter_map(|f| f.chain.as_ref()).map(|chain| {
        let mark = chain
            .last_signed
            .map(|hrs| json!({ "height": hrs.height, "round": hrs.round, "step": hrs.step.number() }));
        json!({
            "chain_id": chain.chain_id,
            "public_key": chain.public_key.to_string(),
            "address": chain.public_key.address().to_string(),
            "mark": mark,
        })
    });
    json!({ "findings": findings.iter().map(line).collect::<Vec<_>>(), "chains": chains.collect::<Vec<_>>() })
}
