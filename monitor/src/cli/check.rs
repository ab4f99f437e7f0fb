//! `palisade-monitor check`: what is reachable, said once.

use crate::io::check;
use crate::io::reach::Clients;
use crate::io::server::Door;
use std::path::PathBuf;
use std::process::ExitCode;

/// `check`
#[derive(clap::Args)]
pub(super) struct Args {
    /// The configuration.
    #[arg(long, default_value = "monitor.toml")]
    config: PathBuf,
}

/// Exits 1 when something has to be repaired.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::read(&args.config)?;
    let mut clients = Clients::default();
    let findings = super::runtime()?.block_on(async {
        let mut findings = Vec::new();
        for chain in &config.chains {
            findings.extend(check::chain(chain, &mut clients).await);
        }
        findings
    });
    for warning in config.page.warnings(config.listen) {
        println!("warn {}", warning.replace('\n', "\n     "));
    }
    if let Err(error) = Door::open(&config.page) {
        println!("FAIL {}", error.to_string().replace('\n', "\n     "));
        return Ok(ExitCode::from(1));
    }
    for finding in &findings {
        println!("{} {}", if finding.good { "ok  " } else { "FAIL" }, finding.text);
    }
    let repaired = findings.iter().all(|f| f.good);
    if !repaired {
        println!("try: repair what FAILs; `run` starts anyway and keeps trying");
    }
    Ok(if repaired { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
