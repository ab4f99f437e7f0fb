//! `yubihsm connector`: a device of this machine behind the connector's API, for commands that want it one after another. While a
//! signer holds the device, its `connector_listen` does the same; two processes cannot hold one USB device.

use std::path::Path;

use anyhow::Context as _;

use super::{ask, firmware, refused};
use crate::{
    config::Connector,
    io::key::yubihsm::connector::{Served, serve_connector},
};

/// Where the device is.
pub enum Source {
    /// At a USB port, by its serial number.
    Serial(u32),
    /// As typed.
    Connector(String),
}

/// `connector`: serves until the answer is dropped, and says what.
pub fn connector(listen: &str, source: &Source) -> anyhow::Result<(Served, String)> {
    let at = Connector::parse_listen(listen, Path::new("")).map_err(|what| {
        refused(format!("--listen {listen:?}: {what}"), "--listen unix:///run/palisade/hsm.sock")
    })?;
    let device = match source {
        Source::Serial(serial) => Connector::Usb { serial: Some(*serial) },
        Source::Connector(text) => super::connector(text)?,
    };
    // A device that is not there is found out now and not by the first client.
    let info = ask(&device)?;
    let served = serve_connector(&at, &device).with_context(|| format!("--listen {listen}"))?;
    let line =
        format!("device {} (firmware {}) served at {}", info.serial, firmware(&info), served.address());
    Ok((served, line))
}
