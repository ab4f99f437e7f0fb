//! Every rendered file is read by the program that will read it, before it is written.

use std::path::Path;

use palisade_sentry::resolve;

use crate::tree::{File, MONITOR_TOML, Part, SIGNER_TOML, WATCH_FLEET, WATCH_TOML};

/// A daemon would refuse its file.
#[derive(Debug, thiserror::Error)]
#[error(
    "host \"{host}\": {target} is not accepted by its daemon: {reason}\ntry: correct what it names in the fleet file"
)]
pub struct ParseBackError {
    /// Host name.
    pub host: String,
    /// Path on the host.
    pub target: String,
    /// What the daemon says.
    pub reason: String,
}

/// Reads the file as its daemon will.
///
/// # Errors
/// What the daemon would say.
pub fn parse_back(file: &File) -> Result<(), ParseBackError> {
    let target = Path::new(&file.target);
    let directory = target.parent().unwrap_or(target);
    let read = match file.part {
        Part::Signer if file.target == SIGNER_TOML => {
            palisade_signer::config::Config::parse(&file.text, directory).map(drop).map_err(|e| e.to_string())
        }
        Part::Monitor if file.target == MONITOR_TOML => {
            palisade_monitor::config::Config::parse(&file.text, target).map(drop).map_err(|e| e.to_string())
        }
        Part::Watch if file.target == WATCH_TOML => {
            toml::from_str::<palisade_sentry::watch::settings::Settings>(&file.text)
                .map(drop)
                .map_err(|e| e.to_string())
        }
        Part::Watch if file.target == WATCH_FLEET => resolve(&file.text).map(drop).map_err(|e| e.to_string()),
        // Units and the system's own files have no reader here: ansible/check has systemd-analyze, nft, sshd and promtool read them.
        Part::Host | Part::Watch | Part::Etcd | Part::Prometheus => Ok(()),
        Part::Signer | Part::Monitor | Part::Node if !file.target.ends_with(".toml") => Ok(()),
        // A node takes any TOML; `render::node` has read it back as the audit does.
        Part::Signer | Part::Monitor | Part::Node => {
            file.text.parse::<toml::Table>().map(drop).map_err(|e| e.to_string())
        }
    };
    read.map_err(|reason| {
        // The daemon's own advice names its file; here the fleet file is to be changed.
        let reason =
            reason.lines().take_while(|line| !line.starts_with("try: ")).collect::<Vec<_>>().join("\n");
        ParseBackError { host: file.host.clone(), target: file.target.clone(), reason }
    })
}
