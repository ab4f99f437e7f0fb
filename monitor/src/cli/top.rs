//! `palisade-monitor top`: the page in a terminal.

use crate::io::http::Tls;
use crate::io::top_cmd;
use std::path::PathBuf;
use std::process::ExitCode;

/// `top`
#[derive(clap::Args)]
pub(super) struct Args {
    /// The monitor's page.
    #[arg(long, default_value = "http://127.0.0.1:9464")]
    url: String,
    /// File of a token, where the page needs one.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// PEM file of the authority of the page's certificate.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// PEM file of an own certificate, where the page asks for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// PEM file of its key.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Begin with this chain.
    #[arg(long)]
    chain: Option<String>,
    /// Print one screen and end; 120 columns where there is no terminal.
    #[arg(long)]
    once: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let options = top_cmd::Options {
        url: args.url,
        token: args.token_file,
        tls: Tls { ca: args.ca, identity: args.cert.zip(args.key) },
        chain: args.chain,
        once: args.once,
    };
    super::runtime()?.block_on(top_cmd::run(options))?;
    Ok(ExitCode::SUCCESS)
}
