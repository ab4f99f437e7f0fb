//! `palisade-signer audit-log verify`.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;

use crate::{
    audit::Verifier,
    cli::{Failure, args::AuditLogCommand},
};

pub(super) fn audit_log(AuditLogCommand::Verify { files }: AuditLogCommand) -> Result<ExitCode, Failure> {
    let mut verifier = Verifier::default();
    for path in &files {
        let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.with_context(|| path.display().to_string())?;
            verifier.line(&line).map_err(|flaw| refused(path, &flaw))?;
        }
    }
    let last = files.last().cloned().unwrap_or_default();
    match verifier.end().map_err(|flaw| refused(&last, &flaw))? {
        Some(head) => println!("good up to line number {}, last hash {}", head.sequence, head.hash),
        None => println!("empty"),
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(path: &Path, flaw: &crate::audit::Flaw) -> Failure {
    let error = anyhow::anyhow!("{}: the chain is broken at {flaw}", path.display());
    let remedy =
        "all files of a rotated log, oldest first; if that does not help, somebody has changed it".into();
    Failure { code: 1, error, remedy: Some(remedy) }
}
