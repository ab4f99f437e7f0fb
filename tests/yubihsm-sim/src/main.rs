//! The simulator as a program, for end-to-end tests and for trying the operator's commands without a device.

use clap::Parser;
use palisade_yubihsm_sim::{Config, start_on};
use std::net::SocketAddr;
use std::time::Duration;

/// A YubiHSM 2 in software behind the connector's HTTP API. For tests: it protects nothing.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Serial number of the device.
    #[arg(long, default_value_t = Config::default().serial)]
    serial: u32,
    /// Firmware version, as major.minor.patch.
    #[arg(long, value_parser = firmware, default_value = "2.4.0")]
    firmware: (u8, u8, u8),
    /// Seconds after which an unused session is closed.
    #[arg(long, default_value_t = 30)]
    idle: u64,
    /// Messages that one session may carry.
    #[arg(long, default_value_t = Config::default().command_limit)]
    commands: u32,
}

fn firmware(text: &str) -> Result<(u8, u8, u8), String> {
    let mut parts = text.split('.').map(str::parse::<u8>);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Ok((major, minor, patch)),
        _ => Err("three numbers with dots, such as 2.4.0".to_owned()),
    }
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let handle = start_on(
        args.listen,
        Config {
            serial: args.serial,
            firmware: args.firmware,
            idle_limit: Duration::from_secs(args.idle),
            command_limit: args.commands,
        },
    )?;
    println!("{}", handle.url());
    loop {
        std::thread::park();
    }
}
