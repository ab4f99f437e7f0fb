//! `palisade-sentry`: see `palisade_sentry::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_sentry::cli::main(std::env::args_os())
}
