//! `palisade`: see `palisade::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade::cli::main(std::env::args_os())
}
