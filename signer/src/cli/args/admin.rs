//! Commands for a signer at work.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Show keys, chains and links of the running signer; exit code 1 if it is not ready.
    Status {
        /// Configuration file; says where the signer listens for commands.
        #[arg(long)]
        config: PathBuf,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Hold a key or a chain: its requests are refused, across reloads and restarts, until resumed.
    Pause {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        #[command(flatten)]
        subject: Subject,
    },
    /// Let a key or a chain sign again.
    Resume {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        #[command(flatten)]
        subject: Subject,
    },
    /// Take up the changed configuration file without dropping unchanged links.
    Reload {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Finish what is under way, sign nothing more, and end the signer.
    Drain {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
    },
}

/// One of both.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Subject {
    /// Name of a key, with every chain that it signs for.
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Id of a chain.
    #[arg(long)]
    pub(crate) chain: Option<String>,
}
