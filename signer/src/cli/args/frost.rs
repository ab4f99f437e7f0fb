//! `palisade-signer frost …` and `palisade-signer cosign`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum FrostCommand {
    /// Cut an existing key into shares. It is whole on this machine while that is done: do it on one without a network.
    Split {
        /// Key file (priv_validator_key.json, or tmkms's), or with --horcrux as many shards as its threshold.
        #[arg(required = true)]
        from: Vec<PathBuf>,
        /// The files are shards of horcrux.
        #[arg(long)]
        horcrux: bool,
        /// How many cosigners have to sign; more than half of all.
        #[arg(long)]
        threshold: u16,
        /// How many cosigners there are.
        #[arg(long)]
        of: u16,
        /// Directory for share-1.json, share-2.json, … and group.json.
        #[arg(long)]
        out: PathBuf,
        /// Encrypt the shares, as age does it, to the passphrase in this file.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
    },
    /// Make a new key together that nobody ever has: start, deal and finish on every cosigner.
    #[command(subcommand)]
    Dkg(DkgCommand),
    /// New shares of the same key for other cosigners or another threshold: start, deal and finish.
    #[command(subcommand)]
    Reshare(ReshareCommand),
    /// Show a share or group file; nothing secret is shown.
    Show {
        /// share-N.json or group.json.
        path: PathBuf,
        /// File with the passphrase of an encrypted share; without it, it is asked for.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Print the pin of this machine's TLS identity, which is made when there is none.
    Identity {
        /// Its file.
        path: PathBuf,
    },
    /// Make the mark of a chain on a cosigner, or raise it: nothing is signed at or below that height.
    Floor {
        /// cosigner.toml.
        #[arg(long)]
        config: PathBuf,
        /// Chain id.
        #[arg(long)]
        chain: String,
        /// Last height that the key may have signed; 0 on a new chain.
        #[arg(long)]
        height: i64,
    },
}

#[derive(Subcommand)]
pub(crate) enum DkgCommand {
    /// Begin: writes secret-N.json, which stays here, and round1-N.json for everybody.
    Start {
        /// Directory of the ceremony.
        #[arg(long)]
        dir: PathBuf,
        /// This cosigner's number, from 1.
        #[arg(long)]
        id: u16,
        /// How many cosigners have to sign; more than half of all.
        #[arg(long)]
        threshold: u16,
        /// How many cosigners there are.
        #[arg(long)]
        of: u16,
    },
    /// With everybody's round1-*.json in the directory: writes round2-N.json for everybody, prints the transcript.
    Deal(Place),
    /// With everybody's round2-*.json as well: writes the share.
    Finish {
        /// Directory of the ceremony.
        #[arg(long)]
        dir: PathBuf,
        /// This cosigner's number.
        #[arg(long)]
        id: u16,
        /// What `deal` has printed, after it was found to be the same on every machine.
        #[arg(long)]
        transcript: String,
        #[command(flatten)]
        out: ShareOut,
    },
}

#[derive(Subcommand)]
pub(crate) enum ReshareCommand {
    /// On each new cosigner: writes secret-N.json, which stays here, and join-N.json for everybody.
    Start(Place),
    /// On as many old cosigners as their threshold, with all join-*.json: writes deal-N.json, prints the transcript.
    Deal {
        /// Directory of the ceremony.
        #[arg(long)]
        dir: PathBuf,
        /// The old share.
        #[arg(long)]
        share: PathBuf,
        /// File with its passphrase; without it, it is asked for.
        #[arg(long)]
        share_passphrase_file: Option<PathBuf>,
        /// The old cosigners that deal, as many as the old threshold.
        #[arg(long, value_delimiter = ',', required = true)]
        among: Vec<u16>,
        /// How many of the new cosigners have to sign; more than half of them.
        #[arg(long)]
        threshold: u16,
    },
    /// On each new cosigner, with all join-*.json and deal-*.json: writes the share.
    Finish {
        /// Directory of the ceremony.
        #[arg(long)]
        dir: PathBuf,
        /// The new cosigner's number.
        #[arg(long)]
        id: u16,
        /// What `deal` has printed, after it was found to be the same on every machine.
        #[arg(long)]
        transcript: String,
        /// Public key in hex that this must be a share of.
        #[arg(long)]
        expect: String,
        #[command(flatten)]
        out: ShareOut,
    },
}

/// Who takes part in a ceremony, and where.
#[derive(Args)]
pub(crate) struct Place {
    /// Directory of the ceremony.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// This cosigner's number, from 1.
    #[arg(long)]
    pub(crate) id: u16,
}

#[derive(Args)]
pub(crate) struct ShareOut {
    /// Directory for share-N.json and group.json.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Encrypt the share, as age does it, to the passphrase in this file.
    #[arg(long)]
    pub(crate) passphrase_file: Option<PathBuf>,
}
