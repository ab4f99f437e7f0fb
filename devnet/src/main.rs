//! Entry point of `palisade-devnet`.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_devnet::cli::main(std::env::args_os())
}
