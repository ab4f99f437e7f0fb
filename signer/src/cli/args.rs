//! What can be typed. What it does is in [`crate::cli`].

mod admin;
mod audit_log;
mod config;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "frost")]
mod frost;
mod key;
mod state;
pub(crate) mod yubihsm;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

#[cfg(feature = "etcd")]
pub(crate) use self::etcd::EtcdCommand;
#[cfg(feature = "frost")]
pub(crate) use self::frost::{DkgCommand, FrostCommand, Place, ReshareCommand};
pub(crate) use self::{
    admin::{AdminCommand, Subject},
    audit_log::AuditLogCommand,
    config::ConfigCommand,
    key::KeyCommand,
    state::{ImportArgs, RecoverArgs, StateCommand},
};

#[derive(Parser)]
#[command(
    name = "palisade-signer",
    version,
    about = "Remote signer for CometBFT validators that cannot double-sign"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Sign for the nodes of a configuration until told to stop.
    Run {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// How log lines look.
        #[arg(long, value_enum, default_value_t = LogFormat::Text)]
        log_format: LogFormat,
    },
    /// Look at configuration, keys and states; change nothing.
    Check {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// For machines: one line, with key and mark of each chain.
        #[arg(long)]
        json: bool,
    },
    /// Print the peer id for a node's priv_validator_laddr = "noise://…", or that of a node for nodes here.
    PeerId {
        /// Configuration file: the id of this signer's link identity, which is made when there is none.
        #[arg(long, required_unless_present = "node_key", conflicts_with = "node_key")]
        config: Option<PathBuf>,
        /// A node's node_key.json: the id of that node.
        #[arg(long)]
        node_key: Option<PathBuf>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Admin(AdminCommand),
    /// Look at the audit log of decisions.
    #[command(subcommand)]
    AuditLog(AuditLogCommand),
    /// Carry another signer's configuration over.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look after marks that several signers share in etcd.
    #[cfg(feature = "etcd")]
    #[command(subcommand)]
    Etcd(EtcdCommand),
    /// Hold one share of a threshold key and sign with it, for the signers of a configuration, until told to stop.
    #[cfg(feature = "frost")]
    Cosign {
        /// cosigner.toml.
        #[arg(long)]
        config: PathBuf,
        /// How log lines look.
        #[arg(long, value_enum, default_value_t = LogFormat::Text)]
        log_format: LogFormat,
    },
    /// Make and look after the shares of a threshold key.
    #[cfg(feature = "frost")]
    #[command(subcommand)]
    Frost(Box<FrostCommand>),
    /// Print the version.
    Version,
    /// Make, import and show keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make, import and show the marks that prevent double signs.
    #[command(subcommand)]
    State(StateCommand),
    /// Set up and look after a YubiHSM 2.
    #[command(subcommand)]
    Yubihsm(Box<yubihsm::YubihsmCommand>),
}

/// What looks at chains.
#[derive(clap::Args)]
pub(crate) struct Look {
    /// Configuration file.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// Only this chain.
    #[arg(long)]
    pub(crate) chain: Option<String>,
    /// For machines.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}
