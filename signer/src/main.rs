//! The `palisade-signer` binary.

fn main() -> std::process::ExitCode {
    palisade_signer::cli::main(std::env::args_os())
}
