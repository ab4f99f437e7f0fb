//! `palisade-monitor` as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_monitor::cli::main(std::env::args_os())
}
