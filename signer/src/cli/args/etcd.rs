//! `palisade-signer etcd …`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Look;

#[derive(Subcommand)]
pub(crate) enum EtcdCommand {
    /// Look at the clusters of a configuration: members, quorum, versions, users, latency, and the marks in them. Changes nothing
    /// but one key beside each mark, which it puts to measure.
    Check(Look),
    /// Bind this signer to the cluster that answers now, after a restore from a backup: raises the mark in etcd to what this signer has
    /// signed, and this signer to what is in etcd.
    Pin {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Chain id.
        #[arg(long)]
        chain: String,
        /// Every signer of this key is stopped and stays so until this was run on each of them: the backup may lack what any of them
        /// has signed.
        #[arg(long)]
        i_stopped_every_signer: bool,
    },
}
