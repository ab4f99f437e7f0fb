//! `palisade-signer config …`: reads another signer's configuration, changes nothing.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;

use crate::{
    cli::{Failure, args::ConfigCommand},
    config::Config,
    import::tmkms::{Tmkms, carry},
    io::secret_file,
};

/// Exit code 1 when something is missing in the printed file until a person acts.
pub(super) fn config(ConfigCommand::Import { file, cwd }: ConfigCommand) -> Result<ExitCode, Failure> {
    // It may have the password of an HSM in it.
    let text = secret_file::read_to_import(&file)?;
    let old = Tmkms::parse(&text).with_context(|| format!("{}: this is no tmkms.toml", file.display()))?;
    let cwd = cwd.unwrap_or_else(|| secret_file::directory_of(&file).into());
    let cwd = std::path::absolute(&cwd).with_context(|| cwd.display().to_string())?;
    let carried = carry(&old, &cwd);
    print!("{}", carried.config);
    let missing = carried.findings.iter().filter(|finding| finding.missing).count();
    for finding in &carried.findings {
        eprintln!("{}: {}", if finding.missing { "MISSING" } else { "note" }, finding.what);
    }
    if let Err(error) = Config::parse(&carried.config, Path::new("")) {
        eprintln!("MISSING: the file is not complete: {error}");
        return Ok(ExitCode::from(1));
    }
    eprintln!("\nnext, in the directory of the new signer.toml:");
    for command in &carried.commands {
        eprintln!("  {command}");
    }
    Ok(ExitCode::from(u8::from(missing > 0)))
}
