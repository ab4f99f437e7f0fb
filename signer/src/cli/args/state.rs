//! `palisade-signer state …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Look;
use crate::{config::RpcUrl, mark::Step};

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
    Show(Look),
    /// Write the mark of a chain to a file that any palisade-signer imports. No signer may be running with it.
    Export {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Chain id.
        #[arg(long)]
        chain: String,
        /// New file; without it, the terminal.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Put the state aside here, so that no signer starts with it by mistake. A mark in etcd is closed for good: no signer that shares
        /// it signs with it any more, also none that runs.
        #[arg(long, requires = "out")]
        retire: bool,
    },
    /// Take over another signer's state: our own export, CometBFT, cosmos/kms, tmkms or horcrux. It only ever raises the mark.
    Import(ImportArgs),
    /// Make the mark anew from the chain's own blocks: the newest block and a margin. It only ever raises the mark.
    Recover(RecoverArgs),
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// Configuration file.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// Chain id.
    #[arg(long)]
    pub(crate) chain: String,
    /// Its state files. With several, the highest counts: name both files of every horcrux cosigner.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The old signer is stopped and stays so. Two signers for one key are a double sign waiting to happen.
    #[arg(long)]
    pub(crate) i_stopped_the_old_signer: bool,
    /// Accept the state of a signer that has never signed.
    #[arg(long)]
    pub(crate) new_chain: bool,
    /// Close the imported round up to its precommit.
    #[arg(long)]
    pub(crate) bump_to_precommit: bool,
    /// Close so many whole heights above the highest state; 2 for horcrux if not said, as it writes its state after it signs.
    #[arg(long)]
    pub(crate) bump_heights: Option<u32>,
    /// Bech32 prefix of the chain, to show the valcons address.
    #[arg(long)]
    pub(crate) prefix: Option<String>,
    /// First wait until the chain has made so many blocks without this key.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) wait_blocks: Option<u32>,
    /// Node to ask, http://HOST:PORT; if none is named, those of the configuration.
    #[arg(long)]
    pub(crate) rpc: Vec<RpcUrl>,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct RecoverArgs {
    /// Configuration file.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// Chain id.
    #[arg(long)]
    pub(crate) chain: String,
    /// Nodes to ask, http://HOST:PORT, all of which must answer; if none is named, those of the configuration.
    #[arg(long)]
    pub(crate) rpc: Vec<RpcUrl>,
    /// Heights to close above the newest block.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) margin: u32,
    /// How many blocks to search for the newest signature of this key.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) look_back: u32,
    /// No node makes blocks, so the newest one may be old.
    #[arg(long)]
    pub(crate) chain_is_halted: bool,
    /// Put it in the place of a state file that cannot be used; that one is kept.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Bech32 prefix of the chain, to show the valcons address.
    #[arg(long)]
    pub(crate) prefix: Option<String>,
    /// No other signer with this key runs any more. Two signers for one key are a double sign waiting to happen.
    #[arg(long)]
    pub(crate) i_stopped_the_old_signer: bool,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub(crate) yes: bool,
}

fn parse_step(text: &str) -> Result<Step, String> {
    let by_number = text.parse().ok().and_then(Step::from_number);
    by_number.or_else(|| Step::from_name(text)).ok_or_else(|| "none, propose, prevote or precommit".into())
}
