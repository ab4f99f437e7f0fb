//! The audit log of decisions.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum AuditLogCommand {
    /// Check the chain of hashes; exit code 1 if a line was changed, taken out or put in.
    Verify {
        /// The log; of a rotated one all files, oldest first.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}
