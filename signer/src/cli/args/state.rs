//! `palisade-signer state …`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::mark::Step;

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

fn parse_step(text: &str) -> Result<Step, String> {
    let by_number = text.parse().ok().and_then(Step::from_number);
    by_number.or_else(|| Step::from_name(text)).ok_or_else(|| "none, propose, prevote or precommit".into())
}
