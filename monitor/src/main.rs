//! `palisade-monitor` as a program of its own.

use std::process::ExitCode;

/// A block of 64 validators is a few thousand small strings; glibc takes a quarter of the processor time for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    palisade_monitor::cli::main(std::env::args_os())
}
