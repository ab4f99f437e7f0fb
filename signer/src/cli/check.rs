//! `palisade-signer check`.

use std::{path::Path, process::ExitCode};

use crate::{
    cli::{Failure, load},
    io::check_cmd,
};

pub(super) fn check(path: &Path) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    let mut code = ExitCode::SUCCESS;
    for check_cmd::Finding { subject, result } in check_cmd::check(&config, path) {
        match result {
            Ok(news) => println!("ok: {subject}: {news}"),
            Err((error, remedy)) => {
                code = ExitCode::from(1);
                println!("finding: {subject}: {error}");
                if let Some(remedy) = remedy {
                    println!("  try: {remedy}");
                }
            }
        }
    }
    Ok(code)
}
