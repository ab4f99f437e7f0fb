//! `palisade-signer config …`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the signer.toml that a tmkms.toml becomes; what is different now, and what to type next, goes to standard error.
    Import {
        /// tmkms.toml.
        file: PathBuf,
        /// Directory that tmkms was started in, for its relative paths; without it, that of the file.
        #[arg(long)]
        cwd: Option<PathBuf>,
    },
}
