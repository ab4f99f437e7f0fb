//! What can be typed. What it does is in [`crate::cli`].

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::mark::Step;

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
    },
    /// Print the version.
    Version,
    /// Make, import and show keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make, import and show the marks that prevent double signs.
    #[command(subcommand)]
    State(StateCommand),
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a new key file, in CometBFT's priv_validator_key.json.
    Generate {
        /// New file.
        path: PathBuf,
        /// Bech32 prefix of the chain, to show the valcons address.
        #[arg(long)]
        prefix: Option<String>,
    },
    /// Copy a key: priv_validator_key.json, or tmkms's base64 in any of its forms.
    Import {
        /// File of the old signer.
        from: PathBuf,
        /// New file.
        to: PathBuf,
        /// Bech32 prefix of the chain, to show the valcons address.
        #[arg(long)]
        prefix: Option<String>,
        /// Public key (hex, base64), address or valcons that the key must have.
        #[arg(long)]
        expect: Option<String>,
    },
    /// Show the public side of a key file.
    Show {
        /// Key file.
        path: PathBuf,
        /// Bech32 prefix of the chain, to show the valcons address.
        #[arg(long)]
        prefix: Option<String>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum StateCommand {
    /// Make the state of a chain: nothing at or below the height will be signed.
    Init {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Chain id.
        #[arg(long)]
        chain: String,
        /// Last height that this key may have signed; 0 on a new chain.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        height: i64,
        /// Last round signed at that height; without it, all rounds are closed.
        #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
        round: Option<i32>,
        /// Last step signed in that round: none, propose, prevote or precommit.
        #[arg(long, value_parser = parse_step)]
        step: Option<Step>,
        /// Put it in the place of a state file that cannot be used; that one is kept.
        #[arg(long)]
        replace: bool,
    },
    /// Show the mark of each chain.
    Show {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Only this chain.
        #[arg(long)]
        chain: Option<String>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Take over another signer's state: CometBFT, cosmos/kms, tmkms or horcrux. It only ever raises the mark.
    Import {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Chain id.
        #[arg(long)]
        chain: String,
        /// Its state file.
        file: PathBuf,
        /// The old signer is stopped and stays so. Two signers for one key are a double sign waiting to happen.
        #[arg(long)]
        i_stopped_the_old_signer: bool,
        /// Accept the state of a signer that has never signed.
        #[arg(long)]
        new_chain: bool,
        /// Close the imported round up to its precommit.
        #[arg(long)]
        bump_to_precommit: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

fn parse_step(text: &str) -> Result<Step, String> {
    let by_number = text.parse().ok().and_then(Step::from_number);
    by_number.or_else(|| Step::from_name(text)).ok_or_else(|| "none, propose, prevote or precommit".into())
}
